// What uacme says in an authority's words: whatever comes, a reason is one printable line of
// bounded length that is never empty, and a time to ask again is one that a calendar has.
#include <algorithm>

#include "base/check.h"
#include "drivers/acme/uacme_output.h"
#include "fuzz_input.h"
#include "model/acme.h"
#include "model/words.h"

using namespace moln;

namespace {

void check_reason(std::string_view output) {
    const auto reason = failure_reason(output);
    CHECK(!reason.empty());
    CHECK(reason.size() <= k_acme_reason_bytes_max + std::string_view("…").size());
    CHECK(valid_utf8(reason) == reason);
    CHECK(std::ranges::none_of(
        reason, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
    (void)is_away(output);
    (void)account_exists(output);
    if (const auto again = time_to_ask_again(reason)) {
        CHECK(again->ms % 1000 == 0);
        CHECK(*again < WallTime{days(366 * 8100).count});  // the year 9999
    }
}

void check_offer(std::string_view line) {
    const auto offer = offered_challenge(line);
    if (!offer) return;
    for (const auto* word : {&offer->host, &offer->token, &offer->authorization}) {
        CHECK(!word->empty());
        CHECK(word->find(' ') == std::string::npos);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = FuzzInput(data, size).rest();
    check_reason(text);
    check_offer(text);
    (void)time_to_ask_again(text);
    return 0;
}
