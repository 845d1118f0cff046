// Heads written anew. What was received is never forwarded as bytes: start line, framing and
// connection fields come from decisions, the other fields from validated values. The caller owns
// the output buffer; a writer that does not fit says so and what it wrote is to be thrown away.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

#include "http/framing.h"
#include "http/head.h"
#include "http/trace.h"

namespace moln::http {

// Appends to a fixed buffer; once something did not fit, nothing more is written.
class ByteWriter {
public:
    explicit ByteWriter(std::span<char> out)
        : begin_(out.data()), at_(begin_), end_(at_ + out.size()) {}

    void text(std::string_view text) {
        if (take_room(text.size())) put(text);
    }
    void number(std::uint64_t number) {
        const auto [next, error] = std::to_chars(at_, end_, number);
        fits_ = fits_ && error == std::errc{};
        if (fits_) at_ = next;
    }
    // "name: value\r\n"; both must be valid.
    void field(std::string_view name, std::string_view value) {
        if (!take_room(name.size() + value.size() + 4)) return;
        put(name);
        put(": ");
        put(value);
        put("\r\n");
    }
    void end_line() { text("\r\n"); }

    bool fits() const { return fits_; }
    std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
    std::string_view written() const { return {begin_, size()}; }

private:
    bool take_room(std::size_t size) {
        fits_ = fits_ && size <= static_cast<std::size_t>(end_ - at_);
        return fits_;
    }
    void put(std::string_view text) {
        if (!text.empty()) std::memcpy(at_, text.data(), text.size());
        at_ += text.size();
    }

    char* begin_;
    char* at_;
    char* end_;
    bool fits_ = true;
};

// A field that the edge adds. Replaces a received one only where this header says so.
struct ExtraField {
    std::string_view name;
    std::string_view value;
};

// How far the client's own forwarding fields are believed.
enum class ForwardedTrust : std::uint8_t {
    replace,  // dropped; ours say what we saw
    append,   // the peer is a trusted proxy: X-Forwarded-For is continued, the others kept
};

struct UpstreamRequest {
    std::string_view client_address;  // "192.0.2.1", for X-Forwarded-For
    std::string_view scheme = "http";
    std::uint16_t edge_port = 80;  // where the client connected, for X-Forwarded-Port
    ForwardedTrust trust = ForwardedTrust::replace;
    BodyFraming body;              // as it will be sent: request_body(head), or a known length
    UpgradeWish upgrade;           // kind none: no Upgrade is sent
    bool expect_continue = false;  // pass Expect: 100-continue on
    const TraceContext* trace = nullptr;  // null: the client's fields are passed as they are
    // What is asked for is to be stored: the client's own conditions and range are left out.
    bool for_cache = false;
    std::span<const ExtraField> extra;
};

// The request for the instance, always HTTP/1.1 in origin (or asterisk) form with the Host
// received. Dropped: hop-by-hop fields, those that Connection lists; Client-Cert and
// Client-Cert-Chain (RFC 9440) and X-Moln-Mirror, which only the edge may say; Moln-Peer, which is
// between edges.
// Empty if it does not fit.
std::optional<std::size_t> write_request_head(const RequestHead& head,
                                              const UpstreamRequest& request, std::span<char> out);

// Does Connection keep fields that are there from the instance? Its answer is then none to a
// request with them. (HTTP2-Settings is no such: clients list it that ask whether HTTP/2 is
// spoken.)
bool keeps_fields_back(const RequestHead& head);

struct ClientResponse {
    Method request_method = Method::get;
    Version client_version = Version::http_1_1;
    // As it will be sent to this client: until_close means that the connection ends the body.
    BodyFraming body;
    Persistence persistence = Persistence::keep_alive;
    std::string_view date;         // IMF-fixdate; used when the instance sent none
    std::string_view phrase = {};  // empty: the instance's own
    std::span<const ExtraField> extra;
};

// How a body read as `received` is sent to a client of that version: chunked stays chunked in
// HTTP/1.1, becomes until_close in HTTP/1.0; until_close becomes chunked in HTTP/1.1.
BodyFraming body_for_client(const BodyFraming& received, Version client_version);

// The response for the client. For HEAD and 304 the instance's Content-Length is kept: it
// describes what GET would bring. A 101 passes Upgrade and says Connection: upgrade.
std::optional<std::size_t> write_response_head(const ResponseHead& head,
                                               const ClientResponse& response, std::span<char> out);

// What the edge itself answers: text, never cached.
struct ErrorResponse {
    std::uint16_t status = 500;
    std::string_view text;               // one sentence for the user; a newline is added
    std::string_view content_type = {};  // "": plain text
    std::optional<std::uint32_t> retry_after_s;
    Method request_method = Method::get;  // HEAD: no body is written
    Version client_version = Version::http_1_1;
    Persistence persistence = Persistence::close;
    std::string_view date;
    std::span<const ExtraField> extra;
};
// Head and body in one.
std::optional<std::size_t> write_error_response(const ErrorResponse& error, std::span<char> out);

// Room that surely suffices for the head to the instance or to the client: what was received and
// what is added.
std::size_t head_bytes_bound(std::size_t received_bytes, std::span<const ExtraField> extra);

}  // namespace moln::http
