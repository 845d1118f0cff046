// The store and its disk: what is read from there, what is written, and purges, which hold for
// both.
#include <algorithm>
#include <utility>

#include "edge/limits.h"
#include "runtime/edge/cache_store.h"
#include "runtime/edge/core.h"

namespace moln::edge_loop {
namespace {

std::int64_t mono_ms() {
    return clock_now(Clock::mono_us) / 1000;
}

}  // namespace

void CacheStore::use_disk(CacheDisk& disk, std::function<void(std::uint64_t)> wake) {
    disk_ = &disk;
    wake_ = std::move(wake);
}

std::optional<edge::DiskPlace> CacheStore::look_on_disk(const CacheAsk& ask) const {
    if (disk_ == nullptr || !ask.from_disk) return std::nullopt;
    return disk_->find(ask.hash, ask.request.fields);
}

bool CacheStore::load(CacheFetch& fetch, std::int64_t now_ms, WallTime now) {
    const DiskWish wish{.key = fetch.key_, .scope = fetch.scope_, .now_ms = now_ms, .now = now};
    std::shared_ptr<const CachedResponse> response;
    const auto got = disk_->read(*fetch.place_, wish, Patience::none, response);
    return loaded(fetch, got, std::move(response));
}

bool CacheStore::load_later(const std::shared_ptr<CacheFetch>& fetch) {
    const bool taken = disk_->run([this, fetch] {
        const DiskWish wish{.key = fetch->key_,
                            .scope = fetch->scope_,
                            .now_ms = mono_ms(),
                            .now = {clock_now(Clock::wall_ms)}};
        std::shared_ptr<const CachedResponse> response;
        const auto got = disk_->read(*fetch->place_, wish, Patience::any, response);
        (void)loaded(*fetch, got, std::move(response));
        if (const std::uint64_t bits = fetch->waiting().take(); bits != 0) wake_(bits);
    });
    if (!taken) (void)loaded(*fetch, DiskRead::other, nullptr);
    return taken;
}

// Of what was read from the disk: under the lock of its shard.
bool CacheStore::has_newer(const Entry& entry, const CachedResponse& read) {
    if (entry.slots.empty()) return false;
    if (entry.vary_names != read.vary_names) return true;
    return std::ranges::any_of(entry.slots, [&](const auto& slot) {
        const bool credentials = !slot->response && slot->as == Passed::credentials;
        const auto& key = slot->response ? slot->response->vary_key : slot->pass_key;
        return !credentials && key == read.vary_key;
    });
}

bool CacheStore::loaded(CacheFetch& fetch, DiskRead got,
                        std::shared_ptr<const CachedResponse> response) {
    if (got == DiskRead::would_block) return false;
    std::shared_ptr<const CachedResponse> older;  // freed after the lock
    {
        Shard& shard = shard_of(fetch.hash_);
        Dropped dropped;
        const std::lock_guard lock(shard.mutex);
        Entry& entry = obtain(shard, fetch.key_, fetch.hash_, dropped);
        // What was fetched meanwhile is newer, or that nothing of it is to be kept.
        if (response && has_newer(entry, *response)) older = std::move(response);
        if (response) {
            entry.vary_names = response->vary_names;
            auto slot = std::make_unique<Slot>();
            slot->response = response;
            slot->saved = true;
            insert(shard, entry, std::move(slot), dropped);
        }
        forget_fetch(entry, fetch);
        erase_if_empty(shard, entry);
    }
    const bool here = response != nullptr;
    fetch.response_ = std::move(response);
    fetch.state_.store(here ? CacheFetch::State::answered : CacheFetch::State::missed,
                       std::memory_order_release);
    make_room();
    return true;
}

// Under the lock of the slot's shard.
void CacheStore::save(const Entry& entry, Slot& slot, std::int64_t now_ms) {
    if (disk_ == nullptr || slot.saved) return;
    const CachedResponse& response = *slot.response;
    if (response.body->seen().state != CacheBody::State::complete) return;
    const bool validated = !response.head.first(http::FieldId::etag).empty() ||
                           !response.head.first(http::FieldId::last_modified).empty();
    if (edge::is_worth_keeping(response.freshness, now_ms - response.came_ms, validated)) {
        slot.saved = disk_->write(entry.key, slot.hash, slot.response);
    } else {
        slot.saved = true;
    }
}

edge::PurgeSlot CacheStore::note_purge(edge::PurgeMark mark) {
    purges_.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(purge_mutex_);
    note_others();
    purge_times_.note(purges_heard_of_, mono_ms());
    const auto slot = book_.purge(mark);
    // Unless another edge has just purged, too.
    if (slot.generation() == purges_heard_of_ + 1) purges_heard_of_ = slot.generation();
    return slot;
}

// When they did it nobody knows: before now.
void CacheStore::note_others() {
    const std::uint64_t now = book_.generation();
    if (now == purges_heard_of_) return;
    purge_times_.note(purges_heard_of_, mono_ms());
    purges_heard_of_ = now;
    if (disk_ != nullptr) disk_->keep_others();
}

void CacheStore::hear_others() {
    const std::lock_guard lock(purge_mutex_);
    note_others();
}

void CacheStore::purge(edge::PurgeMark mark) {
    const auto slot = note_purge(mark);
    if (disk_ != nullptr) disk_->keep_soon(slot);
}

Status CacheStore::purge_for_good(edge::PurgeMark mark) {
    const auto slot = note_purge(mark);
    return disk_ == nullptr ? Status() : disk_->keep(slot);
}

bool CacheStore::is_in_use(std::uint64_t hash) {
    Shard& shard = shard_of(hash);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.entries.find(hash);
    if (found == shard.entries.end()) return false;
    return std::ranges::any_of(found->second.slots, [](const auto& slot) {
        return slot->uses > 0 || slot->queue == edge::CacheQueue::main;
    });
}

void CacheStore::each_hash(const std::function<void(std::uint64_t)>& visit) {
    std::vector<std::uint64_t> hashes;
    for (Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        for (const auto& [hash, entry] : shard.entries) {
            if (!entry.slots.empty()) hashes.push_back(hash);
        }
    }
    for (const std::uint64_t hash : hashes) visit(hash);
}

void CacheStore::restore(const std::vector<edge::PurgeSlot>& slots) {
    const std::lock_guard lock(purge_mutex_);
    for (const auto& slot : slots) book_.restore(slot);
    // When they were made nobody knows any more: before now.
    if (!slots.empty()) purge_times_.note(0, mono_ms());
    purges_heard_of_ = book_.generation();
}

bool CacheStore::was_purged_since(std::span<const edge::PurgeMark> marks, std::int64_t born_ms) {
    const std::lock_guard lock(purge_mutex_);
    note_others();
    const auto born = purge_times_.generation_at(born_ms);
    return born && book_.is_purged(marks, *born);
}

}  // namespace moln::edge_loop
