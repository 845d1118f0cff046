#include "model/client_cert.h"

#include <fmt/format.h>

namespace moln {

Status validate_client_cert(const ClientCertSpec& spec) {
    constexpr std::string_view k_begin = "-----BEGIN ";
    constexpr std::string_view k_label = "CERTIFICATE-----";
    constexpr std::string_view k_end = "-----END CERTIFICATE-----";
    if (spec.ca.size() > k_client_ca_bytes_max) {
        return fail(ErrorCode::invalid, fmt::format("expected at most {} bytes of authorities, "
                                                    "found {}",
                                                    k_client_ca_bytes_max, spec.ca.size()));
    }
    const std::string_view text = spec.ca;
    std::size_t count = 0;
    for (auto at = text.find(k_begin); at != std::string_view::npos; at = text.find(k_begin, at)) {
        const auto label = text.substr(at + k_begin.size());
        if (!label.starts_with(k_label)) {
            return fail(ErrorCode::invalid,
                        "expected nothing but certificates of authorities, found something else, "
                        "such as a private key, which belongs nowhere but to its owner");
        }
        const auto end = text.find(k_end, at);
        if (end == std::string_view::npos || text.find(k_begin, at + 1) < end) {
            return fail(
                ErrorCode::invalid,
                fmt::format("expected \"{}\" after certificate {}, found none", k_end, count + 1));
        }
        at = end;
        ++count;
    }
    if (count > 0) return {};
    return fail(ErrorCode::invalid,
                "expected certificates of authorities as PEM (\"-----BEGIN CERTIFICATE-----\"), "
                "found none");
}

}  // namespace moln
