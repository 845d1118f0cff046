// Fixed-size byte buffers lent by a pool. A buffer is address space of its own: only the pages
// that data touched cost memory, and the most recently used buffer is lent first. One thread.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "edge/limits.h"

namespace moln::edge_loop {

// Bytes [begin, end) are data; what is before was consumed, what is behind is room.
struct Buffer {
    char* bytes = nullptr;
    std::size_t begin = 0;
    std::size_t end = 0;

    static constexpr std::size_t capacity() { return edge::k_buffer_bytes; }
    std::size_t size() const { return end - begin; }
    bool empty() const { return begin == end; }
    std::size_t room() const { return capacity() - end; }
    char* tail() { return bytes + end; }
    std::string_view view() const { return {bytes + begin, size()}; }
    void consume(std::size_t count) {
        begin += count;
        if (begin == end) begin = end = 0;
    }
    void append(std::string_view text);
    // Moves the data to the front, so that room() is all there is.
    void compact();
};

class BufferPool {
public:
    BufferPool();
    BufferPool(const BufferPool&) = delete;
    BufferPool& operator=(const BufferPool&) = delete;
    ~BufferPool();

    // Null when the kernel has no memory.
    Buffer* lend();
    // Takes it back; *buffer is null then. Null is fine.
    void take_back(Buffer** buffer);
    std::size_t lent() const { return lent_; }

private:
    std::vector<Buffer*> free_;
    std::size_t lent_ = 0;
};

}  // namespace moln::edge_loop
