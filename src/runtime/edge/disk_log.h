// The segments of the disk tier's log as files of one folder: the last is appended to, the first
// is dropped when the log has become too large. What a record is, is edge/cache/disk_record.h's.
//
// One thread writes, drops and recovers; pin() and bytes() are any thread's. What is pinned can be
// read also when its segment is dropped meanwhile, to the end unless too much is held like this:
// then the oldest of it is as if it were cut.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "edge/cache/disk_segment.h"
#include "runtime/edge/cache_body.h"
#include "runtime/edge/folder.h"

namespace moln::edge_loop {

// Of a log that may have `limit` bytes: so many segments that dropping one costs little of it.
std::uint64_t disk_segment_bytes(std::uint64_t limit);

// Fewer than asked for: the file ends, or it cannot be read.
std::string read_some(const Fd& file, std::uint64_t at, std::size_t size);

class DiskLog {
public:
    // `folder` outlives it. `limit`: bytes of all segments together.
    DiskLog(const Folder& folder, std::uint64_t epoch, std::uint64_t limit);

    // Finds the segments there are, in order; files of other logs are removed. Then, for each,
    // recover() until it gives false.
    Status open();
    // The records of the next segment that open() found.
    bool recover(edge::FoundRecords& out);

    // The longest record that append() takes.
    std::uint64_t record_bytes_max() const { return segment_bytes_ / 2; }
    // Is there no room for so much more in the segment that is written?
    bool needs_segment(std::uint64_t bytes) const;
    // How many of the oldest segments must go before another is begun.
    bool too_large() const;
    // Ends the segment that is written with its table and begins the next.
    Status begin_segment(std::span<const edge::DiskPlace> places,
                         std::span<const std::string> names);
    // The same without a next.
    Status seal(std::span<const edge::DiskPlace> places, std::span<const std::string> names);
    std::uint32_t current() const { return current_ ? current_->number : 0; }
    std::uint32_t oldest() const;
    std::size_t count() const;
    Status drop_oldest();

    // A record is written from the end on, in pieces, and counts once commit() says its end.
    // Without commit() its place is taken by the next. What was committed is never written again:
    // others may be sending it.
    std::uint64_t end() const { return current_->bytes; }
    Status write(std::uint64_t at, std::string_view bytes);
    void commit(std::uint64_t end);
    // Over the first bytes of a record, whose body others may be sending. Nothing if its segment
    // was dropped.
    Status mark(std::uint32_t segment, std::uint64_t at, std::string_view magic);

    // The file of that segment; null: it was dropped.
    std::shared_ptr<const SharedFile> pin(std::uint32_t segment) const;
    std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
    std::uint64_t limit() const { return limit_now_.load(std::memory_order_relaxed); }

private:
    struct Segment {
        std::uint32_t number = 0;
        std::string name;
        std::uint64_t bytes = 0;
        std::shared_ptr<SharedFile> file;
    };

    // A segment that was dropped and from which somebody still reads.
    struct Held {
        std::weak_ptr<SharedFile> file;
        std::uint64_t bytes = 0;
    };

    void hold(const Segment& segment);
    Status write_to(const Fd& file, const std::string& name, std::uint64_t at,
                    std::string_view bytes) const;
    Result<Segment> open_segment(std::uint32_t number, int flags) const;
    void forget(const Segment& segment);
    void measure_limit();

    const Folder& folder_;
    std::uint64_t epoch_;
    std::uint64_t limit_;
    std::uint64_t segment_bytes_;
    std::atomic<std::uint64_t> limit_now_;  // less than limit_ on a disk that is nearly full
    std::atomic<std::uint64_t> bytes_ = 0;
    std::uint32_t next_number_ = 1;
    std::uint32_t recovered_ = 0;
    mutable std::mutex mutex_;  // of segments_
    std::map<std::uint32_t, Segment> segments_;
    Segment* current_ = nullptr;
    std::deque<Held> held_;  // oldest first
};

}  // namespace moln::edge_loop
