// Any bytes as a chunked body: the split does not matter, no more body comes out than went in,
// and what is decoded is encoded and decoded to the same.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "http/chunked_testing.h"

namespace moln::http {
namespace {

using testing::decode;
using testing::decode_in;
using testing::Decoded;

void check(std::string_view text) {
    ChunkLimits limits;
    limits.extension_bytes_max = 24;  // within the fuzzer's reach
    limits.extensions_total_bytes_max = 48;
    limits.trailer_bytes_max = 96;
    limits.trailers_max = 4;
    const Decoded whole = decode(text, limits);
    for (const std::size_t piece : {1, 2, 7}) {
        const Decoded pieces = decode_in(piece, text, limits);
        CHECK(pieces.end == whole.end && pieces.violation == whole.violation);
        CHECK(pieces.body == whole.body && pieces.trailers == whole.trailers);
        CHECK(pieces.consumed == whole.consumed || whole.end == ChunkStep::Kind::refused);
    }
    CHECK(whole.body.size() <= text.size() && whole.consumed <= text.size());
    if (whole.end != ChunkStep::Kind::done) return;
    CHECK(text.substr(0, whole.consumed).ends_with("\r\n"));
    std::string encoded;
    for (std::size_t at = 0; at < whole.body.size(); at += 10) {
        const std::string part = whole.body.substr(at, 10);
        encoded.append(chunk_head(part.size()).view()).append(part).append(k_chunk_end);
    }
    encoded += k_last_chunk;
    const Decoded again = decode(encoded);
    CHECK(again.end == ChunkStep::Kind::done && again.body == whole.body);
}

}  // namespace
}  // namespace moln::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    moln::http::check({reinterpret_cast<const char*>(data), size});
    return 0;
}
