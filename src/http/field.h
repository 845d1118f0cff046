// Field names that this edge acts on, told apart once while parsing so that nobody compares
// strings later. A name that is not listed is `other` and is passed through untouched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace moln::http {

enum class FieldId : std::uint8_t {
    other,
    host,
    connection,
    content_length,
    transfer_encoding,
    upgrade,
    expect,
    te,
    trailer,
    keep_alive,
    proxy_connection,
    proxy_authenticate,
    proxy_authorization,
    x_forwarded_for,
    x_forwarded_proto,
    x_forwarded_host,
    x_forwarded_port,
    x_real_ip,
    x_forwarded_user,
    client_cert,
    client_cert_chain,
    forwarded,
    traceparent,
    tracestate,
    sec_websocket_key,
    sec_websocket_version,
    sec_websocket_accept,
    date,
    server,
    user_agent,
    referer,
    cookie,
    authorization,
    content_type,
    content_encoding,
    content_range,
    cache_control,
    age,
    retry_after,
    set_cookie,
    vary,
    etag,
    last_modified,
    expires,
    pragma,
    range,
    if_range,
    if_match,
    if_none_match,
    if_modified_since,
    if_unmodified_since,
    location,
    content_location,
    content_md5,
    cdn_cache_control,
    surrogate_control,
    cache_status,
    cache_tag,
    surrogate_key,
    accept_encoding,
    accept_language,
    moln_peer,
    x_moln_mirror,
};
inline constexpr std::size_t k_field_ids = 63;

// A set of them, one bit each.
class FieldSet {
public:
    constexpr FieldSet() = default;
    constexpr FieldSet with(FieldId id) const { return FieldSet(bits_ | bit(id)); }
    constexpr bool has(FieldId id) const { return (bits_ & bit(id)) != 0; }

private:
    static_assert(k_field_ids <= 64);
    constexpr explicit FieldSet(std::uint64_t bits) : bits_(bits) {}
    static constexpr std::uint64_t bit(FieldId id) { return 1ull << static_cast<unsigned>(id); }

    std::uint64_t bits_ = 0;
};

// Any case of letters. `name` must be a valid token. What only the edge may say of a client or of
// a request is known with '_' for '-' as well: to many apps (CGI, WSGI) that is the same field.
FieldId field_id(std::string_view name);
// The lower-case name; empty for `other`.
std::string_view field_name(FieldId id);

// Meant for one connection only (RFC 9110 7.6.1, RFC 9112 9): never passed on as received.
constexpr bool is_hop_by_hop(FieldId id) {
    switch (id) {
        case FieldId::connection:
        case FieldId::transfer_encoding:
        case FieldId::upgrade:
        case FieldId::te:
        case FieldId::trailer:
        case FieldId::keep_alive:
        case FieldId::proxy_connection:
        case FieldId::proxy_authenticate:
        case FieldId::proxy_authorization: return true;
        default: return false;
    }
}

// Would change the framing or the routing of a message that has already begun (RFC 9110 6.5.1).
constexpr bool is_refused_in_trailer(FieldId id) {
    return is_hop_by_hop(id) || id == FieldId::host || id == FieldId::content_length ||
           id == FieldId::expect;
}

// One field line, as views into the head's buffer. The value has no blanks around it.
struct Field {
    std::string_view name;
    std::string_view value;
    FieldId id = FieldId::other;
};

// RFC 9110 5.6.2: one or more token characters.
bool is_token(std::string_view text);
// Equal but for the case of ASCII letters.
bool equals_ignoring_case(std::string_view a, std::string_view b);

// Calls `visit(element)` for every non-empty element of a comma list, blanks trimmed.
template <typename Visit>
void for_each_element(std::string_view list, Visit&& visit) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        std::string_view element = list.substr(0, comma);
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
        while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) {
            element.remove_prefix(1);
        }
        while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) {
            element.remove_suffix(1);
        }
        if (!element.empty()) visit(element);
    }
}

}  // namespace moln::http
