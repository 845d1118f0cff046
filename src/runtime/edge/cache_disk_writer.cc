// The thread of the cache's disk that writes: takes the folder over, finds what lies there,
// appends, makes room, keeps purges.
#include <algorithm>
#include <chrono>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>

#include "base/check.h"
#include "edge/cache/disk_record.h"
#include "edge/limits.h"
#include "runtime/edge/body_source.h"
#include "runtime/edge/cache_disk.h"
#include "runtime/edge/core.h"
#include "runtime/edge/say.h"

namespace moln::edge_loop {
namespace {

constexpr std::size_t k_write_piece = 1u << 20;  // gathered before it is handed to the kernel
constexpr auto k_take_over_pause = std::chrono::milliseconds(200);

// The body and the checks behind it go into `out`; flush(out) is called when some has gathered.
// False: the body is not to be had any more.
template <typename Flush>
Result<bool> put_body(std::string& out, const CacheBody& body, std::uint64_t bytes,
                      std::uint64_t head_check, Flush&& flush) {
    BodySource source(body);
    std::string checks;
    for (std::uint64_t i = 0; i < edge::disk_chunks(bytes); ++i) {
        const std::size_t begin = out.size();
        const std::size_t end = begin + edge::disk_chunk_bytes(bytes, i);
        while (out.size() < end) {
            const auto piece = source.next(end - out.size());
            if (!piece) return false;
            CHECK(!piece->empty());
            out += *piece;
        }
        const auto chunk = std::string_view(out).substr(begin);
        edge::put_disk_check(checks, edge::disk_chunk_check(chunk, head_check, i));
        if (out.size() >= k_write_piece) MOLN_TRY(flush(out));
    }
    out += checks;
    return true;
}

// A purge of next to nothing, of a generation that no edge before this one can have come to: it may
// have lost its last purges with the power, and what it asked for after those bears their numbers.
// Were they given again, it would be taken for newer than what they purge now.
edge::PurgeSlot leap_of(const edge::PurgeBook& book) {
    constexpr std::uint64_t k_lost_max = 1u << 24;  // of 2^48: there are enough for 2^24 starts
    return {.number = 0, .value = (book.generation() + k_lost_max) << 16 | 1};
}

}  // namespace

// True: the folder is ours and its purges are known. False: another edge has it still, or it is of
// no use.
bool CacheDisk::take_over() {
    auto lock = folder_.open_file("lock", O_RDWR | O_CREAT, 0600);
    if (!lock) {
        turn_off(lock.error().reason);
        return false;
    }
    if (::flock(lock->get(), LOCK_EX | LOCK_NB) != 0) return false;
    lock_ = std::move(*lock);
    if (const auto opened = open_log(); !opened) {
        turn_off(opened.error().reason);
        return false;
    }
    return true;
}

Status CacheDisk::open_log() {
    const std::lock_guard lock(purges_mutex_);
    MOLN_ASSIGN(const auto state, purges_.open(seed_, setup_.fresh));
    epoch_ = state.identity.epoch;
    // They are in the book. What comes from now on may be, too, and is then kept twice.
    (void)take_waiting_purges();
    // Purged before the folder was ours, here or at the edge before. Where the book does not know
    // of the file's last purge it counts from elsewhere: then they hold for all that lies here.
    auto before = owner_->book().slots();
    const bool counts_on = std::ranges::all_of(state.purges, [&](const auto& slot) {
        return slot.generation() <= owner_->book().generation();
    });
    owner_->restore(state.purges);
    const auto leap = leap_of(owner_->book());
    if (!counts_on) {
        for (auto& slot : before) slot.value = leap.generation() << 16 | (slot.value & 0xffff);
        owner_->restore(before);
    }
    owner_->restore({leap});
    others_kept_ = leap.generation();
    MOLN_TRY(purges_.rewrite(owner_->book().slots()));
    log_ = std::make_unique<DiskLog>(folder_, epoch_, setup_.bytes_max);
    return log_->open();
}

bool CacheDisk::is_releasing() {
    const std::lock_guard lock(writer_mutex_);
    return releasing_;
}

void CacheDisk::recover() {
    edge::FoundRecords found;
    while (!is_releasing() && log_->recover(found)) {
        ++names_tick_;
        std::vector<std::optional<std::uint16_t>> numbers;
        for (const auto& list : found.names) numbers.push_back(number_of_names(list));
        for (edge::DiskPlace& place : found.places) {
            if (!numbers[place.names]) continue;
            place.names = *numbers[place.names];
            put(place);
        }
        sequence_ = std::max(sequence_, found.sequence_max);
    }
    if (!go_on(Stage::recovering, Stage::ready)) return;
    // What was fetched in the meantime is newer.
    owner_->each_hash([this](std::uint64_t hash) {
        Shard& shard = shard_of(hash);
        const std::lock_guard lock(shard.mutex);
        forget_found(shard, hash);
    });
    say("cache_disk_ready", "folder={} objects={} bytes={}", setup_.folder, objects_.load(),
        log_->bytes());
}

std::optional<std::uint16_t> CacheDisk::number_of_names(std::string_view names) {
    auto number = names_.number_of(names, names_tick_);
    if (number || names_full_tick_ == names_tick_) return number;
    free_names();
    number = names_.number_of(names, names_tick_);
    if (!number) names_full_tick_ = names_tick_;
    return number;
}

// Of what varies by a list that has to go nothing is found any more. No other thread adds places:
// a list that no shard has is read by nobody.
void CacheDisk::free_names() {
    std::vector<std::size_t> places(edge::k_disk_names_max);
    for (const Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        shard.index.each([&](const edge::DiskPlace& place) { ++places[place.names]; });
    }
    const auto chosen = names_.choose(places, names_tick_);
    for (Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        const auto gone = static_cast<std::int64_t>(shard.index.remove_if(
            [&](const auto& place) { return place.names < chosen.size() && chosen[place.names]; }));
        objects_.fetch_sub(gone, std::memory_order_relaxed);
        drops_.fetch_add(gone, std::memory_order_relaxed);
    }
    names_.free(chosen);
}

// Their bytes stay; what has no room even for this may be found again by the next.
void CacheDisk::mark_forgotten(std::span<const Forgotten> places) {
    for (const Forgotten& place : places) {
        if (!is_ready()) return;
        const auto marked = log_->mark(place.segment, std::uint64_t{place.at} * edge::k_disk_unit,
                                       edge::forgotten_magic());
        if (marked) continue;
        errors_.fetch_add(1, std::memory_order_relaxed);
        if (marked.error().code != ErrorCode::full) turn_off(marked.error().reason);
    }
}

std::vector<edge::DiskPlace> CacheDisk::places_of(std::uint32_t segment) const {
    std::vector<edge::DiskPlace> out;
    for (const Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        shard.index.each([&](const edge::DiskPlace& place) {
            if (place.segment == segment) out.push_back(place);
        });
    }
    std::ranges::sort(out, {}, &edge::DiskPlace::at);
    return out;
}

void CacheDisk::drop_places(std::uint32_t segment) {
    for (Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        const auto gone = static_cast<std::int64_t>(shard.index.remove_if(
            [&](const edge::DiskPlace& place) { return place.segment == segment; }));
        objects_.fetch_sub(gone, std::memory_order_relaxed);
        drops_.fetch_add(gone, std::memory_order_relaxed);
    }
}

// Its bytes as they stand: they say nothing of where they lie.
Status CacheDisk::carry_one(const Fd& file, const edge::DiskPlace& place) {
    const std::uint64_t from = std::uint64_t{place.at} * edge::k_disk_unit;
    const std::size_t head_bytes = place.head_units * edge::k_disk_unit;
    const std::uint64_t size = head_bytes + edge::disk_body_bytes(place.body_bytes);
    const std::uint64_t end = log_->end();
    const std::uint64_t to = edge::disk_record_at(end, place.body_bytes);
    if (log_->needs_segment(to - end + size)) return {};
    MOLN_TRY(log_->write(end, std::string(to - end, '\0')));
    for (std::uint64_t done = 0; done < size;) {
        const auto piece = read_some(
            file, from + done,
            static_cast<std::size_t>(std::min<std::uint64_t>(size - done, k_write_piece)));
        if (piece.empty()) return {};
        if (done == 0) {
            const auto head = edge::read_disk_head(piece, epoch_);
            if (!head || head->forgotten || owner_->book().is_purged(head->marks, head->stamp.born))
                return {};
        }
        MOLN_TRY(log_->write(to + done, piece));
        done += piece.size();
    }
    edge::DiskPlace carried = place;
    carried.segment = log_->current();
    carried.at = static_cast<std::uint32_t>(to / edge::k_disk_unit);
    carried.uses = 0;
    Shard& shard = shard_of(place.hash);
    const std::lock_guard lock(shard.mutex);
    // Not if it was forgotten meanwhile.
    if (!shard.index.remove(place)) return {};
    log_->commit(to + size);
    shard.index.put(carried);
    return {};
}

Status CacheDisk::carry_over(std::uint32_t segment, std::uint64_t bytes_max) {
    const auto file = log_->pin(segment);
    if (!file) return {};
    std::uint64_t carried = 0;
    for (const edge::DiskPlace& place : places_of(segment)) {
        if (place.uses == 0 && !owner_->is_in_use(place.hash)) continue;
        carried += place.head_units * edge::k_disk_unit + edge::disk_body_bytes(place.body_bytes);
        if (carried > bytes_max) break;
        MOLN_TRY(carry_one(file->fd, place));
    }
    return {};
}

Status CacheDisk::drop_oldest(std::uint64_t carried_max) {
    const std::uint32_t segment = log_->oldest();
    if (carried_max > 0) MOLN_TRY(carry_over(segment, carried_max));
    drop_places(segment);
    return log_->drop_oldest();
}

Status CacheDisk::make_room(std::uint64_t bytes) {
    const auto objects_max = static_cast<std::int64_t>(edge::k_cache_disk_objects_max);
    while (objects_.load() >= objects_max && log_->count() > 0) MOLN_TRY(drop_oldest(0));
    while (log_->needs_segment(bytes)) {
        MOLN_TRY(log_->begin_segment(places_of(log_->current()), names_.all()));
        // A record is at most half a segment: with a quarter carried over it fits.
        std::uint64_t carried_max = log_->record_bytes_max() / 2;
        while (log_->too_large() && log_->count() > 1) {
            MOLN_TRY(drop_oldest(std::exchange(carried_max, 0)));
        }
        if (!log_->too_large()) continue;
        MOLN_TRY(drop_oldest(0));
        return fail(ErrorCode::full,
                    fmt::format("{}: too little of its disk is free", setup_.folder));
    }
    return {};
}

Status CacheDisk::append(const WriteJob& job) {
    const CachedResponse& response = *job.response;
    const auto seen = response.body->seen();
    const bool wanted = seen.state == CacheBody::State::complete && is_waiting(job) &&
                        !owner_->book().is_purged(response.marks, response.born);
    if (!wanted) return {};
    const auto names = number_of_names(response.vary_names);
    if (!names) return {};
    std::string out;
    const auto check = edge::put_disk_head(out,
                                           {.sequence = ++sequence_,
                                            .hash = job.hash,
                                            .scope = response.scope,
                                            .born = response.born,
                                            .came = response.came,
                                            .freshness = response.freshness,
                                            .body_bytes = seen.bytes,
                                            .compresses = response.coded != nullptr},
                                           {.key = job.key,
                                            .vary_names = response.vary_names,
                                            .vary_key = response.vary_key,
                                            .marks = response.marks},
                                           response.head, epoch_);
    if (!check) return {};
    const std::size_t head_bytes = out.size();
    const std::uint64_t size = head_bytes + edge::disk_body_bytes(seen.bytes);
    if (size > log_->record_bytes_max()) return {};
    MOLN_TRY(make_room(size + edge::disk_unit_of(seen.bytes)));
    const std::uint64_t end = log_->end();
    const std::uint64_t at = edge::disk_record_at(end, seen.bytes);
    out.insert(0, at - end, '\0');
    std::uint64_t written = end;
    const auto flush = [&](std::string& bytes) -> Status {
        MOLN_TRY(log_->write(written, bytes));
        written += bytes.size();
        bytes.clear();
        return {};
    };
    MOLN_ASSIGN(const bool whole, put_body(out, *response.body, seen.bytes, *check, flush));
    if (!whole) return {};
    out.resize(static_cast<std::size_t>(at + size - written), '\0');
    MOLN_TRY(flush(out));
    said_full_ = false;
    const edge::DiskPlace place{
        .hash = job.hash,
        .segment = log_->current(),
        .at = static_cast<std::uint32_t>(at / edge::k_disk_unit),
        .body_bytes = static_cast<std::uint32_t>(seen.bytes),
        .vary = edge::vary_hash(response.vary_key),
        .head_units = static_cast<std::uint16_t>(head_bytes / edge::k_disk_unit),
        .names = *names};
    if (!put_written(job, place, at + size)) return {};
    writes_done_.fetch_add(1, std::memory_order_relaxed);
    return {};
}

bool CacheDisk::is_waiting(const WriteJob& job) {
    Shard& shard = shard_of(job.hash);
    const std::lock_guard lock(shard.mutex);
    const auto [begin, end] = shard.waiting.equal_range(job.hash);
    return std::any_of(begin, end,
                       [&](const auto& one) { return one.second.ticket == job.ticket; });
}

// What was forgotten while it was written counts for nothing: the next record takes its room.
bool CacheDisk::put_written(const WriteJob& job, const edge::DiskPlace& place, std::uint64_t end) {
    Shard& shard = shard_of(job.hash);
    const std::lock_guard lock(shard.mutex);
    if (!end_waiting(shard, job.hash, job.ticket)) return false;
    log_->commit(end);
    const auto gone = static_cast<std::int64_t>(shard.index.put(place));
    objects_.fetch_add(1 - gone, std::memory_order_relaxed);
    return true;
}

// A full disk is waited out with less of ours on it; any other error ends its use.
void CacheDisk::write_one(const WriteJob& job) {
    const std::int64_t now_ms = clock_now(Clock::mono_us) / 1000;
    ++names_tick_;
    if (!is_ready() || now_ms < full_until_ms_) {
        drops_.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    const auto done = append(job);
    if (done) return;
    drops_.fetch_add(1, std::memory_order_relaxed);
    errors_.fetch_add(1, std::memory_order_relaxed);
    if (done.error().code != ErrorCode::full) {
        turn_off(done.error().reason);
        return;
    }
    if (!std::exchange(said_full_, true)) {
        say("cache_disk_full", "folder={} reason={}", setup_.folder, done.error().reason);
    }
    full_until_ms_ = now_ms + edge::k_cache_disk_full_pause.count;
    if (log_->count() > 0) {
        if (const auto dropped = drop_oldest(0); !dropped) turn_off(dropped.error().reason);
    }
}

// Those of requests that made something untrue: written at once, but nobody waits for it.
void CacheDisk::keep_purges() {
    const std::lock_guard lock(purges_mutex_);
    if (!purges_.is_open()) {
        // Else open_log() takes them from the book.
        if (stage_ == Stage::over) distrust();
        return;
    }
    std::vector<edge::PurgeSlot> slots;
    if (others_wait_.exchange(false)) {
        const std::uint64_t now = owner_->book().generation();
        slots = owner_->book().slots(std::exchange(others_kept_, now));
    }
    for (const auto& [number, slot] : take_waiting_purges()) slots.push_back(slot);
    const auto kept = append_purges(slots, DiskPurges::Sync::no);
    if (kept) return;
    turn_off(kept.error().reason);
    distrust();
}

// The log gets its table, and the folder may have another owner.
void CacheDisk::finish() {
    if (is_ready() && log_->current() != 0) {
        if (const auto sealed = log_->seal(places_of(log_->current()), names_.all()); !sealed) {
            say("cache_disk_not_ended", "reason={}", sealed.error().reason);
        }
    }
    stage_.store(Stage::over, std::memory_order_release);
    {
        const std::lock_guard lock(purges_mutex_);
        purges_.close();
        lock_.reset();
    }
    keep_late_purges();
}

// Requests that had begun still make something untrue, of what lies in a folder that is not ours
// any more, or never was: without an heir who hears of it, none of that is used by the next.
void CacheDisk::keep_late_purges() {
    for (bool some = true; some;) {
        if (!has_heir() && !take_waiting_purges().empty()) {
            const std::lock_guard lock(purges_mutex_);
            distrust();
        }
        std::unique_lock lock(writer_mutex_);
        writer_wakes_.wait(lock, [&] { return ending_ || purges_wait_; });
        some = std::exchange(purges_wait_, false);
    }
}

// Under purges_mutex_.
void CacheDisk::distrust() {
    if (const auto said = purges_.distrust(); !said) {
        say("cache_disk_not_distrusted", "reason={}", said.error().reason);
    }
}

void CacheDisk::run_writer() {
    for (bool over = false; !over;) {
        if (stage_ == Stage::waiting && take_over()) go_on(Stage::waiting, Stage::recovering);
        if (stage_ == Stage::recovering) recover();
        std::optional<WriteJob> job;
        std::vector<Forgotten> forgotten;
        bool purges = false;
        {
            std::unique_lock lock(writer_mutex_);
            const auto some = [&] {
                return releasing_ || purges_wait_ || !writes_.empty() || !forgotten_.empty();
            };
            if (stage_ == Stage::waiting) {
                writer_wakes_.wait_for(lock, k_take_over_pause, some);
            } else {
                writer_wakes_.wait(lock, some);
            }
            purges = std::exchange(purges_wait_, false);
            forgotten.swap(forgotten_);
            if (!writes_.empty()) {
                job = std::move(writes_.front());
                writes_.pop_front();
                writes_bytes_ -= job->bytes;
            }
            over = releasing_ && !job;
        }
        if (purges) keep_purges();
        mark_forgotten(forgotten);
        if (!job) continue;
        write_one(*job);
        Shard& shard = shard_of(job->hash);
        const std::lock_guard lock(shard.mutex);
        (void)end_waiting(shard, job->hash, job->ticket);
    }
    finish();
}

}  // namespace moln::edge_loop
