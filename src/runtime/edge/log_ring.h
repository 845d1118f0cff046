// Bytes from one worker to the log writer: one thread writes whole lines, one other reads. When
// it is full, lines are dropped and counted; the worker never waits. And how all workers call that
// writer, once for all that they have until it looks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace moln::edge_loop {

class LogRing {
public:
    // `bytes` is a power of two, and every reserve() at most a quarter of it.
    explicit LogRing(std::size_t bytes);

    // Room for one line of at most `line_max` bytes, in one piece; empty when there is none: the
    // line is dropped and counted. Then commit() what was written of it.
    std::span<char> reserve(std::size_t line_max);
    void commit(std::size_t bytes);
    // More than half full: worth waking the reader now.
    bool pressing() const;

    // The oldest unread bytes in one piece, whole lines; empty when all is read. Then release().
    std::string_view peek() const;
    void release(std::size_t bytes);

    std::int64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

private:
    std::size_t size_;
    std::unique_ptr<char[]> bytes_;
    // Positions only grow; the place is position modulo size. When a line does not fit before the
    // end of the array, the writer skips to the front and says in wrap_ where data ended.
    alignas(64) std::atomic<std::uint64_t> written_ = 0;
    std::atomic<std::uint64_t> wrap_ = UINT64_MAX;  // position of the gap, none
    alignas(64) std::atomic<std::uint64_t> read_ = 0;
    std::atomic<std::int64_t> dropped_ = 0;
};

// Of all rings that one thread reads. Whoever commits a line sees that the reader is called, or
// calls it; the reader withdraws the calls and then looks. In this order no line is left behind
// without a call: the stores of a line's end and of a withdrawn call, and the loads of each other's
// after them, are sequentially consistent, so that one of the two threads sees what the other did.
// With less both could miss it: a processor may look before its own store is seen.
class LogCall {
public:
    // After commit(). True: the reader is to be woken.
    bool note_line(const LogRing& ring);

    // The reader's. Lines wait; a ring is more than half full.
    bool is_waiting() const { return waiting_.load(); }
    bool is_pressing() const { return pressing_.load(); }
    // Before it peeks into all rings, until they are empty.
    void withdraw();

private:
    std::atomic<bool> waiting_ = false;
    std::atomic<bool> pressing_ = false;
};

}  // namespace moln::edge_loop
