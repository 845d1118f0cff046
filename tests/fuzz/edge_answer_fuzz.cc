// Any bytes in the fields by which a stored answer is cut into slices or compressed. Every line of
// the input is a field's value: what is read keeps to its limits.
#include <array>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "edge/cache/compressing.h"
#include "edge/cache/slices.h"
#include "fuzz_input.h"
#include "http/fields_testing.h"
#include "http/vary.h"

namespace {

using namespace moln;
using namespace moln::edge;

constexpr std::array<std::string_view, 11> k_names = {"Content-Range",
                                                      "ETag",
                                                      "Last-Modified",
                                                      "Date",
                                                      "Accept-Ranges",
                                                      "Content-Type",
                                                      "Vary",
                                                      "If-Range",
                                                      "Accept-Encoding",
                                                      "Cache-Control",
                                                      "Content-Encoding"};
constexpr WallTime k_now{1'763'800'000'000};

void check_slices(const http::ResponseHead& head) {
    for (const std::uint64_t number : {0u, 1u, 4095u}) {
        const auto facts = slice_facts(head, number, k_now);
        if (!facts) continue;
        CHECK(facts->first == number * k_slice_bytes && facts->size <= k_slice_bytes);
        CHECK(facts->size > 0 && facts->first + facts->size <= facts->total);
        CHECK(facts->size == k_slice_bytes || facts->first + facts->size == facts->total);
        CHECK(!facts->validator.empty());
    }
}

void check_codings(const http::RequestHead& request, const http::ResponseHead& head) {
    std::array<char, http::k_vary_bytes_max> room;
    const auto names = http::vary_names(head.fields, room);
    const bool may = names && may_be_compressed(request, head, *names);
    std::array<char, k_coded_etag_bytes_max> tag_room;
    const auto etag = head.fields.first(http::FieldId::etag).value_or("");
    if (may && !etag.empty()) CHECK(weakened(etag, tag_room).starts_with("W/"));
    const auto wish = coding_wish(request, http::cache_control_of(request.fields));
    const auto chosen = wish.best([](ContentCoding) { return true; });
    CHECK(chosen == ContentCoding::identity || wish.codings.weight(chosen) > 0);
    const auto none = wish.best([](ContentCoding) { return false; });
    CHECK(none == ContentCoding::identity);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 16'384) return 0;
    moln::FuzzInput input(data, size);
    http::FieldsOf fields;
    for (std::size_t count = 0; !input.rest().empty() && count < 40; ++count) {
        const auto name = k_names[input.byte() % k_names.size()];
        fields.add(name, input.line());
    }
    http::RequestHead request;
    request.fields = fields.table();
    http::ResponseHead head;
    head.fields = fields.table();
    head.status = 206;
    check_slices(head);
    head.status = 200;
    (void)may_have_slices(head, k_now);
    check_codings(request, head);
    return 0;
}
