// Sizes, durations, schedules and positions in a log as people or programs write them: what is
// taken is told back in words that mean the same, and a schedule's next moment is later than the
// one before and fits it.
#include "base/check.h"
#include "fuzz_input.h"
#include "model/cron.h"
#include "model/log_position.h"
#include "model/quantity.h"
#include "model/words.h"

using namespace moln;

namespace {

void check_quantities(std::string_view text) {
    if (const auto size = parse_size(text)) {
        CHECK(size->count >= 0);
        CHECK(parse_size(format_size(*size)) == *size);
    }
    if (const auto duration = parse_duration(text)) {
        CHECK(duration->count >= 0);
        CHECK(parse_duration(format_duration(*duration)) == *duration);
    }
}

void check_position(std::string_view text) {
    if (const auto position = parse_log_position(text)) CHECK(position->text() == text);
}

void check_cron(std::string_view text) {
    constexpr std::int64_t k_minute_ms = 60'000;
    const auto schedule = parse_cron(text);
    if (!schedule) return;
    WallTime at{1'700'000'000'000};
    for (int i = 0; i < 3; ++i) {
        const auto next = next_fire(*schedule, at);
        if (!next) return;
        CHECK(*next > at);
        CHECK(next->ms % k_minute_ms == 0);
        CHECK(next_fire(*schedule, WallTime{next->ms - 1}) == next);
        at = *next;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = FuzzInput(data, size).rest();
    check_quantities(text);
    check_cron(text);
    check_position(text);
    const auto clean = valid_utf8(text);
    CHECK(valid_utf8(clean) == clean);
    return 0;
}
