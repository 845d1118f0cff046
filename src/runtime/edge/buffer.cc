#include "runtime/edge/buffer.h"

#include <algorithm>
#include <cstring>

#include <sys/mman.h>

#include "base/check.h"

namespace moln::edge_loop {
namespace {

constexpr std::size_t k_page = 4096;
constexpr std::size_t k_cache_line = 64;
constexpr std::size_t k_colours = 32;  // first lines that differ: half of a page's 64
constexpr std::size_t k_mapped = Buffer::capacity() + k_page;

}  // namespace

void Buffer::append(std::string_view text) {
    CHECK(text.size() <= room());
    if (!text.empty()) std::memcpy(tail(), text.data(), text.size());
    end += text.size();
}

void Buffer::compact() {
    if (begin == 0) return;
    std::memmove(bytes, bytes + begin, size());
    end -= begin;
    begin = 0;
}

BufferPool::BufferPool() {
    free_.reserve(edge::k_buffers_kept_max);
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
        untouched_ = std::min(untouched_, free_.size());
    }
    ++lent_;
    return buffer;
}

void BufferPool::take_back(Buffer** buffer) {
    if (*buffer == nullptr) return;
    --lent_;
    (*buffer)->begin = (*buffer)->end = 0;
    if (free_.size() < edge::k_buffers_kept_max) {
        free_.push_back(*buffer);
    } else {
        destroy(*buffer);
    }
    *buffer = nullptr;
}

void BufferPool::trim() {
    const std::size_t surplus = has_surplus() ? free_.size() - edge::k_buffers_kept : 0;
    const std::size_t cold = std::min(surplus, (untouched_ + 1) / 2);
    for (std::size_t i = 0; i < cold; ++i) destroy(free_[i]);
    free_.erase(free_.begin(), free_.begin() + static_cast<std::ptrdiff_t>(cold));
    untouched_ = free_.size();
}

Buffer* BufferPool::make() {
    void* memory =
        mmap(nullptr, k_mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    auto* buffer = new Buffer;
    buffer->mapping = memory;
    buffer->bytes = static_cast<char*>(memory) + made_++ % k_colours * 2 * k_cache_line;
    return buffer;
}

void BufferPool::destroy(Buffer* buffer) {
    munmap(buffer->mapping, k_mapped);
    delete buffer;
}

}  // namespace moln::edge_loop
