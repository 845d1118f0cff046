// Reads and writes of the loop: one system call each, the outcome and the readiness in one value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/edge/parts.h"

namespace moln::edge_loop {

enum class IoEnd : std::uint8_t { some, would_block, ended, broken };

struct IoResult {
    IoEnd end = IoEnd::would_block;
    std::size_t bytes = 0;
};

// Into the buffer's room, which must not be empty.
IoResult receive(const Fd& fd, Readiness& ready, Buffer& buffer);
// `head` and then `body`, as far as the socket takes them; not both empty.
IoResult transmit(const Fd& fd, Readiness& ready, std::string_view head, std::string_view body);

}  // namespace moln::edge_loop
