// Makes the content codings: zlib, Brotli and Zstandard behind one face. Any thread, one at a time.
//
// Levels, measured over 120 texts of 1 to 400 KB (HTML, JSON, SVG) on one core: what is left of
// them, and MB of them a second of CPU:
//
//   gzip 1 0.282 158 · 6 0.254 96 · 9 0.253 76
//   zstd 3 0.265 233 · 9 0.250 83 · 12 0.249 24 · 19 0.245 4.5
//   br   4 0.245 82 · 6 0.229 73 · 9 0.228 2.5 · 10 0.208 2.9 · 11 0.203 1.2
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/content_coding.h"

namespace moln::coding {

enum class Effort : std::uint8_t {
    quick,  // while somebody waits for it
    kept,   // behind the back of those who ask: the last level before the next costs three times it
    best,   // once for many who will ask: as small as it gets, megabytes a second at most
};

enum class Next : std::uint8_t {
    more,   // as much as suits the coding comes out
    flush,  // all that went in can be read from what came out
    end,    // it was the last
};

class Encoder {
public:
    // Null: there is no memory, or the coding is identity, which needs none.
    static std::unique_ptr<Encoder> make(ContentCoding coding, Effort effort);
    virtual ~Encoder() = default;
    // Appends what comes of `in`. False: there was no memory; it is of no use any more. After
    // Next::end nothing may follow.
    virtual bool encode(std::string_view in, Next next, std::string& out) = 0;
};

// All at once. Nothing: there was no memory.
std::optional<std::string> encode(ContentCoding coding, Effort effort, std::string_view in);

}  // namespace moln::coding
