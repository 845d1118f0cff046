// The chunked coding (RFC 9112 7.1), both ways. The decoder is incremental and strict; the data
// it gives are ranges of the caller's buffer. Chunk extensions are checked and dropped.
//
//   for (;;) {
//       ChunkStep step = decoder.next(received);
//       received.remove_prefix(step.consumed);
//       …
//   }
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "http/field.h"
#include "http/violation.h"

namespace moln::http {

struct ChunkLimits {
    // One chunk. Not a limit of the body: data are streamed. Far below 2^63, so no sum overflows.
    std::uint64_t chunk_bytes_max = 1ull << 48;
    std::size_t extension_bytes_max = 256;  // per chunk, from the first ';' or blank
    // Whole body: extensions may cost at most this much before they count as abuse.
    std::size_t extensions_total_bytes_max = 16 * 1024;
    std::size_t trailer_bytes_max = 8 * 1024;  // trailer lines and empty line together
    std::size_t trailers_max = 32;
};

struct ChunkStep {
    enum class Kind : std::uint8_t {
        need_more,  // all that could be consumed is; bytes left over must be given again
        data,       // `data` is body
        trailer,    // `trailer` is one trailer field; it may be dropped
        done,       // the body is complete; what follows `consumed` is the next message
        refused,    // `violation` says why; the connection must be closed
    };
    Kind kind = Kind::need_more;
    std::size_t consumed = 0;  // bytes of the buffer that are used up, data included
    std::string_view data;
    Field trailer;
    Violation violation = Violation::none;
};

class ChunkedDecoder {
public:
    explicit ChunkedDecoder(const ChunkLimits& limits = {}) : limits_(limits) {}

    // Takes from the front of `buffer`. Never asks to keep more than one unfinished trailer line,
    // which is at most trailer_bytes_max long.
    ChunkStep next(std::string_view buffer);

    bool done() const { return state_ == State::done; }

private:
    enum class State : std::uint8_t {
        size_first,        // the first digit of the size
        size,              // further digits, or what may follow them
        blank,             // blanks before a ';'
        name_begin,        // after ';'
        name,              // of an extension
        name_end,          // blanks after it
        value_begin,       // after '='
        value_token,       // a value without quotes
        value_quoted,      // between the quotes
        value_escaped,     // after a backslash
        value_quoted_end,  // after the second quote
        size_lf,           // the LF of the size line
        data,              // left_ bytes to come
        data_cr,           // the CR after the data
        data_lf,           // the LF after it
        trailer,           // a trailer line or the empty line
        done,
        refused,
    };

    ChunkStep next_data(std::string_view buffer, std::size_t at);
    ChunkStep next_trailer(std::string_view buffer, std::size_t at);
    ChunkStep trailer_field(std::string_view line, std::size_t consumed);
    ChunkStep refuse(Violation violation);
    // One byte of framing; moves state_.
    Violation take(char c);
    Violation take_size(char c);
    Violation take_extension(char c);
    std::optional<State> after_extension_name(char c) const;
    std::optional<State> after_extension_value(char c) const;

    ChunkLimits limits_;
    State state_ = State::size_first;
    Violation violation_ = Violation::none;
    std::uint8_t digits_ = 0;
    std::uint64_t left_ = 0;
    std::size_t extension_bytes_ = 0;
    std::size_t extensions_total_bytes_ = 0;
    std::size_t trailer_bytes_ = 0;
    std::size_t trailers_ = 0;
    std::size_t line_seen_ = 0;  // bytes of the unfinished trailer line already searched for LF
};

// What stands before and after a chunk's data when writing: head, data, k_chunk_end.
struct ChunkHead {
    std::array<char, 18> bytes;  // 16 hexadecimal digits and CRLF
    std::size_t size = 0;
    std::string_view view() const { return {bytes.data(), size}; }
};
// `data_bytes` > 0: a chunk of size 0 would end the body.
ChunkHead chunk_head(std::uint64_t data_bytes);
inline constexpr std::string_view k_chunk_end = "\r\n";
// What a chunk costs beside its data: the longest head, and the end.
inline constexpr std::size_t k_chunk_framing_bytes_max = 20;
inline constexpr std::string_view k_last_chunk = "0\r\n\r\n";

}  // namespace moln::http
