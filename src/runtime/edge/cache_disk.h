// The cache's disk: what leaves memory, or is asked for again, lies here and survives the edge. A
// log of segments (disk_log.h) with an index in memory; the oldest segment is dropped, what was hit
// in it is carried over.
//
// One thread writes and a few read: no worker ever waits for the disk. Queues are bounded; what
// does not fit is not written, or counts as not found. Whatever the disk does, clients get
// answers: an error is told once in the edge's log and the disk is left alone, or the record is.
//
// A folder has one owner at a time, by a lock. An edge that starts beside one that still finishes
// its requests (see release) waits for it with the disk off.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "edge/cache/disk_index.h"
#include "edge/cache/disk_names.h"
#include "edge/limits.h"
#include "http/head.h"
#include "runtime/edge/cached_response.h"
#include "runtime/edge/disk_log.h"
#include "runtime/edge/disk_purges.h"
#include "runtime/edge/disk_read.h"

namespace moln::edge_loop {

struct CacheDiskStats {
    std::int64_t objects = 0;
    std::int64_t bytes = 0;
    std::int64_t bytes_max = 0;
    std::int64_t hits_total = 0;
    std::int64_t writes_total = 0;
    std::int64_t drops_total = 0;   // objects that went with their segment, or were not written
    std::int64_t errors_total = 0;  // of the disk, and records that were not as written
};

struct CacheDiskSetup {
    std::string folder;  // made if it is not there
    std::uint64_t bytes_max = 0;
    std::uint64_t fresh = 0;  // random: the epoch of a log that is begun anew
};

// The cache in memory, as its disk sees it. Any thread.
class CacheDiskOwner {
public:
    virtual ~CacheDiskOwner() = default;
    // Is a response of that hash in memory, and was it hit there?
    virtual bool is_in_use(std::uint64_t hash) = 0;
    virtual void each_hash(const std::function<void(std::uint64_t)>& visit) = 0;
    virtual const edge::PurgeBook& book() const = 0;
    virtual void restore(const std::vector<edge::PurgeSlot>& slots) = 0;
};

// Who has the folder next.
enum class Heir : std::uint8_t {
    any,
    knows_purges,  // it shares the book, and keeps what is purged from now on
};

class CacheDisk {
public:
    // Nobody uses the folder now, nor writes down what is purged: what lies there is not used
    // again, and goes, unless another edge has it. Ok if there is none.
    static Status abandon(const std::string& path);
    // Opens the folder; no thread yet. An error: the edge goes on without a disk.
    static Result<std::unique_ptr<CacheDisk>> open(CacheDiskSetup setup);
    CacheDisk(CacheDiskSetup setup, Folder folder);
    CacheDisk(const CacheDisk&) = delete;
    CacheDisk& operator=(const CacheDisk&) = delete;
    ~CacheDisk();

    // The seed of the log that lies there; nothing: there is none.
    std::optional<std::uint64_t> seed() const;
    // The paths that must be the edge's own user's.
    std::vector<std::string> paths() const;
    // As the edge's own user, before the first request: what was purged before is known when it
    // returns. `owner` outlives this.
    void start(std::uint64_t seed, CacheDiskOwner& owner);
    // No more is read or written; what waits is, the log is ended and the folder left to another
    // edge. Does not wait. The first who says it says to whom.
    void release(Heir heir = Heir::any);

    // Any thread. Where the answer to this request lies, if it does.
    std::optional<edge::DiskPlace> find(std::uint64_t hash, const http::FieldTable& request);
    DiskRead read(const edge::DiskPlace& place, const DiskWish& wish, Patience patience,
                  std::shared_ptr<const CachedResponse>& out);
    // Runs the job on a thread that may wait. False: too many wait already, or the disk hangs.
    bool run(std::function<void()> job);
    // False: not now, or not at all.
    bool write(std::string_view key, std::uint64_t hash,
               std::shared_ptr<const CachedResponse> response);
    // What a new response takes the place of is not found any more, nor after a restart: that
    // variant, and those that vary by other names; what of them waits is not written. Was there
    // any?
    bool forget(std::uint64_t hash, std::string_view vary_names, std::string_view vary_key);
    void forget_all(std::uint64_t hash);
    // A purge: kept before it returns, or soon. An error also if the disk does not take it within
    // edge::k_cache_disk_keep_limit: it is kept once it does.
    Status keep(const edge::PurgeSlot& slot);
    void keep_soon(const edge::PurgeSlot& slot);
    // The same for what others have purged in the owner's book.
    void keep_others();

    CacheDiskStats stats() const;

private:
    struct WriteJob {
        std::uint64_t ticket = 0;  // see Waiting
        std::string key;
        std::uint64_t hash = 0;
        std::shared_ptr<const CachedResponse> response;
        std::size_t bytes = 0;
    };
    // A job that waits or is being written. One that is not here any more was forgotten.
    struct Waiting {
        std::uint64_t ticket = 0;
        const CachedResponse* response = nullptr;  // the job's
    };
    struct alignas(64) Shard {
        mutable std::mutex mutex;
        edge::DiskIndex index;
        std::unordered_multimap<std::uint64_t, Waiting> waiting;  // by hash
    };
    // What keep() waits for.
    struct Keeping {
        edge::PurgeSlot slot;
        std::optional<Status> done;
    };
    // Where a record lies that is to be marked as forgotten.
    struct Forgotten {
        std::uint32_t segment = 0;
        std::uint32_t at = 0;
    };
    enum class Stage : std::uint8_t { waiting, recovering, ready, over };

    // The writing thread's.
    void run_writer();
    bool take_over();
    Status open_log();
    bool is_releasing();
    bool has_heir();
    void recover();
    void write_one(const WriteJob& job);
    Status append(const WriteJob& job);
    bool put_written(const WriteJob& job, const edge::DiskPlace& place, std::uint64_t end);
    bool is_waiting(const WriteJob& job);
    // Takes it out of those that wait. False: it was forgotten.
    static bool end_waiting(Shard& shard, std::uint64_t hash, std::uint64_t ticket);
    Status make_room(std::uint64_t bytes);
    Status drop_oldest(std::uint64_t carried_max);
    Status carry_over(std::uint32_t segment, std::uint64_t bytes_max);
    Status carry_one(const Fd& file, const edge::DiskPlace& place);
    void drop_places(std::uint32_t segment);
    void keep_purges();
    void keep_late_purges();
    void distrust();
    std::unordered_map<std::uint32_t, edge::PurgeSlot> take_waiting_purges();
    // Under purges_mutex_.
    Status append_purges(std::span<const edge::PurgeSlot> slots, DiskPurges::Sync durable);
    void finish();
    std::vector<edge::DiskPlace> places_of(std::uint32_t segment) const;
    std::optional<std::uint16_t> number_of_names(std::string_view names);
    void free_names();
    void mark_forgotten(std::span<const Forgotten> places);
    // The others'.
    void run_reader(std::int64_t& since_ms);
    bool reads_stand_still() const;  // under reader_mutex_
    void run_keeper();
    Status keep_now(const edge::PurgeSlot& slot);
    void put(const edge::DiskPlace& place);
    std::size_t forget_places(Shard& shard, std::span<const edge::DiskPlace> places);
    void forget_found(Shard& shard, std::uint64_t hash);
    bool go_on(Stage from, Stage to);
    void turn_off(std::string_view reason);

    Shard& shard_of(std::uint64_t hash) { return shards_[hash >> 58]; }
    bool is_ready() const { return stage_.load(std::memory_order_acquire) == Stage::ready; }

    CacheDiskSetup setup_;
    Folder folder_;
    Fd lock_;
    std::atomic<Stage> stage_ = Stage::waiting;
    std::uint64_t seed_ = 0;
    CacheDiskOwner* owner_ = nullptr;
    std::uint64_t epoch_ = 0;
    std::unique_ptr<DiskLog> log_;  // set before `ready`
    std::uint64_t sequence_ = 0;

    std::array<Shard, 64> shards_;
    // The writing thread's; others read a list that a place in a shard names under its lock.
    edge::DiskNames names_;
    std::uint64_t names_tick_ = 0;                  // of the job or segment at hand
    std::optional<std::uint64_t> names_full_tick_;  // in which none could be freed
    std::atomic<std::int64_t> objects_ = 0;
    std::atomic<std::uint64_t> tickets_ = 0;

    std::mutex purges_mutex_;  // of purges_, also while it waits for the disk: no worker takes it
    DiskPurges purges_{folder_};
    std::uint64_t others_kept_ = 0;  // those of others as far as this generation are
    std::atomic<bool> others_wait_ = false;

    std::mutex writer_mutex_;  // of what follows
    std::condition_variable writer_wakes_;
    std::deque<WriteJob> writes_;
    std::size_t writes_bytes_ = 0;
    std::unordered_map<std::uint32_t, edge::PurgeSlot> waiting_purges_;  // by slot: bounded
    std::vector<Forgotten> forgotten_;  // each was a place in the index: so many at most
    bool purges_wait_ = false;
    bool releasing_ = false;
    Heir heir_ = Heir::any;  // once releasing_
    bool ending_ = false;

    std::mutex reader_mutex_;  // of what follows
    std::condition_variable reader_wakes_;
    std::deque<std::function<void()>> reads_;
    // Of each thread, since when (monotonic) it reads; 0: it waits.
    std::array<std::int64_t, edge::k_cache_disk_readers> reading_since_ms_{};
    bool readers_end_ = false;

    std::mutex keeper_mutex_;  // of what follows
    std::condition_variable keeper_wakes_;
    std::condition_variable kept_;
    std::shared_ptr<Keeping> keeping_;  // one at a time; still here: the disk has not taken it
    bool keeper_ends_ = false;

    std::atomic<std::int64_t> hits_ = 0;
    std::atomic<std::int64_t> writes_done_ = 0;
    std::atomic<std::int64_t> drops_ = 0;
    std::atomic<std::int64_t> errors_ = 0;
    std::atomic<std::int64_t> read_errors_ = 0;
    bool said_full_ = false;
    std::int64_t full_until_ms_ = 0;  // monotonic
    std::vector<std::jthread> threads_;
};

}  // namespace moln::edge_loop
