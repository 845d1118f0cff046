// Fixed-size byte buffers lent by a pool. A buffer is address space of its own: only the pages
// that data touched cost memory, and the most recently used buffer is lent first. Buffers begin at
// different lines of their first page, or all would compete for the same few sets of the
// processor's caches. One thread.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "edge/limits.h"

namespace moln::edge_loop {

// Bytes [begin, end) are data; what is before was consumed, what is behind is room.
struct Buffer {
    void* mapping = nullptr;
    char* bytes = nullptr;  // in mapping
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
    std::size_t free() const { return free_.size(); }

    // More are free than a quiet worker keeps: trim() is wanted after k_buffers_trim_pause.
    bool has_surplus() const { return free_.size() > edge::k_buffers_kept; }
    // Gives back the memory of half of those that nobody has borrowed since the last trim().
    void trim();

private:
    Buffer* make();
    static void destroy(Buffer* buffer);

    std::vector<Buffer*> free_;  // the warmest last
    std::size_t lent_ = 0;
    std::size_t untouched_ = 0;  // the least that free_ held since the last trim
    std::size_t made_ = 0;
};

}  // namespace moln::edge_loop
