#include "model/acme.h"

#include <algorithm>
#include <array>
#include <chrono>
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

// RFC 8555, 6.7: the type of the problem stands in the reason.
constexpr std::string_view k_rate_limited = "rateLimited";
constexpr std::string_view k_retry_after = "retry after ";

// The digits of a time, in their places; "2026-12-05T12:00:00Z" and "2026-12-05 12:00:00 UTC"
// alike.
constexpr std::string_view k_time_form = "dddd-dd-dd?dd:dd:dd";

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

bool is_rate_limit(std::string_view reason) {
    return reason.find(k_rate_limited) != std::string_view::npos;
}

std::optional<WallTime> time_to_ask_again(std::string_view reason) {
    const auto said = reason.find(k_retry_after);
    if (said == std::string_view::npos) return std::nullopt;
    const auto text = reason.substr(said + k_retry_after.size(), k_time_form.size());
    if (text.size() != k_time_form.size()) return std::nullopt;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char form = k_time_form[i];
        const bool good = form == 'd'   ? text[i] >= '0' && text[i] <= '9'
                          : form == '?' ? text[i] == ' ' || text[i] == 'T'
                                        : text[i] == form;
        if (!good) return std::nullopt;
    }
    const auto part = [&](std::size_t at, std::size_t digits) {
        int number = 0;
        for (const char c : text.substr(at, digits)) number = number * 10 + (c - '0');
        return number;
    };
    const std::chrono::year_month_day day{std::chrono::year(part(0, 4)),
                                          std::chrono::month(static_cast<unsigned>(part(5, 2))),
                                          std::chrono::day(static_cast<unsigned>(part(8, 2)))};
    if (!day.ok() || part(11, 2) > 23 || part(14, 2) > 59 || part(17, 2) > 60) return std::nullopt;
    const auto seconds_of_day = std::chrono::hours(part(11, 2)) +
                                std::chrono::minutes(part(14, 2)) +
                                std::chrono::seconds(part(17, 2));
    const auto time = std::chrono::sys_days(day) + seconds_of_day;
    return WallTime{
        std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count()};
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
