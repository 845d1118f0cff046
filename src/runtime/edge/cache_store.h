// What the edge has stored and what it is fetching, shared by all of its threads.
//
// The house's rule is that threads share immutable snapshots only. Weighed against it: a cache for
// each thread stores everything as often as there are threads and asks the app as often; a cache
// whose URLs are each owned by one thread keeps the rule and pays two wake-ups for every hit. So
// this is the one place with locks: the index is cut into shards, each with a mutex that is held
// for a look-up and never during input, output or a copy; what is found is immutable and counted,
// and leaves the lock at once.
//
// One fetch for many waiters: who asks for what is not here is told to fetch it (`lead`) or, if
// somebody does already, to wait for that fetch, on whatever thread it is.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "edge/cache/peer_choice.h"
#include "edge/cache/purge_book.h"
#include "edge/cache/purge_times.h"
#include "edge/cache/reuse.h"
#include "edge/cache/s3_fifo.h"
#include "edge/cache/stored_head.h"
#include "http/cache_status.h"
#include "runtime/edge/cache_disk.h"
#include "runtime/edge/cached_response.h"

namespace moln::edge_loop {

// Why nothing came of a fetch: what each who waited is to be answered.
struct CacheFailure {
    std::uint16_t status = 502;
    std::string text;
    std::uint32_t retry_after_s = 0;  // 0: not said
    std::string_view error = {};      // a word of edge/access_line.h
};

// A response that is being asked for. Made by CacheStore::ask; one worker, its leader, moves it on
// through the store, any look at it.
class CacheFetch {
public:
    enum class State : std::uint8_t {
        asking,
        answered,  // response() is there
        passed,    // it may not be given to others: each asks for itself
        failed,    // failure() is there
        missed,    // of the disk, or to be validated: it is not there after all
    };
    State state() const { return state_.load(std::memory_order_acquire); }
    const std::shared_ptr<const CachedResponse>& response() const { return response_; }
    const CacheFailure& failure() const { return failure_; }
    // By what a purge takes what comes of it; its tags are not known before its answer.
    std::span<const edge::PurgeMark> marks() const { return marks_; }
    // What is asked whether it is still good; null: nothing is here.
    const std::shared_ptr<const CachedResponse>& base() const { return base_; }
    // It is not asked for but read from the disk.
    bool from_disk() const { return place_.has_value(); }
    // Of one that was passed.
    enum class Passed : std::uint8_t {
        as_it_is,     // what is asked for is not for all
        large,        // see CacheFound
        credentials,  // it was asked for with credentials: for others it may be
        error,        // what was to be validated is as good as it was
    };
    Passed passed() const { return passed_; }
    // The purge generation when it began.
    std::uint64_t born() const { return born_; }
    WorkerSet& waiting() { return waiting_; }
    // Whom its leader asks now; until it has begun to, whoever is nearest.
    edge::AskedOf asked_of() const {
        return from_disk() ? edge::AskedOf::app : asked_of_.load(std::memory_order_relaxed);
    }
    void note_asked(edge::AskedOf of) { asked_of_.store(of, std::memory_order_relaxed); }

private:
    friend class CacheStore;
    std::atomic<edge::AskedOf> asked_of_ = edge::AskedOf::sibling;
    std::string key_;
    std::uint64_t hash_ = 0;
    std::uint64_t scope_ = 0;
    std::uint64_t born_ = 0;
    std::int64_t began_ms_ = 0;
    std::uint64_t order_ = 0;  // among all
    bool overtaken_ = false;   // a later one was answered; under the shard's lock
    std::string vary_names_;   // that were known when it began
    std::string vary_key_;
    std::optional<edge::DiskPlace> place_;
    std::vector<edge::PurgeMark> marks_;
    std::shared_ptr<const CachedResponse> base_;
    std::shared_ptr<const CachedResponse> response_;
    CacheFailure failure_;
    Passed passed_ = Passed::as_it_is;
    std::atomic<State> state_ = State::asking;
    WorkerSet waiting_;
};

struct CacheAsk {
    std::string_view key;
    std::uint64_t hash = 0;  // hash_of(key)
    std::uint64_t scope = 0;
    std::string_view app;  // "project/name"
    const http::RequestHead& request;
    const edge::ReuseWish& wish;
    std::int64_t now_ms = 0;
    bool may_lead = true;   // false: if it is not here, the request goes its own way
    bool from_disk = true;  // false: what is in memory, or nothing
    bool has_credentials = false;
    bool joins = true;  // false: it waits for nobody's fetch, nor anybody for his
    // That it has waited for, and does until it ends, unless something else is here by now.
    std::shared_ptr<CacheFetch> stays_with;
};

struct CacheFound {
    enum class What : std::uint8_t {
        hit,   // response; with a fetch: the caller also leads a refresh
        wait,  // for fetch
        lead,  // the caller does fetch
        load,  // the caller has it read from the disk: load(), then load_later()
        pass,  // the request goes its own way
    };
    What what = What::pass;
    std::shared_ptr<const CachedResponse> response;
    std::shared_ptr<CacheFetch> fetch;
    http::CacheForward why = http::CacheForward::bypass;
    std::int64_t age_ms = 0;
    std::int64_t ttl_ms = 0;
    bool large = false;  // of pass: too long to be kept in one piece, but its slices may be
};

struct CacheStoreStats {
    std::int64_t objects = 0;
    std::int64_t bytes = 0;
    std::int64_t bytes_max = 0;
    std::int64_t evictions_total = 0;
    std::int64_t purges_total = 0;
    std::int64_t codings_total = 0;
    std::optional<CacheDiskStats> disk;
};

class CacheStore final : public CacheDiskOwner {
public:
    // Of one variant, unanswered for so long that nobody joins them: who asks then waits for the
    // youngest. So many requests hang at an app that is silent, however many ask.
    static constexpr std::size_t k_fetches_max = 4;
    // Of one URL, which can be joined; past it each variant's requests ask for themselves. Each is
    // looked at by who asks, under a lock.
    static constexpr std::size_t k_joinable_max = 256;

    // `seed` keeps others from choosing URLs that fall into one bucket.
    // `purges` may be other edges' as well.
    CacheStore(std::size_t bytes_max, std::uint64_t seed,
               std::shared_ptr<edge::PurgeTable> purges = std::make_shared<edge::PurgeTable>());
    CacheStore(const CacheStore&) = delete;
    CacheStore& operator=(const CacheStore&) = delete;
    ~CacheStore() override;

    // Before the first ask(). `disk` is started with this as its owner and ends before it; `wake`
    // tells those workers, by the bits of a WorkerSet, that a read has ended. Any thread calls it.
    void use_disk(CacheDisk& disk, std::function<void(std::uint64_t)> wake);

    std::uint64_t hash_of(std::string_view text) const;
    // No response that is longer is stored.
    std::size_t object_bytes_max() const { return bytes_max_ / k_object_share; }
    // Of an answer whose length nobody said: past it its readers are cut.
    std::size_t stream_bytes_max() const { return bytes_max_; }

    // A body takes memory also when it is evicted and somebody reads it still. May one of that
    // length begin beside all there are? A short one always: who reads it has buffers of that size.
    bool may_begin(std::uint64_t length) const {
        return length <= k_short_bytes || CacheBody::all_bytes() + length <= 2 * bytes_max_;
    }
    // One whose length nobody said may have begun all the same: past it, it is cut.
    bool may_grow() const { return CacheBody::all_bytes() <= 3 * bytes_max_; }

    CacheFound ask(const CacheAsk& ask);
    // Would it be a hit, or does it lie on the disk?
    bool has(const CacheAsk& ask);

    // Of a fetch's leader, each once. What waits is to be woken by the caller.
    void answer(CacheFetch& fetch, std::shared_ptr<const CachedResponse> response);
    using Passed = CacheFetch::Passed;
    void pass(CacheFetch& fetch, std::int64_t now_ms, Passed as = Passed::as_it_is);
    // A slice was asked for and the whole came: it is stored under that key, by answer().
    void become(CacheFetch& fetch, std::string_view key);
    // Nothing is kept under that key for so long: who looks there passes.
    void forbid(std::string_view key, std::int64_t until_ms);
    void fail(CacheFetch& fetch, CacheFailure failure);
    // What it was to validate is there no more: who waits looks again.
    void miss(CacheFetch& fetch);
    // Its body ended: what it costs is known, or it is no good, or it is longer than one may be.
    void settle(const CacheFetch& fetch, const CachedResponse& response, std::int64_t now_ms);

    // A form of what has that hash was made: what it costs counts from now on.
    void recount(std::uint64_t hash, const CodedForms& forms);

    // Of a fetch that is to be read from the disk. True: it is answered or missed, without waiting.
    bool load(CacheFetch& fetch, std::int64_t now_ms, WallTime now);
    // It will be, and who waits is woken. False: the disk has too much to do, it is missed.
    bool load_later(const std::shared_ptr<CacheFetch>& fetch);

    // Holds at once; over a restart soon after.
    void purge(edge::PurgeMark mark);
    // Holds over a restart too when it returns. An error says why not; it holds until then.
    Status purge_for_good(edge::PurgeMark mark);
    bool is_purged(const CachedResponse& response) const {
        return book_.is_purged(response.marks, response.born);
    }
    // Was one of the marks purged after `born_ms` (mono), when another edge had it of the app?
    bool was_purged_since(std::span<const edge::PurgeMark> marks, std::int64_t born_ms);
    // What other edges have purged in the shared table holds anyway; here it is seen that it did,
    // and goes to the disk. To be called now and then.
    void hear_others();
    CacheStoreStats stats() const;

private:
    static constexpr std::size_t k_object_share = 8;  // one object is at most an eighth of all
    static constexpr std::size_t k_short_bytes = 64u << 10;
    static constexpr std::size_t k_shards = 64;
    static constexpr std::size_t k_variants_max = 32;  // of one URL; one more: the oldest goes

    struct Entry;
    struct Slot : edge::CacheNode {
        Entry* entry = nullptr;
        bool saved = false;       // on the disk, or not worth it
        bool replaces = false;    // something that lies on the disk
        std::uint64_t order = 0;  // of the fetch that it came of
        // Without a response: why requests pass.
        CacheFetch::Passed as = CacheFetch::Passed::as_it_is;
        std::shared_ptr<const CachedResponse> response;  // null: answers of this URL are not kept
        std::int64_t pass_until_ms = 0;
        CompactText pass_key;  // its vary key, as that of a response
    };
    struct Entry {
        CompactText key;
        CompactText vary_names;
        std::vector<std::unique_ptr<Slot>> slots;
        std::vector<std::shared_ptr<CacheFetch>> fetches;
    };
    struct alignas(64) Shard {
        mutable std::mutex mutex;
        std::unordered_map<std::uint64_t, Entry> entries;
        edge::S3Fifo queue;
        std::int64_t objects = 0;
    };
    // What was dropped under a lock and is freed after it.
    using Dropped = std::vector<std::unique_ptr<Slot>>;

    Shard& shard_of(std::uint64_t hash) { return shards_[hash >> 58]; }
    Entry* find(Shard& shard, std::string_view key, std::uint64_t hash);
    Entry& obtain(Shard& shard, std::string_view key, std::uint64_t hash, Dropped& dropped);
    void insert(Shard& shard, Entry& entry, std::unique_ptr<Slot> slot, Dropped& dropped);
    void put_pass(Shard& shard, Entry& entry, std::string_view vary_key, std::int64_t until_ms,
                  Dropped& dropped, Passed as = Passed::as_it_is);
    static bool passes_credentials(const Entry& entry, const CacheAsk& ask,
                                   std::string_view vary_key);
    void take_out_variant(Shard& shard, Entry& entry, std::string_view vary_key, Dropped& dropped,
                          Passed as = Passed::as_it_is);
    void take_out(Shard& shard, Slot& slot, Dropped& dropped);
    void erase_if_empty(Shard& shard, Entry& entry);
    void forget_fetch(Entry& entry, const CacheFetch& fetch);
    Slot* usable_slot(Shard& shard, Entry& entry, const CacheAsk& ask, std::string_view vary_key,
                      Dropped& dropped);
    static bool is_overtaken(const Entry& entry, const CacheFetch& fetch);
    CacheFound join_or_lead(Entry& entry, const CacheAsk& ask, std::string_view vary_key,
                            CacheFound found);
    std::optional<edge::DiskPlace> look_on_disk(const CacheAsk& ask) const;
    static bool has_newer(const Entry& entry, const CachedResponse& read);
    bool loaded(CacheFetch& fetch, DiskRead got, std::shared_ptr<const CachedResponse> response);
    void save(const Entry& entry, Slot& slot, std::int64_t now_ms);
    edge::PurgeSlot note_purge(edge::PurgeMark mark);
    void note_others();

    // What the disk asks.
    bool is_in_use(std::uint64_t hash) override;
    void each_hash(const std::function<void(std::uint64_t)>& visit) override;
    const edge::PurgeBook& book() const override { return book_; }
    void restore(const std::vector<edge::PurgeSlot>& slots) override;

    void make_room();

    std::size_t bytes_max_;
    std::uint64_t seed_;
    CacheDisk* disk_ = nullptr;
    std::function<void(std::uint64_t)> wake_;
    edge::PurgeBook book_;
    std::array<Shard, k_shards> shards_;
    std::atomic<std::size_t> bytes_ = 0;
    std::atomic<std::uint64_t> fetches_ = 0;  // that were ever begun
    std::atomic<std::int64_t> evictions_ = 0;
    std::atomic<std::size_t> next_shard_ = 0;  // that something is evicted from
    std::atomic<std::int64_t> purges_ = 0;
    std::atomic<std::int64_t> codings_ = 0;
    std::mutex purge_mutex_;
    edge::PurgeTimes purge_times_;       // mono
    std::uint64_t purges_heard_of_ = 0;  // the generation that the last of them began
};

}  // namespace moln::edge_loop
