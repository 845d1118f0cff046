#include "model/client_cert.h"

#include <fmt/format.h>

namespace moln {

Status validate_client_cert(const ClientCertSpec& spec) {
    constexpr std::string_view k_begin = "-----BEGIN ";
    constexpr std::string_view k_certificate = "CERTIFICATE-----";
    constexpr std::string_view k_revoked = "X509 CRL-----";
    if (spec.ca.size() > k_client_ca_bytes_max) {
        return fail(ErrorCode::invalid, fmt::format("expected at most {} bytes of authorities, "
                                                    "found {}",
                                                    k_client_ca_bytes_max, spec.ca.size()));
    }
    const std::string_view text = spec.ca;
    std::size_t blocks = 0;
    std::size_t count = 0;
    for (auto at = text.find(k_begin); at != std::string_view::npos; at = text.find(k_begin, at)) {
        const auto label = text.substr(at + k_begin.size());
        const bool certificate = label.starts_with(k_certificate);
        if (!certificate && !label.starts_with(k_revoked)) {
            return fail(ErrorCode::invalid,
                        "expected nothing but certificates of authorities and their lists of "
                        "revoked ones, found something else, such as a private key, which belongs "
                        "nowhere but to its owner");
        }
        const auto closing = fmt::format("-----END {}", certificate ? k_certificate : k_revoked);
        const auto end = text.find(closing, at);
        if (end == std::string_view::npos || text.find(k_begin, at + 1) < end) {
            return fail(ErrorCode::invalid, fmt::format("expected \"{}\" after certificate or list "
                                                        "{}, found none",
                                                        closing, blocks + 1));
        }
        at = end;
        ++blocks;
        if (certificate) ++count;
    }
    if (count > 0) return {};
    return fail(ErrorCode::invalid,
                "expected certificates of authorities as PEM (\"-----BEGIN CERTIFICATE-----\"), "
                "found none");
}

}  // namespace moln
