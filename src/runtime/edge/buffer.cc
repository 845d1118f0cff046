#include "runtime/edge/buffer.h"

#include <cstring>

#include <sys/mman.h>

#include "base/check.h"

namespace moln::edge_loop {
namespace {

Buffer* make() {
    void* memory = mmap(nullptr, Buffer::capacity(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    auto* buffer = new Buffer;
    buffer->bytes = static_cast<char*>(memory);
    return buffer;
}

void destroy(Buffer* buffer) {
    munmap(buffer->bytes, Buffer::capacity());
    delete buffer;
}

}  // namespace

void Buffer::append(std::string_view text) {
    CHECK(text.size() <= room());
    std::memcpy(tail(), text.data(), text.size());
    end += text.size();
}

void Buffer::compact() {
    if (begin == 0) return;
    std::memmove(bytes, bytes + begin, size());
    end -= begin;
    begin = 0;
}

BufferPool::BufferPool() {
    free_.reserve(edge::k_buffers_kept);
}

BufferPool::~BufferPool() {
    for (Buffer* buffer : free_) destroy(buffer);
}

Buffer* BufferPool::lend() {
    Buffer* buffer = nullptr;
    if (free_.empty()) {
        buffer = make();
        if (buffer == nullptr) return nullptr;
    } else {
        buffer = free_.back();
        free_.pop_back();
    }
    ++lent_;
    return buffer;
}

void BufferPool::take_back(Buffer** buffer) {
    if (*buffer == nullptr) return;
    --lent_;
    (*buffer)->begin = (*buffer)->end = 0;
    if (free_.size() < edge::k_buffers_kept) {
        free_.push_back(*buffer);
    } else {
        destroy(*buffer);
    }
    *buffer = nullptr;
}

}  // namespace moln::edge_loop
