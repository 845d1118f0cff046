// Shared by the tests and the fuzz target of the chunked coding: decode a text whole or in
// pieces. Not for production code.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "http/chunked.h"

namespace moln::http::testing {

struct Decoded {
    ChunkStep::Kind end = ChunkStep::Kind::need_more;  // need_more, done or refused
    Violation violation = Violation::none;
    std::string body;
    std::string trailers;      // "name: value\n" each
    std::size_t consumed = 0;  // when done
    friend bool operator==(const Decoded&, const Decoded&) = default;
};

// Bytes arrive `piece` at a time in a buffer that holds only what was not consumed.
inline Decoded decode_in(std::size_t piece, std::string_view text, const ChunkLimits& limits = {}) {
    ChunkedDecoder decoder(limits);
    Decoded decoded;
    std::size_t given = 0;
    for (;;) {
        const std::size_t size = given - decoded.consumed;
        const auto block = std::make_unique<char[]>(size);
        std::copy_n(text.data() + decoded.consumed, size, block.get());
        const ChunkStep step = decoder.next({block.get(), size});
        decoded.consumed += step.consumed;
        decoded.body += step.data;
        if (step.kind == ChunkStep::Kind::trailer) {
            decoded.trailers.append(step.trailer.name).append(": ");
            decoded.trailers.append(step.trailer.value).append("\n");
        }
        decoded.end = step.kind;
        decoded.violation = step.violation;
        if (step.kind == ChunkStep::Kind::done || step.kind == ChunkStep::Kind::refused) break;
        if (step.kind != ChunkStep::Kind::need_more) continue;
        if (given == text.size()) break;
        given = std::min(given + piece, text.size());
    }
    return decoded;
}
inline Decoded decode(std::string_view text, const ChunkLimits& limits = {}) {
    return decode_in(std::max<std::size_t>(text.size(), 1), text, limits);
}

}  // namespace moln::http::testing
