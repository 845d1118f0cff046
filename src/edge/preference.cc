#include "edge/preference.h"

#include <charconv>
#include <span>

#include "edge/sip_hash.h"
#include "http/cookie.h"

namespace moln::edge {
namespace {

std::string_view value_of(const BalanceSpec& balance, const http::RequestHead& head,
                          std::string_view client) {
    switch (balance.by) {
        case BalanceBy::least: return {};
        case BalanceBy::client: return client;
        case BalanceBy::path: return head.path();
        case BalanceBy::header: return head.fields.first(balance.name).value_or("");
        case BalanceBy::cookie: return http::cookie(head.fields, balance.name).value_or("");
    }
    return {};
}

bool matches(const NamedValue& rule, std::optional<std::string_view> found) {
    return found && (!rule.value || *rule.value == *found);
}

bool in_share(const CanarySpec& canary, std::string_view client) {
    constexpr std::uint64_t k_whole = 100;
    return balance_key(client) % k_whole < static_cast<std::uint64_t>(canary.share);
}

}  // namespace

Preference preference(const EdgeApp& app, const http::RequestHead& head, std::string_view client) {
    Preference wish;
    if (app.affinity) {
        if (const auto token = http::cookie(head.fields, k_affinity_cookie)) {
            wish.affinity = parse_affinity(*token);
        }
    }
    if (app.balance.by != BalanceBy::least) {
        const auto value = value_of(app.balance, head, client);
        if (!value.empty()) wish.key = balance_key(value);
    }
    if (app.canary_release != 0) wish.canary = is_canary(app.canary, head, client);
    return wish;
}

Preference stream_preference(const EdgeApp& app, std::span<const std::uint8_t, 16> bytes) {
    const std::string_view client(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    Preference wish;
    if (app.balance.by == BalanceBy::client) wish.key = balance_key(client);
    if (app.canary_release != 0) wish.canary = in_share(app.canary, client);
    return wish;
}

bool is_canary(const CanarySpec& canary, const http::RequestHead& head, std::string_view client) {
    if (!canary.header.empty()) {
        const auto rule = split_header_rule(canary.header);
        if (matches(rule, head.fields.first(rule.name))) return true;
    }
    if (!canary.cookie.empty()) {
        const auto rule = split_cookie_rule(canary.cookie);
        if (matches(rule, http::cookie(head.fields, rule.name))) return true;
    }
    return in_share(canary, client);
}

std::uint64_t balance_key(std::string_view text) {
    constexpr SipKey k_fixed{.low = 0x6d6f'6c6e, .high = 0x6b65'79};  // every edge agrees
    const auto hash = sip_hash(k_fixed, std::as_bytes(std::span(text)));
    return hash == 0 ? 1 : hash;
}

std::uint64_t parse_affinity(std::string_view text) {
    std::uint64_t token = 0;
    if (text.size() != k_affinity_digits) return 0;
    const auto* end = text.data() + text.size();
    const auto [next, error] = std::from_chars(text.data(), end, token, 16);
    return error == std::errc{} && next == end ? token : 0;
}

}  // namespace moln::edge
