// Makes the content codings: zlib, Brotli and Zstandard behind one face. Any thread, one at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/content_coding.h"

namespace moln::coding {

enum class Effort : std::uint8_t {
    quick,  // while somebody waits for it
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
