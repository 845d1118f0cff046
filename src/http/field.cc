#include "http/field.h"

#include <array>
#include <cstring>

#include "http/scan.h"

namespace moln::http {
namespace {

constexpr std::array<std::string_view, k_field_ids> k_names = {{
    "",  // other
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "expect",
    "te",
    "trailer",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-real-ip",
    "x-forwarded-user",
    "client-cert",
    "client-cert-chain",
    "forwarded",
    "traceparent",
    "tracestate",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-accept",
    "date",
    "server",
    "user-agent",
    "referer",
    "cookie",
    "authorization",
    "content-type",
    "content-encoding",
    "content-range",
    "cache-control",
    "age",
    "retry-after",
    "set-cookie",
    "vary",
    "etag",
    "last-modified",
    "expires",
    "pragma",
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "location",
    "content-location",
    "content-md5",
    "cdn-cache-control",
    "surrogate-control",
    "cache-status",
    "cache-tag",
    "surrogate-key",
    "accept-encoding",
    "accept-language",
    "moln-peer",
    "x-moln-mirror",
}};

// A perfect hash of the names: size, first, last and fourth-last letter tell them apart; the
// multiplier that spreads them without collision is found while compiling.
constexpr std::size_t k_slot_bits = 9;

constexpr std::uint32_t name_key(std::string_view name) {
    const auto letter = [&](std::size_t at) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(name[at])) | 0x20u;
    };
    const std::size_t size = name.size();
    return static_cast<std::uint32_t>(size & 0xff) | letter(0) << 8 | letter(size - 1) << 16 |
           letter(size >= 4 ? size - 4 : 0) << 24;
}
constexpr std::size_t slot_of(std::uint32_t key, std::uint32_t multiplier) {
    return (key * multiplier) >> (32 - k_slot_bits);
}

// What only the edge may say of a client or of a request, or a process that the edge asks: gateways
// that make variables of names (CGI, WSGI, PHP) read '-' and '_' alike, so it is known with both.
constexpr bool is_edges_word(FieldId id) {
    switch (id) {
        case FieldId::x_forwarded_for:
        case FieldId::x_forwarded_proto:
        case FieldId::x_forwarded_host:
        case FieldId::x_forwarded_port:
        case FieldId::x_real_ip:
        case FieldId::x_forwarded_user:
        case FieldId::client_cert:
        case FieldId::client_cert_chain:
        case FieldId::x_moln_mirror: return true;
        default: return false;
    }
}

struct NameTable {
    std::uint32_t multiplier = 0;
    std::array<std::uint8_t, 1u << k_slot_bits> ids{};
};

// The key of the name with underscores, if that is another one.
constexpr std::uint32_t loose_key(std::string_view name) {
    constexpr std::uint32_t k_dash_to_underscore = ('-' | 0x20u) ^ ('_' | 0x20u);
    const std::uint32_t key = name_key(name);
    return name.size() >= 4 && name[name.size() - 4] == '-' ? key ^ k_dash_to_underscore << 24
                                                            : key;
}

constexpr NameTable make_name_table() {
    std::uint32_t multiplier = 0x9e3779b1u;
    for (;;) {
        NameTable table{multiplier, {}};
        bool collides = false;
        const auto enter = [&](std::uint32_t key, std::size_t id) {
            std::uint8_t& slot = table.ids[slot_of(key, multiplier)];
            collides = collides || (slot != 0 && slot != id);
            slot = static_cast<std::uint8_t>(id);
        };
        for (std::size_t id = 1; id < k_names.size() && !collides; ++id) {
            enter(name_key(k_names[id]), id);
            if (is_edges_word(static_cast<FieldId>(id))) enter(loose_key(k_names[id]), id);
        }
        if (!collides) return table;
        multiplier = multiplier * 1664525u + 1013904223u;
    }
}
constexpr NameTable k_table = make_name_table();

// Known names are letters and '-': among token characters only letters of either case and '-'
// become those when bit 5 is set.
bool folds_to(std::string_view name, std::string_view lower) {
    const std::size_t size = name.size();
    if (size < 8) {
        for (std::size_t i = 0; i < size; ++i) {
            if ((name[i] | 0x20) != lower[i]) return false;
        }
        return true;
    }
    const auto same_at = [&](std::size_t at) {
        std::uint64_t left = 0;
        std::uint64_t right = 0;
        std::memcpy(&left, name.data() + at, 8);
        std::memcpy(&right, lower.data() + at, 8);
        return (left | 0x2020202020202020u) == right;
    };
    for (std::size_t at = 0; at + 8 < size; at += 8) {
        if (!same_at(at)) return false;
    }
    return same_at(size - 8);
}

bool folds_loosely_to(std::string_view name, std::string_view lower) {
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i] == '_' ? '-' : static_cast<char>(name[i] | 0x20);
        if (c != lower[i]) return false;
    }
    return true;
}

}  // namespace

FieldId field_id(std::string_view name) {
    if (name.empty()) return FieldId::other;
    const std::uint8_t id = k_table.ids[slot_of(name_key(name), k_table.multiplier)];
    const std::string_view known = k_names[id];
    if (known.size() != name.size()) return FieldId::other;
    const auto found = static_cast<FieldId>(id);
    if (folds_to(name, known)) return found;
    return is_edges_word(found) && folds_loosely_to(name, known) ? found : FieldId::other;
}

std::string_view field_name(FieldId id) {
    return k_names[static_cast<std::size_t>(id)];
}

bool is_token(std::string_view text) {
    return !text.empty() && all(k_byte_token, text);
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (to_lower(a[i]) != to_lower(b[i])) return false;
    }
    return true;
}

}  // namespace moln::http
