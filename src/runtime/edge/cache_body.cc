#include "runtime/edge/cache_body.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "edge/limits.h"

namespace moln::edge_loop {
namespace {

std::atomic<std::size_t> counted_of_all = 0;

}  // namespace

std::size_t CacheBody::all_bytes() {
    return counted_of_all.load(std::memory_order_relaxed);
}

struct CacheBody::Segment {
    Segment* next;
    std::size_t capacity;

    char* bytes() { return reinterpret_cast<char*>(this + 1); }
    const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
};

CacheBody::CacheBody(std::optional<std::uint64_t> length) : length_(length) {
    count(length.value_or(0));
}

CacheBody::CacheBody(FileExtent extent)
    : length_(extent.bytes),
      extent_(std::make_unique<const FileExtent>(std::move(extent))),
      published_(*length_),
      state_(State::complete) {}

CacheBody::~CacheBody() {
    while (first_ != nullptr) {
        Segment* next = first_->next;
        std::free(first_);
        first_ = next;
    }
    counted_of_all.fetch_sub(counted_, std::memory_order_relaxed);
}

void CacheBody::count(std::size_t bytes) {
    if (bytes <= counted_) return;
    counted_of_all.fetch_add(bytes - counted_, std::memory_order_relaxed);
    counted_ = bytes;
}

CacheBody::Segment* CacheBody::make_segment() {
    std::size_t size = 0;
    const std::uint64_t written = published_.load(std::memory_order_relaxed);
    if (length_ && *length_ > written) {
        size = static_cast<std::size_t>(
            std::min<std::uint64_t>(*length_ - written, edge::k_cache_segment_max));
    } else {
        // As much again as there is: at most half is never used.
        size = std::clamp<std::size_t>(capacity(), edge::k_cache_segment_min,
                                       edge::k_cache_segment_max);
    }
    auto* segment = static_cast<Segment*>(std::malloc(sizeof(Segment) + size));
    if (segment == nullptr) return nullptr;
    *segment = {.next = nullptr, .capacity = size};
    (last_ == nullptr ? first_ : last_->next) = segment;
    last_ = segment;
    last_used_ = 0;
    capacity_.fetch_add(sizeof(Segment) + size, std::memory_order_relaxed);
    count(capacity());
    return segment;
}

std::span<char> CacheBody::room() {
    if (last_ == nullptr || last_used_ == last_->capacity) {
        if (make_segment() == nullptr) return {};
    }
    return {last_->bytes() + last_used_, last_->capacity - last_used_};
}

void CacheBody::commit(std::size_t bytes) {
    last_used_ += bytes;
    published_.fetch_add(bytes, std::memory_order_release);
}

bool CacheBody::append(std::string_view data) {
    while (!data.empty()) {
        const auto space = room();
        if (space.empty()) return false;
        const std::size_t size = std::min(data.size(), space.size());
        std::memcpy(space.data(), data.data(), size);
        data.remove_prefix(size);
        commit(size);
    }
    return true;
}

std::size_t CacheBody::memory_bytes() const {
    if (extent_) return sizeof(FileExtent);
    return std::max<std::size_t>(capacity(), length_.value_or(0));
}

std::shared_ptr<const Fd> CacheBody::pin() const {
    auto file = extent_ ? extent_->file.lock() : nullptr;
    if (!file || file->dropped) return nullptr;
    const Fd& fd = file->fd;
    return {std::move(file), &fd};
}

CacheBody::Seen CacheBody::seen() const {
    // The state first: of a body that is complete, all is published.
    const State state = state_.load(std::memory_order_acquire);
    return {.bytes = published_.load(std::memory_order_acquire), .state = state};
}

bool CacheBody::stands_still(std::int64_t now_ms, Milliseconds limit) const {
    if (state_.load(std::memory_order_acquire) != State::growing) return false;
    const std::int64_t grown_ms = grown_ms_.load(std::memory_order_relaxed);
    return grown_ms != k_never_grew && now_ms - grown_ms >= limit.count;
}

std::optional<std::uint64_t> CacheBody::whole_length() const {
    if (length_) return length_;
    const auto now = seen();
    if (now.state != State::complete) return std::nullopt;
    return now.bytes;
}

std::string_view CacheBody::look(Cursor& cursor) const {
    const std::uint64_t published = published_.load(std::memory_order_acquire);
    if (cursor.at_ >= published || extent_) return {};
    if (cursor.segment_ == nullptr) {
        cursor.segment_ = first_;
    } else if (cursor.offset_ == cursor.segment_->capacity) {
        cursor.segment_ = cursor.segment_->next;
        cursor.offset_ = 0;
    }
    const std::size_t here = cursor.segment_->capacity - cursor.offset_;
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(here, published - cursor.at_));
    return {cursor.segment_->bytes() + cursor.offset_, size};
}

void CacheBody::advance(Cursor& cursor, std::uint64_t bytes) const {
    while (bytes > 0) {
        const auto piece = look(cursor);
        const std::uint64_t step = std::min<std::uint64_t>(piece.size(), bytes);
        if (step == 0) return;
        cursor.offset_ += static_cast<std::size_t>(step);
        cursor.at_ += step;
        bytes -= step;
    }
}

}  // namespace moln::edge_loop
