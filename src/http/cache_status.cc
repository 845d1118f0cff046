#include "http/cache_status.h"

#include "http/write.h"

namespace moln::http {
namespace {

std::string_view word(CacheForward forward) {
    switch (forward) {
        case CacheForward::none: break;
        case CacheForward::bypass: return "bypass";
        case CacheForward::method: return "method";
        case CacheForward::uri_miss: return "uri-miss";
        case CacheForward::vary_miss: return "vary-miss";
        case CacheForward::request: return "request";
        case CacheForward::stale: return "stale";
        case CacheForward::partial: return "partial";
    }
    return "";
}

}  // namespace

std::string_view format_cache_status(const CacheStatus& status,
                                     std::span<char, k_cache_status_bytes_max> out) {
    ByteWriter text(out);
    text.text("moln");
    if (status.forward == CacheForward::none) {
        text.text("; hit");
    } else {
        text.text("; fwd=");
        text.text(word(status.forward));
    }
    if (status.forward_status) {
        text.text("; fwd-status=");
        text.number(*status.forward_status);
    }
    if (status.ttl_s) {
        text.text("; ttl=");
        if (*status.ttl_s < 0) text.text("-");
        const auto size = *status.ttl_s < 0 ? 0 - static_cast<std::uint64_t>(*status.ttl_s)
                                            : static_cast<std::uint64_t>(*status.ttl_s);
        text.number(size);
    }
    if (status.stored) text.text("; stored");
    if (status.collapsed) text.text("; collapsed");
    if (!status.detail.empty()) {
        text.text("; detail=");
        text.text(status.detail);
    }
    return text.written();
}

}  // namespace moln::http
