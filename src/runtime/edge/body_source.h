// A stored body that is complete, from its first byte to its last, wherever it lies: for threads
// that may wait for the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/edge/cache_body.h"

namespace moln::edge_loop {

class BodySource {
public:
    // `body` outlives it.
    explicit BodySource(const CacheBody& body) : body_(body), file_(body.pin()) {}

    // Up to `most` bytes more, good until the next call; empty: that was all. Nothing: it lay in a
    // file that is gone, or cannot be read.
    std::optional<std::string_view> next(std::size_t most);

private:
    const CacheBody& body_;
    CacheBody::Cursor cursor_;
    std::shared_ptr<const Fd> file_;
    std::uint64_t at_ = 0;  // in the file's part
    std::string piece_;
};

}  // namespace moln::edge_loop
