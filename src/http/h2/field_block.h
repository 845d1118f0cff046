// The fields of one HTTP/2 header block as the decoder gives them, and what they come to as an
// HTTP/1 head: text that the strict parser of head.h reads next, so that no request reaches an
// instance which HTTP/1 would have refused (EDGE.md, gate 2). The rules of RFC 9113 8.2 and 8.3
// that HTTP/1 does not know are held here, whatever the decoder let pass.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "http/head.h"
#include "http/violation.h"

namespace moln::h2 {

// Collects names and values in room that the caller lends, to where the block ends.
class FieldBlock {
public:
    // `room` must outlive what is asked below.
    void begin(std::span<char> room);

    // What passes the room or http::k_fields_max + 4 pseudo fields is not kept, but remembered as
    // `overflow`.
    void add(std::string_view name, std::string_view value);

    std::size_t size() const { return count_; }
    http::Violation overflow() const { return overflow_; }
    // As SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113 6.5.2), what was not kept included.
    std::uint64_t list_bytes() const { return list_bytes_; }

    struct Line {
        std::string_view name, value;
    };
    Line line(std::size_t index) const;

private:
    struct Entry {
        std::uint32_t at = 0;
        std::uint16_t name_bytes = 0, value_bytes = 0;
    };
    static constexpr std::size_t k_pseudo_fields_max = 8;

    std::span<char> room_;
    std::size_t used_ = 0;
    std::size_t count_ = 0;
    std::uint64_t list_bytes_ = 0;
    http::Violation overflow_ = http::Violation::none;
    std::array<Entry, http::k_fields_max + k_pseudo_fields_max> entries_;
};

struct RequestText {
    std::size_t bytes = 0;
    bool websocket = false;  // an extended CONNECT (RFC 8441), written as the HTTP/1 handshake
};
// "GET /path HTTP/1.1\r\nHost: …\r\n…\r\n\r\n". `websocket_key`: base64 of 16 random bytes, for the
// handshake's Sec-WebSocket-Key. Content-Length is passed, a body without one is the caller's to
// frame.
std::expected<RequestText, http::Violation> write_request(const FieldBlock& block,
                                                          std::string_view websocket_key,
                                                          std::span<char> out);
// "HTTP/1.1 200 \r\n…\r\n\r\n" of an instance's response.
std::expected<std::size_t, http::Violation> write_response(const FieldBlock& block,
                                                           std::span<char> out);
// Trailers as HTTP/1 field lines, without the empty line. None of them may frame, route or
// authenticate (RFC 9110 6.5.1).
std::expected<std::size_t, http::Violation> write_trailers(const FieldBlock& block,
                                                           std::span<char> out);

}  // namespace moln::h2
