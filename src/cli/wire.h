// HTTP/1.1 and WebSocket as the CLI speaks them to the daemon, as pure functions over bytes. A
// client of one known server: what it does not understand is an error, never a guess.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace moln::cli {

// A request as a value. `body` is sent with its length; `chunked` announces a body to come.
struct ApiCall {
    std::string method = "GET";
    std::string target;
    std::map<std::string, std::string> headers;
    std::string body;
    bool chunked = false;
    friend bool operator==(const ApiCall&, const ApiCall&) = default;
};

std::string head_bytes(const ApiCall& call);
std::string chunk_bytes(std::string_view data);
inline constexpr std::string_view k_last_chunk = "0\r\n\r\n";

// "a b" -> "a%20b": everything but unreserved characters (RFC 3986 2.3).
std::string percent_encode(std::string_view text);

// "/v1/a?x=1&y=2", values percent-encoded; those of an empty value are left out.
std::string target(const std::string& path,
                   const std::vector<std::pair<std::string, std::string>>& query);

inline constexpr std::size_t k_answer_head_bytes_max = 64 * 1024;

// Reads one answer from bytes as they come.
class AnswerReader {
public:
    // Appends to `body` what of `bytes` is body. Errors: invalid for what is no HTTP answer.
    Status feed(std::string_view bytes, std::string& body);
    // The connection ended: an error if the answer did not.
    Status end_of_input();

    bool has_head() const { return state_ != State::head; }
    bool is_done() const { return state_ == State::done; }
    int status() const { return status_; }
    const std::string& content_type() const { return content_type_; }
    // What came after the head of a 101 answer.
    std::string take_rest() { return std::move(buffer_); }

private:
    enum class State { head, sized, until_close, chunk_size, chunk_data, chunk_end, trailer, done };
    Status read_head(std::string_view head);
    Result<bool> step(std::string& body);  // false: needs more bytes
    std::optional<std::string> take_line();

    State state_ = State::head;
    std::string buffer_;
    int status_ = 0;
    std::string content_type_;
    std::uint64_t left_ = 0;
};

enum class FrameKind { bytes, text, close, ping, pong };

struct Frame {
    FrameKind kind = FrameKind::bytes;
    std::string payload;
};

inline constexpr std::size_t k_frame_bytes_max = 64u << 20;

// A whole masked message of a client (RFC 6455 5.2).
std::string frame_bytes(FrameKind kind, std::string_view payload, std::uint32_t mask);

// Joins frames of a server to messages.
class FrameReader {
public:
    // Errors: invalid for masked, reserved or oversize frames.
    Result<std::vector<Frame>> feed(std::string_view bytes);

private:
    std::string buffer_;
    std::optional<Frame> partial_;
};

}  // namespace moln::cli
