// The bytes of a stored response: in memory, or complete in a file.
//
// In memory, one thread appends while they arrive; any number on any threads read what is
// published, at once: many who wait for one response stream with it. Never moved and never copied:
// a reader holds the body, not its memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "base/units.h"
#include "io/file/fd.h"

namespace moln::edge_loop {

// Workers to be woken, told apart by their number; those that share a bit are woken together.
class WorkerSet {
public:
    // After it the caller looks again: what was published before is seen then, what is published
    // later wakes it.
    void add(std::size_t worker) { bits_.fetch_or(bit(worker)); }
    std::uint64_t take() { return bits_.exchange(0); }
    static std::uint64_t bit(std::size_t worker) { return std::uint64_t{1} << (worker % 64); }

private:
    std::atomic<std::uint64_t> bits_ = 0;
};

// A file whose owner may drop it: who reads from it then goes on, nobody begins any more.
struct SharedFile {
    explicit SharedFile(Fd opened) : fd(std::move(opened)) {}
    Fd fd;
    std::atomic<bool> dropped = false;
};

// A part of one.
struct FileExtent {
    std::weak_ptr<const SharedFile> file;
    std::uint64_t at = 0;
    std::uint64_t bytes = 0;
};

class CacheBody {
    struct Segment;
    static constexpr std::int64_t k_never_grew = std::numeric_limits<std::int64_t>::max();

public:
    enum class State : std::uint8_t { growing, complete, failed };
    struct Seen {
        std::uint64_t bytes = 0;  // that can be read
        State state = State::growing;
    };
    // Where a reader is.
    class Cursor {
        friend class CacheBody;
        const Segment* segment_ = nullptr;
        std::size_t offset_ = 0;
        std::uint64_t at_ = 0;

    public:
        std::uint64_t at() const { return at_; }
    };

    // `length`, if it is known, takes exactly so much memory.
    explicit CacheBody(std::optional<std::uint64_t> length);
    // Complete, and not in memory: look() finds nothing.
    explicit CacheBody(FileExtent extent);
    CacheBody(const CacheBody&) = delete;
    CacheBody& operator=(const CacheBody&) = delete;
    ~CacheBody();

    // The one who writes. append(): false when there is no memory.
    bool append(std::string_view data);
    // The same without a copy: room for what comes next, in one piece; empty when there is no
    // memory. commit() publishes so much of it.
    std::span<char> room();
    void commit(std::size_t bytes);
    void end(State state) { state_.store(state, std::memory_order_release); }

    // Of the one who writes: when it grew last, on a clock that nobody sets.
    void note_growth(std::int64_t now_ms) { grown_ms_.store(now_ms, std::memory_order_relaxed); }

    // Any thread.
    Seen seen() const;
    // Of one that grows, and for which note_growth() is said: has it not for so long?
    bool stands_still(std::int64_t now_ms, Milliseconds limit) const;
    // Null: it is in memory.
    const FileExtent* extent() const { return extent_.get(); }
    // Of one with an extent: its file, to be read for as long as it is held. Null: it was dropped.
    std::shared_ptr<const Fd> pin() const;
    // It was dropped, or could not be read.
    bool is_gone() const { return extent_ && (spoilt_.load() || !pin()); }
    void spoil() { spoilt_ = true; }
    std::optional<std::uint64_t> length() const { return length_; }
    // Of all of it: since the start, or since it is complete.
    std::optional<std::uint64_t> whole_length() const;
    // From the cursor on, as far as it lies in one piece; empty: nothing more is published.
    std::string_view look(Cursor& cursor) const;
    void advance(Cursor& cursor, std::uint64_t bytes) const;
    WorkerSet& waiting() { return waiting_; }
    // What it costs by now.
    std::size_t capacity() const { return capacity_.load(std::memory_order_relaxed); }
    // What it will have cost once it is complete.
    std::size_t memory_bytes() const;
    // The same of all there are, kept or only read still.
    static std::size_t all_bytes();

private:
    Segment* make_segment();
    void count(std::size_t bytes);

    // Set before what lies in it is published, and followed only to what is.
    Segment* first_ = nullptr;
    Segment* last_ = nullptr;
    std::size_t last_used_ = 0;
    std::size_t counted_ = 0;  // of all_bytes()
    std::atomic<std::size_t> capacity_ = 0;
    std::optional<std::uint64_t> length_;
    std::unique_ptr<const FileExtent> extent_;
    std::atomic<bool> spoilt_ = false;
    std::atomic<std::uint64_t> published_ = 0;
    std::atomic<State> state_ = State::growing;
    std::atomic<std::int64_t> grown_ms_ = k_never_grew;
    WorkerSet waiting_;
};

}  // namespace moln::edge_loop
