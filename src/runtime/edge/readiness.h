// What the loop knows of a socket, and what a read or write came to.
#pragma once

#include <cstddef>
#include <cstdint>

namespace moln::edge_loop {

// What edge-triggered epoll said and nobody has used up yet.
struct Readiness {
    bool readable = false;
    bool writable = false;
    bool hung_up = false;  // a read will come to the end: read until it does
    bool broken = false;
    void note(std::uint32_t events);
};

enum class IoEnd : std::uint8_t { some, would_block, ended, broken };

struct IoResult {
    IoEnd end = IoEnd::would_block;
    std::size_t bytes = 0;
};

}  // namespace moln::edge_loop
