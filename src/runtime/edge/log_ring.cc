#include "runtime/edge/log_ring.h"

#include "base/check.h"

namespace moln::edge_loop {

LogRing::LogRing(std::size_t bytes) : size_(bytes), bytes_(new char[bytes]) {
    CHECK((bytes & (bytes - 1)) == 0);
}

std::span<char> LogRing::reserve(std::size_t line_max) {
    CHECK(line_max <= size_ / 4);
    const auto written = written_.load(std::memory_order_relaxed);
    const auto read = read_.load(std::memory_order_acquire);
    const auto at = written & (size_ - 1);
    const auto to_end = size_ - at;
    const auto gap = to_end < line_max ? to_end : 0;
    if (written - read + gap + line_max > size_) {
        dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        return {};
    }
    if (gap != 0) {
        // The room check above leaves at most one unread gap: the next is a whole turn away.
        wrap_.store(written, std::memory_order_relaxed);
        written_.store(written + gap, std::memory_order_release);
        return {bytes_.get(), line_max};
    }
    return {bytes_.get() + at, line_max};
}

void LogRing::commit(std::size_t bytes) {
    // Ordered before a look at LogCall, which release alone would not be.
    written_.store(written_.load(std::memory_order_relaxed) + bytes, std::memory_order_seq_cst);
}

bool LogRing::pressing() const {
    return written_.load(std::memory_order_relaxed) - read_.load(std::memory_order_relaxed) >
           size_ / 2;
}

std::string_view LogRing::peek() const {
    const auto written = written_.load(std::memory_order_seq_cst);  // see LogCall
    const auto wrap = wrap_.load(std::memory_order_relaxed);
    auto read = read_.load(std::memory_order_relaxed);
    if (read == wrap) read += size_ - (read & (size_ - 1));
    if (read >= written) return {};
    const auto at = read & (size_ - 1);
    auto end = written;
    if (wrap > read && wrap < written) end = wrap;
    // A line that filled the array to its very end leaves no gap to say so.
    const auto turn = read - at + size_;
    if (end > turn) end = turn;
    return {bytes_.get() + at, end - read};
}

void LogRing::release(std::size_t bytes) {
    auto read = read_.load(std::memory_order_relaxed);
    if (read == wrap_.load(std::memory_order_relaxed)) read += size_ - (read & (size_ - 1));
    read_.store(read + bytes, std::memory_order_release);
}

bool LogCall::note_line(const LogRing& ring) {
    auto& flag = ring.pressing() ? pressing_ : waiting_;
    return !flag.load() && !flag.exchange(true);
}

void LogCall::withdraw() {
    waiting_.store(false);
    pressing_.store(false);
}

}  // namespace moln::edge_loop
