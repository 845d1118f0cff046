#include "http/h2/field_block.h"

#include <cstring>
#include <limits>

#include "http/field.h"
#include "http/scan.h"
#include "http/write.h"

namespace moln::h2 {
namespace {

using http::Violation;

constexpr std::size_t k_list_overhead_bytes = 32;  // of each field, RFC 9113 6.5.2
constexpr std::string_view k_websocket = "websocket";

// RFC 9113 8.2.1: lower case, token characters; a pseudo field's colon is looked at before.
bool good_name(std::string_view name) {
    if (name.empty() || !http::all(http::k_byte_token, name)) return false;
    for (const char c : name) {
        if (c >= 'A' && c <= 'Z') return false;
    }
    return true;
}

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

bool good_value(std::string_view value) {
    if (value.empty()) return true;
    const char* const end = value.data() + value.size();
    return http::skip_value(value.data(), end) == end && !is_blank(value.front()) &&
           !is_blank(value.back());
}

// RFC 9113 8.2.2: what HTTP/1 says of its connection has no place here.
Violation judge_connection_field(std::string_view name, std::string_view value) {
    for (const std::string_view of_connection :
         {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"}) {
        if (name == of_connection) return Violation::bad_connection;
    }
    if (name == "te" && !http::equals_ignoring_case(value, "trailers")) {
        return Violation::bad_connection;
    }
    return Violation::none;
}

Violation judge_line(const FieldBlock::Line& line) {
    if (!good_name(line.name)) return Violation::bad_field_name;
    if (!good_value(line.value)) return Violation::bad_field_value;
    return judge_connection_field(line.name, line.value);
}

// Takes the leading pseudo fields apart. The others begin at `rest`.
struct Pseudo {
    std::string_view method, scheme, authority, path, protocol, status;
    bool has_authority = false;
    std::size_t rest = 0;

    Violation take(std::string_view name, std::string_view value) {
        std::string_view* where = nullptr;
        if (name == ":method") where = &method;
        if (name == ":scheme") where = &scheme;
        if (name == ":path") where = &path;
        if (name == ":protocol") where = &protocol;
        if (name == ":status") where = &status;
        if (name == ":authority") {
            if (has_authority) return Violation::duplicate_host;
            has_authority = true;
            where = &authority;
        } else if (where == nullptr || !where->empty() || value.empty()) {
            return Violation::bad_field_name;
        }
        *where = value;
        return Violation::none;
    }
};

std::expected<Pseudo, Violation> take_pseudo(const FieldBlock& block) {
    Pseudo pseudo;
    for (; pseudo.rest < block.size(); ++pseudo.rest) {
        const auto line = block.line(pseudo.rest);
        if (line.name.empty() || line.name.front() != ':') break;
        const Violation violation = pseudo.take(line.name, line.value);
        if (violation != Violation::none) return std::unexpected(violation);
    }
    return pseudo;
}

// The request line's parts must not be able to end it.
Violation judge_request_line(const Pseudo& pseudo) {
    if (pseudo.method.empty() || !http::all(http::k_byte_token, pseudo.method)) {
        return Violation::bad_method;
    }
    if (!pseudo.status.empty()) return Violation::bad_field_name;
    if (!pseudo.protocol.empty()) {
        if (pseudo.method != "CONNECT" || pseudo.protocol != k_websocket) {
            return Violation::method_not_served;
        }
    } else if (pseudo.method == "CONNECT") {
        return Violation::method_not_served;
    }
    if (pseudo.scheme != "http" && pseudo.scheme != "https") return Violation::bad_target;
    const bool form = !pseudo.path.empty() && (pseudo.path.front() == '/' || pseudo.path == "*");
    if (!form || !http::all(http::k_byte_target, pseudo.path)) return Violation::bad_target;
    for (const char c : pseudo.authority) {
        if (!http::is(http::k_byte_target, c)) return Violation::bad_host;
    }
    return Violation::none;
}

// `Host` beside :authority must say the same (RFC 9113 8.3.1).
std::expected<std::string_view, Violation> authority_of(const FieldBlock& block,
                                                        const Pseudo& pseudo) {
    std::string_view host;
    bool has_host = false;
    for (std::size_t i = pseudo.rest; i < block.size(); ++i) {
        const auto line = block.line(i);
        if (line.name != "host") continue;
        if (has_host) return std::unexpected(Violation::duplicate_host);
        has_host = true;
        host = line.value;
    }
    if (!pseudo.has_authority && !has_host) return std::unexpected(Violation::missing_host);
    if (pseudo.has_authority && has_host && !http::equals_ignoring_case(pseudo.authority, host)) {
        return std::unexpected(Violation::target_host_differs);
    }
    return pseudo.has_authority ? pseudo.authority : host;
}

// RFC 9113 8.2.3: crumbs of Cookie become one field again.
void write_cookie(http::ByteWriter& out, const FieldBlock& block, std::size_t from) {
    bool first = true;
    for (std::size_t i = from; i < block.size(); ++i) {
        const auto line = block.line(i);
        if (line.name != "cookie") continue;
        out.text(first ? "cookie: " : "; ");
        out.text(line.value);
        first = false;
    }
    if (!first) out.end_line();
}

void write_handshake(http::ByteWriter& out, std::string_view key) {
    out.field("Connection", "Upgrade");
    out.field("Upgrade", k_websocket);
    out.field("Sec-WebSocket-Key", key);
}

// All fields behind the pseudo fields, but `Host`, and those that the handshake brings itself.
Violation write_lines(http::ByteWriter& out, const FieldBlock& block, const Pseudo& pseudo) {
    for (std::size_t i = pseudo.rest; i < block.size(); ++i) {
        const auto line = block.line(i);
        const Violation violation = judge_line(line);
        if (violation != Violation::none) return violation;
        if (line.name == "host" || line.name == "cookie") continue;
        if (!pseudo.protocol.empty() && line.name == "sec-websocket-key") continue;
        out.field(line.name, line.value);
    }
    write_cookie(out, block, pseudo.rest);
    return Violation::none;
}

}  // namespace

void FieldBlock::begin(std::span<char> room) {
    room_ = room;
    used_ = count_ = 0;
    list_bytes_ = 0;
    overflow_ = Violation::none;
}

void FieldBlock::add(std::string_view name, std::string_view value) {
    list_bytes_ += name.size() + value.size() + k_list_overhead_bytes;
    if (overflow_ != Violation::none) return;
    constexpr std::size_t k_part_bytes_max = std::numeric_limits<std::uint16_t>::max();
    const std::size_t bytes = name.size() + value.size();
    if (bytes > room_.size() - used_ || name.size() > k_part_bytes_max ||
        value.size() > k_part_bytes_max) {
        overflow_ = Violation::head_too_large;
        return;
    }
    if (count_ == entries_.size()) {
        overflow_ = Violation::too_many_fields;
        return;
    }
    if (bytes != 0) {
        std::memcpy(room_.data() + used_, name.data(), name.size());
        if (!value.empty()) {
            std::memcpy(room_.data() + used_ + name.size(), value.data(), value.size());
        }
    }
    entries_[count_++] = {.at = static_cast<std::uint32_t>(used_),
                          .name_bytes = static_cast<std::uint16_t>(name.size()),
                          .value_bytes = static_cast<std::uint16_t>(value.size())};
    used_ += bytes;
}

FieldBlock::Line FieldBlock::line(std::size_t index) const {
    const Entry& entry = entries_[index];
    const char* begin = room_.data() + entry.at;
    return {.name = {begin, entry.name_bytes},
            .value = {begin + entry.name_bytes, entry.value_bytes}};
}

std::expected<RequestText, Violation> write_request(const FieldBlock& block,
                                                    std::string_view websocket_key,
                                                    std::span<char> out) {
    if (block.overflow() != Violation::none) return std::unexpected(block.overflow());
    const auto pseudo = take_pseudo(block);
    if (!pseudo) return std::unexpected(pseudo.error());
    if (const Violation violation = judge_request_line(*pseudo); violation != Violation::none) {
        return std::unexpected(violation);
    }
    const auto authority = authority_of(block, *pseudo);
    if (!authority) return std::unexpected(authority.error());
    if (!good_value(*authority)) return std::unexpected(Violation::bad_host);

    const bool websocket = !pseudo->protocol.empty();
    http::ByteWriter text(out);
    text.text(websocket ? "GET" : pseudo->method);
    text.text(" ");
    text.text(pseudo->path);
    text.text(" HTTP/1.1\r\n");
    text.field("host", *authority);
    if (websocket) write_handshake(text, websocket_key);
    if (const Violation violation = write_lines(text, block, *pseudo);
        violation != Violation::none) {
        return std::unexpected(violation);
    }
    text.end_line();
    if (!text.fits()) return std::unexpected(Violation::head_too_large);
    return RequestText{.bytes = text.size(), .websocket = websocket};
}

std::expected<std::size_t, Violation> write_response(const FieldBlock& block, std::span<char> out) {
    if (block.overflow() != Violation::none) return std::unexpected(block.overflow());
    const auto pseudo = take_pseudo(block);
    if (!pseudo) return std::unexpected(pseudo.error());
    const bool digits = pseudo->status.size() == 3 && http::is_digit(pseudo->status[0]) &&
                        http::is_digit(pseudo->status[1]) && http::is_digit(pseudo->status[2]);
    const bool only_status = pseudo->rest == 1;
    // RFC 9113 8.6: there is no 101 here.
    if (!digits || !only_status || pseudo->status == "101") {
        return std::unexpected(Violation::bad_status_line);
    }
    http::ByteWriter text(out);
    text.text("HTTP/1.1 ");
    text.text(pseudo->status);
    text.text(" \r\n");
    for (std::size_t i = pseudo->rest; i < block.size(); ++i) {
        const auto line = block.line(i);
        const Violation violation = judge_line(line);
        if (violation != Violation::none) return std::unexpected(violation);
        text.field(line.name, line.value);
    }
    text.end_line();
    if (!text.fits()) return std::unexpected(Violation::head_too_large);
    return text.size();
}

std::expected<std::size_t, Violation> write_trailers(const FieldBlock& block, std::span<char> out) {
    if (block.overflow() != Violation::none) return std::unexpected(Violation::trailers_too_large);
    http::ByteWriter text(out);
    for (std::size_t i = 0; i < block.size(); ++i) {
        const auto line = block.line(i);
        const Violation violation = judge_line(line);
        if (violation != Violation::none) return std::unexpected(Violation::bad_trailer);
        if (http::is_refused_in_trailer(http::field_id(line.name))) {
            return std::unexpected(Violation::trailer_not_allowed);
        }
        text.field(line.name, line.value);
    }
    if (!text.fits()) return std::unexpected(Violation::trailers_too_large);
    return text.size();
}

}  // namespace moln::h2
