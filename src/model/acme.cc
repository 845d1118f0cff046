#include "model/acme.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "model/certificate.h"

namespace moln {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 2> k_directories = {{
    {k_acme_default, "https://acme-v02.api.letsencrypt.org/directory"},
    {"letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory"},
}};
constexpr std::string_view k_https = "https://";

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

std::string acme_directory(std::string_view said) {
    for (const auto& [name, url] : k_directories) {
        if (said == name) return std::string(url);
    }
    return std::string(said);
}

std::string acme_name(std::string_view directory) {
    for (const auto& [name, url] : k_directories) {
        if (directory == url) return std::string(name);
    }
    if (directory.starts_with(k_https)) directory.remove_prefix(k_https.size());
    return std::string(directory.substr(0, directory.find_first_of("/?#")));
}

std::string_view challenge_words(ChallengeKind kind) {
    return kind == ChallengeKind::http_01 ? "http-01" : "tls-alpn-01";
}

bool is_public_host(std::string_view host) {
    if (host.starts_with("*") || is_local_host(host)) return false;
    const auto dot = host.rfind('.');
    if (dot == std::string_view::npos || dot + 1 == host.size()) return false;
    // No address: a top-level domain has a letter (RFC 3696, 2).
    return host.find_first_not_of("0123456789", dot + 1) != std::string_view::npos;
}

Status validate_acme_url(std::string_view url) {
    const auto host = url.starts_with(k_https) ? acme_name(url) : std::string();
    if (!host.empty() && url.size() <= k_acme_url_length_max && is_printable(url) &&
        host.find('@') == std::string::npos) {
        return {};
    }
    return fail(ErrorCode::invalid,
                "expected letsencrypt, letsencrypt-staging, or the https URL of an ACME directory "
                "such as https://ca.example.org/acme/directory");
}

Status validate_email(std::string_view email) {
    if (email.empty()) return {};
    const auto at = email.find('@');
    const bool good = at != std::string_view::npos && at > 0 && at + 1 < email.size() &&
                      email.find('@', at + 1) == std::string_view::npos &&
                      email.size() <= k_acme_email_length_max && is_printable(email) &&
                      !email.starts_with("-") && email.find_first_of(",;<>\"") == email.npos;
    if (good) return {};
    return fail(ErrorCode::invalid, "expected one mail address such as ops@example.org");
}

}  // namespace moln
