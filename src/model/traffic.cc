#include "model/traffic.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "model/network.h"
#include "model/quantity.h"
#include "model/traffic_limits.h"

namespace moln {
namespace {

constexpr std::size_t k_shown_max = 60;

std::unexpected<Error> expected(std::string_view what, std::string_view found) {
    return fail(ErrorCode::invalid,
                fmt::format("expected {}, found \"{}\"", what, found.substr(0, k_shown_max)));
}

std::unexpected<Error> no_rate(std::string_view text) {
    return expected(
        fmt::format("a rate such as \"20/s\", \"600/m\" or \"20/s burst 100\" (1 to {} requests "
                    "in at most a day)",
                    k_rate_requests_max),
        text);
}

// RFC 9110 5.6.2.
bool is_token(std::string_view text) {
    constexpr std::string_view k_marks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               k_marks.find(c) != std::string_view::npos;
    });
}

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::optional<std::int64_t> whole(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool good = error == std::errc{} && end == text.data() + text.size();
    return good ? std::optional(number) : std::nullopt;
}

// "s" is "1s".
Result<Milliseconds> window_of(std::string_view text) {
    const bool counted = !text.empty() && text.front() >= '0' && text.front() <= '9';
    return parse_duration(counted ? std::string(text) : "1" + std::string(text));
}

bool is_rate(const RateLimit& rate) {
    return rate.requests >= 1 && rate.requests <= k_rate_requests_max && rate.burst >= 0 &&
           rate.burst <= k_rate_requests_max && rate.window.count >= 1 &&
           rate.window <= k_rate_window_max;
}

Status check_rule(const NamedValue& rule, std::string_view what, std::string_view text) {
    const bool good = is_token(rule.name) && rule.name.size() <= k_field_name_length_max;
    const auto value = rule.value.value_or("");
    if (good && is_printable(value) && value.size() <= k_field_value_length_max) return {};
    return expected(what, text);
}

NamedValue split(std::string_view rule, char mark) {
    const auto at = rule.find(mark);
    if (at == std::string_view::npos) return {rule, std::nullopt};
    auto value = rule.substr(at + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    while (value.ends_with(' ')) value.remove_suffix(1);
    return {rule.substr(0, at), value};
}

}  // namespace

Result<RateLimit> parse_rate(std::string_view text) {
    constexpr std::string_view k_burst = " burst ";
    RateLimit rate;
    auto average = text;
    if (const auto at = text.find(k_burst); at != std::string_view::npos) {
        const auto burst = whole(text.substr(at + k_burst.size()));
        if (!burst || *burst < 1) return no_rate(text);
        rate.burst = *burst;
        average = text.substr(0, at);
    }
    const auto slash = average.find('/');
    if (slash == std::string_view::npos) return no_rate(text);
    const auto requests = whole(average.substr(0, slash));
    const auto window = window_of(average.substr(slash + 1));
    if (!requests || !window) return no_rate(text);
    rate.requests = *requests;
    rate.window = *window;
    if (!is_rate(rate)) return no_rate(text);
    return rate;
}

std::string format_rate(const RateLimit& rate) {
    auto window = format_duration(rate.window);
    if (window == "1s" || window == "1m" || window == "1h" || window == "1d") window.erase(0, 1);
    auto text = fmt::format("{}/{}", rate.requests, window);
    return rate.burst == 0 ? text : fmt::format("{} burst {}", text, rate.burst);
}

std::string_view user_name(std::string_view user) {
    return user.substr(0, user.find(':'));
}

Result<BalanceSpec> parse_balance(std::string_view text) {
    BalanceSpec balance;
    const auto whole = text;
    if (const auto at = text.find(':'); at != std::string_view::npos) {
        balance.name = text.substr(at + 1);
        text = text.substr(0, at);
    }
    const auto by = enum_from_word<BalanceBy>(text);
    if (!by) return expected("least, client, path, header:NAME or cookie:NAME", whole);
    balance.by = *by;
    MOLN_TRY(validate_balance(balance));
    return balance;
}

std::string format_balance(const BalanceSpec& balance) {
    const auto by = enum_word(balance.by);
    return balance.name.empty() ? std::string(by) : fmt::format("{}:{}", by, balance.name);
}

NamedValue split_header_rule(std::string_view rule) {
    return split(rule, ':');
}

NamedValue split_cookie_rule(std::string_view rule) {
    return split(rule, '=');
}

Status validate_rate(const RateSpec& rate) {
    if (!rate.client && !rate.route) {
        return fail(ErrorCode::invalid, "expected a limit of a client or of the route, found none");
    }
    for (const auto* limit : {&rate.client, &rate.route}) {
        if (*limit && !is_rate(**limit)) return no_rate(format_rate(**limit));
    }
    return {};
}

Status validate_auth(const AuthSpec& auth) {
    if (auth.users.empty() || auth.users.size() > k_auth_users_max) {
        return fail(ErrorCode::invalid, fmt::format("expected 1 to {} users, found {}",
                                                    k_auth_users_max, auth.users.size()));
    }
    std::set<std::string_view> names;
    for (const std::string_view user : auth.users) {
        const auto name = user_name(user);
        const auto hash = user.substr(std::min(name.size() + 1, user.size()));
        // What is wrong may be a password: it is not shown.
        const bool good = !name.empty() && hash.starts_with('$') && is_printable(user) &&
                          user.find(' ') == std::string_view::npos &&
                          user.size() <= k_auth_user_bytes_max;
        if (!good) {
            return expected(
                "users as \"name:hash\", as `moln password` prints them, the hash "
                "beginning with $",
                name);
        }
        if (!names.insert(name).second) return expected("each user once", name);
    }
    if (!is_printable(auth.realm) || auth.realm.find_first_of("\"\\") != std::string::npos ||
        auth.realm.size() > k_auth_realm_bytes_max) {
        return expected(fmt::format("a realm of at most {} printable ASCII characters without "
                                    "quotes and backslashes",
                                    k_auth_realm_bytes_max),
                        auth.realm);
    }
    return {};
}

Status validate_balance(const BalanceSpec& balance) {
    const bool named = balance.by == BalanceBy::header || balance.by == BalanceBy::cookie;
    const bool good = named
                          ? is_token(balance.name) && balance.name.size() <= k_field_name_length_max
                          : balance.name.empty();
    if (good) return {};
    return expected("least, client, path, header:NAME or cookie:NAME", format_balance(balance));
}

Status validate_canary(const CanarySpec& canary) {
    constexpr std::int64_t k_whole = 100;
    if (canary.share < 0 || canary.share > k_whole) {
        return expected("a share of 0 to 100 per cent", std::to_string(canary.share));
    }
    if (canary.mirror < 0 || canary.mirror > k_whole) {
        return expected("0 to 100 per cent of the others to copy", std::to_string(canary.mirror));
    }
    if (!canary.header.empty()) {
        MOLN_TRY(check_rule(split_header_rule(canary.header),
                            "a header such as \"X-Canary\" or \"X-Canary: yes\"", canary.header));
    }
    if (!canary.cookie.empty()) {
        MOLN_TRY(check_rule(split_cookie_rule(canary.cookie),
                            "a cookie such as \"canary\" or \"canary=yes\"", canary.cookie));
    }
    return {};
}

Status validate_maintenance(const MaintenanceSpec& maintenance) {
    if (maintenance.page.size() > k_maintenance_page_bytes_max) {
        return fail(ErrorCode::invalid,
                    fmt::format("expected a page of at most {} bytes, found {}",
                                k_maintenance_page_bytes_max, maintenance.page.size()));
    }
    if (maintenance.retry_after_s < 1 || maintenance.retry_after_s > k_retry_after_s_max) {
        return expected(fmt::format("1 to {} seconds to come again after", k_retry_after_s_max),
                        std::to_string(maintenance.retry_after_s));
    }
    if (maintenance.allow.size() > k_maintenance_allow_max) {
        return expected(
            fmt::format("at most {} networks that still reach it", k_maintenance_allow_max),
            std::to_string(maintenance.allow.size()));
    }
    for (const auto& network : maintenance.allow) {
        if (auto valid = parse_network(network); !valid) return fail(valid.error());
    }
    constexpr std::string_view k_letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const auto& pass = maintenance.pass;
    const bool good = pass.empty() || (pass.size() >= k_maintenance_pass_bytes_min &&
                                       pass.size() <= k_maintenance_pass_bytes_max &&
                                       pass.find_first_not_of(k_letters) == std::string::npos);
    if (good) return {};
    // It is a secret: what was said is not shown.
    return fail(ErrorCode::invalid,
                fmt::format("expected a pass of {} to {} letters, digits, - and _",
                            k_maintenance_pass_bytes_min, k_maintenance_pass_bytes_max));
}

}  // namespace moln
