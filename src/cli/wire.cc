#include "cli/wire.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace moln::cli {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

std::string_view trim(std::string_view text) {
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
    return text;
}

std::unexpected<Error> bad_answer(std::string_view what) {
    return fail(ErrorCode::internal,
                fmt::format("the daemon's answer is not HTTP as expected: {}", what));
}

template <typename Int>
bool parse_int(std::string_view text, Int& to, int base) {
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), to, base);
    return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && !text.empty();
}

}  // namespace

std::string head_bytes(const ApiCall& call) {
    auto text = fmt::format("{} {} HTTP/1.1\r\nHost: moln\r\n", call.method, call.target);
    for (const auto& [name, value] : call.headers) text += fmt::format("{}: {}\r\n", name, value);
    if (call.chunked) {
        text += "Transfer-Encoding: chunked\r\n";
    } else if (!call.body.empty() || call.method != "GET") {
        text += fmt::format("Content-Length: {}\r\n", call.body.size());
    }
    return text + "\r\n";
}

std::string chunk_bytes(std::string_view data) {
    return fmt::format("{:x}\r\n{}\r\n", data.size(), data);
}

std::string percent_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

std::string target(const std::string& path,
                   const std::vector<std::pair<std::string, std::string>>& query) {
    auto text = path;
    char mark = '?';
    for (const auto& [name, value] : query) {
        if (value.empty()) continue;
        text += fmt::format("{}{}={}", mark, name, percent_encode(value));
        mark = '&';
    }
    return text;
}

Status AnswerReader::feed(std::string_view bytes, std::string& body) {
    buffer_ += bytes;
    while (state_ != State::done) {
        MOLN_ASSIGN(const bool went_on, step(body));
        if (!went_on) break;
    }
    return {};
}

Status AnswerReader::end_of_input() {
    if (state_ == State::until_close) state_ = State::done;
    if (state_ == State::done) return {};
    return fail(ErrorCode::unavailable,
                "the daemon closed the connection before its answer was whole");
}

std::optional<std::string> AnswerReader::take_line() {
    const auto end = buffer_.find("\r\n");
    if (end == std::string::npos) return std::nullopt;
    auto line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return line;
}

Result<bool> AnswerReader::step(std::string& body) {
    switch (state_) {
        case State::head: {
            const auto end = buffer_.find("\r\n\r\n");
            if (end == std::string::npos) {
                if (buffer_.size() > k_answer_head_bytes_max) return bad_answer("a head too long");
                return false;
            }
            const auto head = buffer_.substr(0, end + 2);
            buffer_.erase(0, end + 4);
            MOLN_TRY(read_head(head));
            return true;
        }
        case State::sized:
        case State::chunk_data: {
            const auto count = std::min<std::uint64_t>(left_, buffer_.size());
            body.append(buffer_, 0, count);
            buffer_.erase(0, count);
            left_ -= count;
            if (left_ > 0) return false;
            state_ = state_ == State::sized ? State::done : State::chunk_end;
            return true;
        }
        case State::until_close:
            body += buffer_;
            buffer_.clear();
            return false;
        case State::chunk_size: {
            const auto line = take_line();
            if (!line) return false;
            if (!parse_int(std::string_view(*line).substr(0, line->find(';')), left_, 16)) {
                return bad_answer("a bad chunk size");
            }
            state_ = left_ == 0 ? State::trailer : State::chunk_data;
            return true;
        }
        case State::chunk_end: {
            const auto line = take_line();
            if (!line) return false;
            if (!line->empty()) return bad_answer("a chunk longer than its size");
            state_ = State::chunk_size;
            return true;
        }
        case State::trailer: {
            const auto line = take_line();
            if (!line) return false;
            if (line->empty()) state_ = State::done;
            return true;
        }
        case State::done: break;
    }
    return false;
}

Status AnswerReader::read_head(std::string_view head) {
    const auto first_end = head.find("\r\n");
    const auto first = head.substr(0, first_end);
    if (!first.starts_with("HTTP/1.1 ") || first.size() < 12 ||
        !parse_int(first.substr(9, 3), status_, 10)) {
        return bad_answer("a bad first line");
    }
    head.remove_prefix(first_end + 2);
    state_ = State::until_close;
    while (!head.empty()) {
        const auto end = head.find("\r\n");
        const auto line = head.substr(0, end);
        head.remove_prefix(end + 2);
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) return bad_answer("a bad header");
        const auto name = lower(line.substr(0, colon));
        const auto value = trim(line.substr(colon + 1));
        if (name == "content-type") content_type_ = std::string(value);
        if (name == "transfer-encoding") {
            if (lower(value) != "chunked") return bad_answer("an unknown transfer coding");
            state_ = State::chunk_size;
        }
        if (name == "content-length" && state_ != State::chunk_size) {
            if (!parse_int(value, left_, 10)) return bad_answer("a bad length");
            state_ = State::sized;
        }
    }
    if (status_ == 100) {
        state_ = State::head;
    } else if (status_ == 101 || status_ == 204) {
        state_ = State::done;
    }
    return {};
}

// ---- WebSocket --------------------------------------------------------------------------------

namespace {

// RFC 6455 5.2.
constexpr std::uint8_t k_opcode_continuation = 0;
constexpr std::uint8_t k_final = 0x80;
constexpr std::uint8_t k_masked = 0x80;

std::uint8_t opcode_of(FrameKind kind) {
    switch (kind) {
        case FrameKind::text: return 1;
        case FrameKind::bytes: return 2;
        case FrameKind::close: return 8;
        case FrameKind::ping: return 9;
        case FrameKind::pong: return 10;
    }
    return 2;
}

std::optional<FrameKind> kind_of(std::uint8_t opcode) {
    for (const auto kind :
         {FrameKind::text, FrameKind::bytes, FrameKind::close, FrameKind::ping, FrameKind::pong}) {
        if (opcode_of(kind) == opcode) return kind;
    }
    return std::nullopt;
}

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>((value >> (8 * i)) & 0xff);
}

}  // namespace

std::string frame_bytes(FrameKind kind, std::string_view payload, std::uint32_t mask) {
    std::string out;
    out += static_cast<char>(k_final | opcode_of(kind));
    if (payload.size() < 126) {
        out += static_cast<char>(k_masked | payload.size());
    } else if (payload.size() <= 0xffff) {
        out += static_cast<char>(k_masked | 126);
        append_big_endian(out, payload.size(), 2);
    } else {
        out += static_cast<char>(k_masked | 127);
        append_big_endian(out, payload.size(), 8);
    }
    append_big_endian(out, mask, 4);
    for (std::size_t i = 0; i < payload.size(); ++i) {
        const auto key = static_cast<char>((mask >> (8 * (3 - i % 4))) & 0xff);
        out += static_cast<char>(payload[i] ^ key);
    }
    return out;
}

Result<std::vector<Frame>> FrameReader::feed(std::string_view bytes) {
    buffer_ += bytes;
    std::vector<Frame> frames;
    while (buffer_.size() >= 2) {
        const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(buffer_[i]); };
        const bool final = (byte(0) & k_final) != 0;
        const auto opcode = static_cast<std::uint8_t>(byte(0) & 0x0f);
        std::uint64_t size = byte(1) & 0x7f;
        if ((byte(0) & 0x70) != 0 || (byte(1) & k_masked) != 0) return bad_answer("a bad frame");
        std::size_t head = 2;
        const int extra = size == 126 ? 2 : size == 127 ? 8 : 0;
        if (buffer_.size() < head + static_cast<std::size_t>(extra)) break;
        if (extra > 0) size = 0;
        for (int i = 0; i < extra; ++i) size = size << 8 | byte(head++);
        const auto before = partial_ ? partial_->payload.size() : 0;
        if (size > k_frame_bytes_max || size + before > k_frame_bytes_max) {
            return bad_answer("a frame too long");
        }
        if (buffer_.size() < head + size) break;
        auto payload = buffer_.substr(head, size);
        buffer_.erase(0, head + size);
        if (opcode == k_opcode_continuation) {
            if (!partial_) return bad_answer("a continuation of nothing");
            partial_->payload += payload;
            if (final) frames.push_back(*std::exchange(partial_, std::nullopt));
            continue;
        }
        const auto kind = kind_of(opcode);
        if (!kind) return bad_answer("a frame of an unknown kind");
        if (final) {
            frames.push_back({*kind, std::move(payload)});
        } else if (partial_ || opcode >= 8) {
            return bad_answer("fragments out of order");
        } else {
            partial_ = Frame{*kind, std::move(payload)};
        }
    }
    return frames;
}

}  // namespace moln::cli
