#include "edge/cache/resuming.h"

#include "http/conditional.h"
#include "http/range.h"

namespace moln::edge {

bool may_resume(std::uint16_t status, std::string_view tag, std::optional<std::uint64_t> length) {
    return status == 200 && length && http::equals_strongly(tag, tag);
}

bool is_rest_of(const BrokenBody& broken, const http::ResponseHead& response,
                std::optional<std::uint64_t> body_bytes) {
    const auto text = response.fields.only(http::FieldId::content_range);
    const auto tag = response.fields.only(http::FieldId::etag);
    if (response.status != 206 || !text || !tag) return false;
    const auto range = http::parse_content_range(*text);
    return range && http::equals_strongly(*tag, broken.tag) && range->length == broken.length &&
           range->range.first == broken.have && range->range.last == broken.length - 1 &&
           body_bytes == broken.length - broken.have;
}

}  // namespace moln::edge
