// Any bytes in the fields by which a cache decides: Cache-Control and its kin, Vary, Range,
// Content-Range, If-None-Match. Every line of the input is a field's value: what is read keeps to
// its limits, and the same is read when all else is given twice.
#include <algorithm>
#include <array>
#include <cstdint>

#include "base/check.h"
#include "fuzz_input.h"
#include "http/accept_encoding.h"
#include "http/cache_control.h"
#include "http/conditional.h"
#include "http/fields_testing.h"
#include "http/range.h"
#include "http/vary.h"

namespace {

using namespace moln::http;

constexpr std::array<std::string_view, 14> k_names = {
    "Cache-Control",   "CDN-Cache-Control", "Surrogate-Control", "Vary", "Range",
    "Content-Range",   "If-None-Match",     "If-Modified-Since", "ETag", "Last-Modified",
    "Accept-Language", "Accept-Encoding",   "If-Range",          "Foo"};

bool within(const std::optional<std::uint32_t>& seconds) {
    return !seconds || *seconds <= k_delta_seconds_max;
}
void check(const CacheControl& control) {
    CHECK(within(control.max_age) && within(control.s_maxage) && within(control.max_stale));
    CHECK(within(control.min_fresh) && within(control.stale_if_error));
    CHECK(control.no_cache_list_count <= k_no_cache_lists_max);
}

void check_range(std::string_view value) {
    if (const auto wish = parse_range(value)) {
        if (const auto range = resolve(*wish, 1000)) {
            CHECK(range->first <= range->last && range->last < 1000);
        }
    }
    if (const auto range = parse_content_range(value)) {
        std::array<char, k_content_range_bytes_max> room;
        CHECK(parse_content_range(format_content_range(*range, room)) == *range);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 16'384) return 0;
    moln::FuzzInput input(data, size);
    FieldsOf fields;
    for (std::size_t count = 0; !input.rest().empty() && count < 40; ++count) {
        const auto name = k_names[input.byte() % k_names.size()];
        const auto value = input.line();
        fields.add(name, value);
        check_range(value);
    }
    const FieldTable& table = fields.table();
    check(cache_control_of(table));
    check(surrogate_control_of(table, "moln"));
    if (const auto control = cdn_cache_control_of(table)) check(*control);
    (void)is_not_modified(table, validators_of(table, {}), {});
    (void)if_range_holds(table, validators_of(table, {}), {});
    for (const auto weight : accepted_codings(table).weights) CHECK(weight <= 1000);
    std::array<char, k_vary_bytes_max> names_room;
    const auto names = vary_names(table, names_room);
    if (!names) return 0;
    // Within a name it is a character as others are.
    for_each_element(*names, [](std::string_view name) { CHECK(name != "*"); });
    std::array<char, k_vary_key_bytes_max> room;
    std::array<char, k_vary_key_bytes_max> again;
    const auto key = vary_key(*names, table, room);
    CHECK(key == vary_key(*names, table, again));
    return 0;
}
