#include "http/chunked.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/hex.h"
#include "http/scan.h"

namespace moln::http {
namespace {

constexpr std::uint8_t k_size_digits_max = 16;

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

}  // namespace

ChunkStep ChunkedDecoder::refuse(Violation violation) {
    state_ = State::refused;
    violation_ = violation;
    ChunkStep step;
    step.kind = ChunkStep::Kind::refused;
    step.violation = violation;
    return step;
}

ChunkStep ChunkedDecoder::next(std::string_view buffer) {
    std::size_t at = 0;
    for (;;) {
        switch (state_) {
            case State::data: return next_data(buffer, at);
            case State::trailer: return next_trailer(buffer, at);
            case State::done: {
                ChunkStep step;
                step.kind = ChunkStep::Kind::done;
                return step;
            }
            case State::refused: return refuse(violation_);
            default: break;
        }
        if (at == buffer.size()) {
            ChunkStep step;
            step.consumed = at;
            return step;
        }
        if (const Violation why = take(buffer[at]); why != Violation::none) return refuse(why);
        ++at;
    }
}

ChunkStep ChunkedDecoder::next_data(std::string_view buffer, std::size_t at) {
    ChunkStep step;
    const std::size_t room = buffer.size() - at;
    const std::size_t size = left_ < room ? static_cast<std::size_t>(left_) : room;
    step.consumed = at + size;
    if (size == 0) return step;
    step.kind = ChunkStep::Kind::data;
    step.data = buffer.substr(at, size);
    left_ -= size;
    if (left_ == 0) state_ = State::data_cr;
    return step;
}

Violation ChunkedDecoder::take(char c) {
    switch (state_) {
        case State::size_first:
        case State::size: return take_size(c);
        case State::size_lf:
            state_ = left_ == 0 ? State::trailer : State::data;
            return c == '\n' ? Violation::none : Violation::bad_chunk_size;
        case State::data_cr:
            state_ = State::data_lf;
            return c == '\r' ? Violation::none : Violation::bad_chunk_end;
        case State::data_lf:
            state_ = State::size_first;
            return c == '\n' ? Violation::none : Violation::bad_chunk_end;
        default: return take_extension(c);
    }
}

Violation ChunkedDecoder::take_size(char c) {
    const int digit = hex_digit(c);
    if (digit >= 0) {
        if (state_ == State::size_first) {
            left_ = 0;
            digits_ = 0;
            extension_bytes_ = 0;
            state_ = State::size;
        }
        if (++digits_ > k_size_digits_max) return Violation::bad_chunk_size;
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
        return left_ > limits_.chunk_bytes_max ? Violation::chunk_too_large : Violation::none;
    }
    if (state_ == State::size_first) return Violation::bad_chunk_size;
    if (c == '\r') {
        state_ = State::size_lf;
        return Violation::none;
    }
    if (c != ';' && !is_blank(c)) return Violation::bad_chunk_size;
    state_ = State::blank;
    return take_extension(c);
}

// chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] ), RFC 9112 7.1.1.
Violation ChunkedDecoder::take_extension(char c) {
    if (++extension_bytes_ > limits_.extension_bytes_max ||
        ++extensions_total_bytes_ > limits_.extensions_total_bytes_max) {
        return Violation::chunk_extension_too_long;
    }
    const std::optional<State> next =
        state_ < State::value_begin ? after_extension_name(c) : after_extension_value(c);
    if (!next) return Violation::bad_chunk_extension;
    state_ = *next;
    return Violation::none;
}

std::optional<ChunkedDecoder::State> ChunkedDecoder::after_extension_name(char c) const {
    const bool token = is(k_byte_token, c);
    switch (state_) {
        case State::blank:
            if (is_blank(c)) return State::blank;
            if (c == ';') return State::name_begin;
            return std::nullopt;
        case State::name_begin:
            if (is_blank(c)) return State::name_begin;
            if (token) return State::name;
            return std::nullopt;
        default:  // name, name_end
            if (state_ == State::name && token) return State::name;
            if (state_ == State::name && c == '\r') return State::size_lf;
            if (is_blank(c)) return State::name_end;
            if (c == '=') return State::value_begin;
            if (c == ';') return State::name_begin;
            return std::nullopt;
    }
}

std::optional<ChunkedDecoder::State> ChunkedDecoder::after_extension_value(char c) const {
    const bool token = is(k_byte_token, c);
    switch (state_) {
        case State::value_begin:
            if (is_blank(c)) return State::value_begin;
            if (c == '"') return State::value_quoted;
            if (token) return State::value_token;
            return std::nullopt;
        case State::value_quoted:
            if (c == '"') return State::value_quoted_end;
            if (c == '\\') return State::value_escaped;
            if (is(k_byte_value, c)) return State::value_quoted;
            return std::nullopt;
        case State::value_escaped:
            if (is(k_byte_value, c)) return State::value_quoted;
            return std::nullopt;
        default:  // value_token, value_quoted_end
            if (state_ == State::value_token && token) return State::value_token;
            if (is_blank(c)) return State::blank;
            if (c == ';') return State::name_begin;
            if (c == '\r') return State::size_lf;
            return std::nullopt;
    }
}

// A trailer line is taken whole. Until it is, its bytes stay with the caller.
ChunkStep ChunkedDecoder::next_trailer(std::string_view buffer, std::size_t at) {
    const std::size_t budget = limits_.trailer_bytes_max - trailer_bytes_;
    const std::string_view window = buffer.substr(at, budget);
    const std::size_t newline = window.find('\n', std::min(line_seen_, window.size()));
    if (newline == std::string_view::npos) {
        if (window.size() == budget) return refuse(Violation::trailers_too_large);
        line_seen_ = window.size();
        ChunkStep step;
        step.consumed = at;
        return step;
    }
    line_seen_ = 0;
    trailer_bytes_ += newline + 1;
    const std::string_view line = window.substr(0, newline);
    if (!line.ends_with('\r')) return refuse(Violation::bad_trailer);
    const std::size_t consumed = at + newline + 1;
    if (line.size() > 1) return trailer_field(line.substr(0, line.size() - 1), consumed);
    state_ = State::done;
    ChunkStep step;
    step.kind = ChunkStep::Kind::done;
    step.consumed = consumed;
    return step;
}

ChunkStep ChunkedDecoder::trailer_field(std::string_view line, std::size_t consumed) {
    if (trailers_ == limits_.trailers_max) return refuse(Violation::trailers_too_large);
    ++trailers_;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
        return refuse(Violation::bad_trailer);
    }
    ChunkStep step;
    step.kind = ChunkStep::Kind::trailer;
    step.consumed = consumed;
    step.trailer.name = line.substr(0, colon);
    step.trailer.value = trim_blanks(line.substr(colon + 1));
    step.trailer.id = field_id(step.trailer.name);
    if (!all(k_byte_value, step.trailer.value)) return refuse(Violation::bad_trailer);
    if (is_refused_in_trailer(step.trailer.id)) return refuse(Violation::trailer_not_allowed);
    return step;
}

ChunkHead chunk_head(std::uint64_t data_bytes) {
    CHECK(data_bytes > 0);
    ChunkHead head;
    const int digits = (67 - __builtin_clzll(data_bytes)) / 4;
    for (int i = digits; i-- > 0; data_bytes >>= 4) {
        head.bytes[static_cast<std::size_t>(i)] = k_hex_digits[data_bytes & 15];
    }
    head.size = static_cast<std::size_t>(digits);
    head.bytes[head.size++] = '\r';
    head.bytes[head.size++] = '\n';
    return head;
}

}  // namespace moln::http
