#include "http/framing.h"

#include "http/scan.h"

namespace moln::http {
namespace {

BodyFraming of_length(std::uint64_t length) {
    if (length == 0) return {};
    return {BodyKind::length, length};
}

// base64 of 16 bytes: 22 digits, the last with four zero bits, and "==" (RFC 6455 4.1).
bool is_websocket_key(std::string_view key) {
    if (key.size() != 24 || !key.ends_with("==")) return false;
    for (const char c : key.substr(0, 22)) {
        if (!is_letter(c) && !is_digit(c) && c != '+' && c != '/') return false;
    }
    return std::string_view("AQgw").contains(key[21]);
}

bool is_websocket_handshake(const RequestHead& head) {
    const auto key = head.fields.only(FieldId::sec_websocket_key);
    return head.method == Method::get && key && is_websocket_key(*key) &&
           head.fields.only(FieldId::sec_websocket_version) == "13";
}

// protocol-name ["/" protocol-version] (RFC 9110 7.8).
bool is_protocol(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return is_token(text);
    return is_token(text.substr(0, slash)) && is_token(text.substr(slash + 1));
}

// Protocols in which requests would travel unseen through the tunnel.
bool hides_requests(std::string_view protocol) {
    const std::string_view name = protocol.substr(0, protocol.find('/'));
    for (const std::string_view hidden : {"h2c", "h2", "http", "tls"}) {
        if (equals_ignoring_case(name, hidden)) return true;
    }
    return false;
}

}  // namespace

BodyFraming request_body(const RequestHead& head) {
    if (head.facts.chunked) return {BodyKind::chunked, 0};
    return of_length(head.facts.content_length.value_or(0));
}

BodyFraming response_body(const ResponseHead& head, const RequestContext& context) {
    if (head.status == 101 && context.upgrade_sent) return {BodyKind::tunnel, 0};
    const bool bodiless = head.status < 200 || head.status == 204 || head.status == 304;
    if (bodiless || context.method == Method::head) return {};
    if (head.facts.chunked) return {BodyKind::chunked, 0};
    if (head.facts.content_length) return of_length(*head.facts.content_length);
    return {BodyKind::until_close, 0};
}

bool withholds_body(const ResponseHead& head, Method method) {
    const auto length = head.facts.content_length;
    if (head.status == 204 || head.status == 304) {
        return head.facts.chunked || length.value_or(0) != 0;
    }
    return method == Method::head && length != 0;  // of none as well: it may end by closing
}

bool unexpected_switch(const ResponseHead& head, std::string_view protocol) {
    if (head.status != 101) return false;
    if (protocol.empty() || !head.facts.connection_upgrade) return true;
    const auto chosen = head.fields.only(FieldId::upgrade);
    return !chosen || !equals_ignoring_case(*chosen, protocol);
}

Persistence request_persistence(const RequestHead& head) {
    if (head.facts.close) return Persistence::close;
    const bool lives = head.version == Version::http_1_1 || head.facts.keep_alive;
    return lives ? Persistence::keep_alive : Persistence::close;
}

Persistence response_persistence(const ResponseHead& head, const BodyFraming& body) {
    if (body.kind == BodyKind::until_close || body.kind == BodyKind::tunnel || head.facts.close) {
        return Persistence::close;
    }
    const bool lives = head.version == Version::http_1_1 || head.facts.keep_alive;
    return lives ? Persistence::keep_alive : Persistence::close;
}

UpgradeWish upgrade_wish(const RequestHead& head) {
    if (!head.facts.has_upgrade || !head.facts.connection_upgrade ||
        head.version == Version::http_1_0 || request_body(head).kind != BodyKind::none) {
        return {};
    }
    const auto protocol = head.fields.only(FieldId::upgrade);
    if (!protocol || !is_protocol(*protocol) || hides_requests(*protocol)) return {};
    if (!equals_ignoring_case(*protocol, "websocket")) return {UpgradeKind::other, *protocol};
    if (!is_websocket_handshake(head)) return {};
    return {UpgradeKind::websocket, *protocol};
}

}  // namespace moln::http
