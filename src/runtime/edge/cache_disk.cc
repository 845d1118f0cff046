#include "runtime/edge/cache_disk.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/check.h"
#include "edge/cache/disk_record.h"
#include "edge/limits.h"
#include "http/vary.h"
#include "http/write.h"
#include "runtime/edge/core.h"
#include "runtime/edge/say.h"

namespace moln::edge_loop {
namespace {

constexpr const char* k_lock_name = "lock";
constexpr std::size_t k_candidates_max = 32;  // variants of one URL that are looked at

}  // namespace

Result<std::unique_ptr<CacheDisk>> CacheDisk::open(CacheDiskSetup setup) {
    if (::mkdir(setup.folder.c_str(), 0700) != 0 && errno != EEXIST) {
        return fail(error_from_errno(errno, "make " + setup.folder));
    }
    MOLN_ASSIGN(auto folder, Folder::open(setup.folder));
    return std::make_unique<CacheDisk>(std::move(setup), std::move(folder));
}

Status CacheDisk::abandon(const std::string& path) {
    const auto folder = Folder::open(path);
    if (!folder)
        return folder.error().code == ErrorCode::not_found ? Status() : fail(folder.error());
    MOLN_ASSIGN(const auto lock, folder->open_file(k_lock_name, O_RDWR | O_CREAT, 0600));
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return DiskPurges(*folder).distrust();
    return DiskPurges(*folder).clear(k_lock_name);
}

CacheDisk::CacheDisk(CacheDiskSetup setup, Folder folder)
    : setup_(std::move(setup)), folder_(std::move(folder)) {}

CacheDisk::~CacheDisk() {
    release();
    {
        const std::lock_guard lock(writer_mutex_);
        ending_ = true;
    }
    writer_wakes_.notify_one();
    {
        const std::lock_guard lock(keeper_mutex_);
        keeper_ends_ = true;
    }
    keeper_wakes_.notify_one();
}

std::optional<std::uint64_t> CacheDisk::seed() const {
    const auto identity = DiskPurges::peek(folder_);
    if (!identity) return std::nullopt;
    return identity->seed;
}

std::vector<std::string> CacheDisk::paths() const {
    std::vector<std::string> out = {setup_.folder};
    if (const auto names = folder_.names()) {
        for (const auto& name : *names) out.push_back(folder_.path_of(name));
    }
    return out;
}

void CacheDisk::start(std::uint64_t seed, CacheDiskOwner& owner) {
    seed_ = seed;
    owner_ = &owner;
    if (take_over()) go_on(Stage::waiting, Stage::recovering);
    threads_.emplace_back([this] { run_writer(); });
    threads_.emplace_back([this] { run_keeper(); });
    for (std::int64_t& since_ms : reading_since_ms_) {
        threads_.emplace_back([this, &since_ms] { run_reader(since_ms); });
    }
}

void CacheDisk::release(Heir heir) {
    {
        const std::lock_guard lock(writer_mutex_);
        if (!std::exchange(releasing_, true)) heir_ = heir;
    }
    writer_wakes_.notify_one();
    {
        const std::lock_guard lock(reader_mutex_);
        readers_end_ = true;
    }
    reader_wakes_.notify_all();
}

std::optional<edge::DiskPlace> CacheDisk::find(std::uint64_t hash,
                                               const http::FieldTable& request) {
    if (!is_ready()) return std::nullopt;
    std::array<edge::DiskPlace, k_candidates_max> places;
    std::size_t count = 0;
    std::array<char, http::k_vary_bytes_max> names_room;
    http::ByteWriter names(names_room);
    {
        const Shard& shard = shard_of(hash);
        const std::lock_guard lock(shard.mutex);
        shard.index.find(hash, [&](const edge::DiskPlace& place) {
            if (count < places.size()) places[count++] = place;
        });
        // All of one hash vary by the same.
        if (count > 0) names.text(names_[places.front().names]);
    }
    if (count == 0) return std::nullopt;
    std::array<char, http::k_vary_key_bytes_max> room;
    const auto key = http::vary_key(names.written(), request, room);
    if (!key) return std::nullopt;
    const auto vary = edge::vary_hash(*key);
    for (const edge::DiskPlace& place : std::span(places).first(count)) {
        if (place.vary == vary) return place;
    }
    return std::nullopt;
}

DiskRead CacheDisk::read(const edge::DiskPlace& place, const DiskWish& wish, Patience patience,
                         std::shared_ptr<const CachedResponse>& out) {
    const auto file = log_->pin(place.segment);
    if (!file) return DiskRead::other;
    std::shared_ptr<CachedResponse> response;
    auto got = read_disk_response(file, place, epoch_, wish, patience, response);
    if (got == DiskRead::would_block) return got;
    if (got == DiskRead::read) {
        const bool purged = owner_->book().is_purged(response->marks, response->born);
        if (purged) got = DiskRead::other;
    }
    Shard& shard = shard_of(place.hash);
    const std::lock_guard lock(shard.mutex);
    if (got == DiskRead::read) {
        shard.index.touch(place);
        hits_.fetch_add(1, std::memory_order_relaxed);
        out = std::move(response);
        return got;
    }
    if (shard.index.remove(place)) {
        objects_.fetch_sub(1, std::memory_order_relaxed);
        drops_.fetch_add(1, std::memory_order_relaxed);
    }
    if (got == DiskRead::other) return got;
    errors_.fetch_add(1, std::memory_order_relaxed);
    if (got == DiskRead::damaged) {
        say("cache_record_damaged", "segment={} at={}", place.segment,
            std::uint64_t{place.at} * edge::k_disk_unit);
    } else if (read_errors_.fetch_add(1) + 1 == edge::k_cache_disk_read_errors_max) {
        turn_off("it gives errors when it is read");
    }
    return got;
}

bool CacheDisk::run(std::function<void()> job) {
    {
        const std::lock_guard lock(reader_mutex_);
        const bool full = reads_.size() == edge::k_cache_disk_reads_max;
        if (readers_end_ || full || reads_stand_still()) return false;
        reads_.push_back(std::move(job));
    }
    reader_wakes_.notify_one();
    return true;
}

// Whoever came would wait as those did who are being read for.
bool CacheDisk::reads_stand_still() const {
    const std::int64_t late_ms = clock_now(Clock::mono_us) / 1000 - edge::k_cache_load_limit.count;
    return std::ranges::all_of(reading_since_ms_, [&](std::int64_t since_ms) {
        return since_ms != 0 && since_ms <= late_ms;
    });
}

// All that was taken is run: somebody waits for it.
void CacheDisk::run_reader(std::int64_t& since_ms) {
    for (;;) {
        std::function<void()> job;
        {
            std::unique_lock lock(reader_mutex_);
            since_ms = 0;
            reader_wakes_.wait(lock, [&] { return readers_end_ || !reads_.empty(); });
            if (reads_.empty()) return;
            job = std::move(reads_.front());
            reads_.pop_front();
            since_ms = clock_now(Clock::mono_us) / 1000;
        }
        job();
    }
}

bool CacheDisk::write(std::string_view key, std::uint64_t hash,
                      std::shared_ptr<const CachedResponse> response) {
    if (!is_ready()) return false;
    const std::size_t bytes = response->bytes();
    const std::uint64_t ticket = tickets_.fetch_add(1, std::memory_order_relaxed);
    Shard& shard = shard_of(hash);
    {
        const std::lock_guard lock(shard.mutex);
        shard.waiting.emplace(hash, Waiting{.ticket = ticket, .response = response.get()});
    }
    bool taken = false;
    {
        const std::lock_guard lock(writer_mutex_);
        const bool fits = writes_bytes_ + bytes <= edge::k_cache_disk_writes_bytes_max;
        taken = !releasing_ && (fits || writes_.empty());
        if (!taken && !releasing_) drops_.fetch_add(1, std::memory_order_relaxed);
        if (taken) {
            writes_bytes_ += bytes;
            writes_.push_back({.ticket = ticket,
                               .key = std::string(key),
                               .hash = hash,
                               .response = response,
                               .bytes = bytes});
        }
    }
    if (taken) {
        writer_wakes_.notify_one();
        return true;
    }
    const std::lock_guard lock(shard.mutex);
    (void)end_waiting(shard, hash, ticket);
    return false;
}

bool CacheDisk::end_waiting(Shard& shard, std::uint64_t hash, std::uint64_t ticket) {
    const auto [begin, end] = shard.waiting.equal_range(hash);
    for (auto one = begin; one != end; ++one) {
        if (one->second.ticket != ticket) continue;
        shard.waiting.erase(one);
        return true;
    }
    return false;
}

// Under the shard's lock.
std::size_t CacheDisk::forget_places(Shard& shard, std::span<const edge::DiskPlace> places) {
    std::size_t gone = 0;
    for (const edge::DiskPlace& place : places) gone += shard.index.remove(place) ? 1 : 0;
    objects_.fetch_sub(static_cast<std::int64_t>(gone), std::memory_order_relaxed);
    if (gone == 0) return 0;
    {
        const std::lock_guard lock(writer_mutex_);
        for (const auto& place : places) forgotten_.push_back({place.segment, place.at});
    }
    writer_wakes_.notify_one();
    return gone;
}

bool CacheDisk::forget(std::uint64_t hash, std::string_view vary_names, std::string_view vary_key) {
    if (!is_ready()) return false;
    const std::uint32_t vary = edge::vary_hash(vary_key);
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    std::vector<edge::DiskPlace> places;
    shard.index.find(hash, [&](const edge::DiskPlace& place) {
        if (names_[place.names] != vary_names || place.vary == vary) places.push_back(place);
    });
    bool some = forget_places(shard, places) > 0;
    const auto [begin, end] = shard.waiting.equal_range(hash);
    for (auto one = begin; one != end;) {
        const CachedResponse& response = *one->second.response;
        const bool goes = response.vary_names != vary_names || response.vary_key == vary_key;
        some = some || goes;
        one = goes ? shard.waiting.erase(one) : std::next(one);
    }
    return some;
}

void CacheDisk::forget_all(std::uint64_t hash) {
    if (!is_ready()) return;
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    (void)forget_found(shard, hash);
    shard.waiting.erase(hash);
}

// Under the shard's lock. Not what waits to be written: that is newer than what was found.
void CacheDisk::forget_found(Shard& shard, std::uint64_t hash) {
    std::vector<edge::DiskPlace> places;
    shard.index.find(hash, [&](const edge::DiskPlace& place) { places.push_back(place); });
    (void)forget_places(shard, places);
}

// The caller has more to do than to wait for a disk that hangs. One purge that it has not taken is
// enough to know: what comes on top is kept behind it.
Status CacheDisk::keep(const edge::PurgeSlot& slot) {
    constexpr std::chrono::milliseconds k_limit{edge::k_cache_disk_keep_limit.count};
    auto wanted = std::make_shared<Keeping>(Keeping{.slot = slot, .done = std::nullopt});
    std::unique_lock lock(keeper_mutex_);
    if (!keeping_) {
        keeping_ = wanted;
        keeper_wakes_.notify_one();
        (void)kept_.wait_for(lock, k_limit, [&] { return wanted->done.has_value(); });
        if (wanted->done) return *wanted->done;
    } else {
        keep_soon(slot);
    }
    return fail(
        ErrorCode::unavailable,
        fmt::format("{}: its disk has not taken the purge for {} s. It holds, and will over "
                    "a restart once the disk has",
                    setup_.folder, edge::k_cache_disk_keep_limit.count / 1000));
}

void CacheDisk::run_keeper() {
    std::unique_lock lock(keeper_mutex_);
    for (;;) {
        keeper_wakes_.wait(lock, [&] { return keeper_ends_ || keeping_; });
        if (!keeping_) return;
        const auto one = keeping_;
        lock.unlock();
        auto done = keep_now(one->slot);
        lock.lock();
        one->done = std::move(done);
        keeping_.reset();
        kept_.notify_all();
    }
}

Status CacheDisk::keep_now(const edge::PurgeSlot& slot) {
    const std::lock_guard lock(purges_mutex_);
    if (!purges_.is_open()) return has_heir() ? Status() : purges_.distrust();
    const auto kept = append_purges({&slot, 1}, DiskPurges::Sync::yes);
    if (kept) return kept;
    turn_off(kept.error().reason);
    return purges_.distrust();
}

Status CacheDisk::append_purges(std::span<const edge::PurgeSlot> slots, DiskPurges::Sync durable) {
    MOLN_TRY(purges_.append(slots, durable));
    return purges_.too_long() ? purges_.rewrite(owner_->book().slots()) : Status();
}

// A worker calls it: it never waits for who is writing them.
void CacheDisk::keep_soon(const edge::PurgeSlot& slot) {
    {
        const std::lock_guard lock(writer_mutex_);
        waiting_purges_[slot.number] = slot;
        if (std::exchange(purges_wait_, true)) return;
    }
    writer_wakes_.notify_one();
}

std::unordered_map<std::uint32_t, edge::PurgeSlot> CacheDisk::take_waiting_purges() {
    const std::lock_guard lock(writer_mutex_);
    return std::exchange(waiting_purges_, {});
}

void CacheDisk::keep_others() {
    others_wait_ = true;
    {
        const std::lock_guard lock(writer_mutex_);
        if (std::exchange(purges_wait_, true)) return;
    }
    writer_wakes_.notify_one();
}

bool CacheDisk::has_heir() {
    const std::lock_guard lock(writer_mutex_);
    return releasing_ && heir_ == Heir::knows_purges;
}

void CacheDisk::put(const edge::DiskPlace& place) {
    Shard& shard = shard_of(place.hash);
    const std::lock_guard lock(shard.mutex);
    const auto gone = static_cast<std::int64_t>(shard.index.put(place));
    objects_.fetch_add(1 - gone, std::memory_order_relaxed);
}

// Not if it was turned off meanwhile.
bool CacheDisk::go_on(Stage from, Stage to) {
    return stage_.compare_exchange_strong(from, to, std::memory_order_acq_rel);
}

void CacheDisk::turn_off(std::string_view reason) {
    if (stage_.exchange(Stage::over, std::memory_order_acq_rel) == Stage::over) return;
    say("cache_disk_off", "folder={} reason={}", setup_.folder, reason);
}

CacheDiskStats CacheDisk::stats() const {
    CacheDiskStats out{.objects = 0,
                       .bytes = 0,
                       .bytes_max = static_cast<std::int64_t>(setup_.bytes_max),
                       .hits_total = hits_.load(),
                       .writes_total = writes_done_.load(),
                       .drops_total = drops_.load(),
                       .errors_total = errors_.load()};
    const Stage stage = stage_.load(std::memory_order_acquire);
    if (stage == Stage::over) out.bytes_max = 0;
    if (stage != Stage::ready) return out;
    out.objects = objects_.load();
    out.bytes = static_cast<std::int64_t>(log_->bytes());
    out.bytes_max = static_cast<std::int64_t>(log_->limit());
    return out;
}

}  // namespace moln::edge_loop
