#include "runtime/edge/cache_store.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "edge/cache/target.h"
#include "edge/limits.h"
#include "http/vary.h"

namespace moln::edge_loop {
namespace {

// What one costs beside its bytes: the slot, the map's node, the counts of its pointers.
constexpr std::size_t k_overhead = 256;

std::size_t cost_of(std::string_view key, const CachedResponse* response) {
    return k_overhead + key.size() + (response == nullptr ? 0 : response->bytes());
}

// Still coming, and to be written to the disk as soon as it is whole. Its fetch holds its memory
// whether it is evicted or not; evicted it would be lost to the disk, each time anew.
bool must_stay(const CachedResponse* response) {
    return response != nullptr && response->body->seen().state == CacheBody::State::growing &&
           response->body->length().value_or(0) >= edge::k_cache_disk_direct_min;
}

// Where the one is used instead of the other, validated one: is it neither purged by less nor used
// for longer?
bool is_as_good_as(const CachedResponse& before, const CachedResponse& validated) {
    const edge::Freshness& old = before.freshness;
    const edge::Freshness& now = validated.freshness;
    const auto ends = [](const CachedResponse& one, std::int64_t more_ms) {
        return one.came_ms - one.freshness.age_ms + one.freshness.lifetime_ms + more_ms;
    };
    const bool no_longer = ends(before, 0) <= ends(validated, 0) &&
                           ends(before, old.revalidate_ms) <= ends(validated, now.revalidate_ms) &&
                           ends(before, old.error_ms) <= ends(validated, now.error_ms) &&
                           old.always_validate >= now.always_validate &&
                           old.never_stale >= now.never_stale;
    return no_longer && before.vary_names == validated.vary_names &&
           before.vary_key == validated.vary_key &&
           std::ranges::all_of(validated.marks, [&](edge::PurgeMark mark) {
               return std::ranges::find(before.marks, mark) != before.marks.end();
           });
}

}  // namespace

std::size_t CachedResponse::bytes() const {
    return sizeof(CachedResponse) + head.bytes() + marks.capacity() * sizeof(edge::PurgeMark) +
           vary_names.bytes() + vary_key.bytes() +
           (body ? sizeof(CacheBody) + body->memory_bytes() : 0) + (coded ? coded->bytes() : 0);
}

CacheStore::CacheStore(std::size_t bytes_max, std::uint64_t seed,
                       std::shared_ptr<edge::PurgeTable> purges)
    : bytes_max_(bytes_max),
      seed_(seed),
      book_(std::move(purges)),
      purges_heard_of_(book_.generation()) {}

// The queues unlink what they hold; the slots go with their entries.
CacheStore::~CacheStore() = default;

std::uint64_t CacheStore::hash_of(std::string_view text) const {
    return edge::cache_hash(text, seed_);
}

CacheStore::Entry* CacheStore::find(Shard& shard, std::string_view key, std::uint64_t hash) {
    const auto found = shard.entries.find(hash);
    return found == shard.entries.end() || found->second.key != key ? nullptr : &found->second;
}

// Two keys with one hash: the later has the place.
CacheStore::Entry& CacheStore::obtain(Shard& shard, std::string_view key, std::uint64_t hash,
                                      Dropped& dropped) {
    Entry& entry = shard.entries[hash];
    if (entry.key != key) {
        while (!entry.slots.empty()) {
            Slot& slot = *entry.slots.back();
            shard.queue.remove(slot);
            bytes_ -= slot.bytes;
            --shard.objects;
            dropped.push_back(std::move(entry.slots.back()));
            entry.slots.pop_back();
        }
        entry = {};
        entry.key = key;
    }
    return entry;
}

void CacheStore::insert(Shard& shard, Entry& entry, std::unique_ptr<Slot> slot, Dropped& dropped) {
    if (entry.slots.size() == k_variants_max) take_out(shard, *entry.slots.front(), dropped);
    slot->entry = &entry;
    slot->hash = hash_of(entry.key);
    slot->bytes = cost_of(entry.key, slot->response.get());
    bytes_ += slot->bytes;
    ++shard.objects;
    shard.queue.insert(*slot);
    entry.slots.push_back(std::move(slot));
}

void CacheStore::take_out(Shard& shard, Slot& slot, Dropped& dropped) {
    shard.queue.remove(slot);
    bytes_ -= slot.bytes;
    --shard.objects;
    auto& slots = slot.entry->slots;
    const auto at =
        std::ranges::find_if(slots, [&](const auto& one) { return one.get() == &slot; });
    CHECK(at != slots.end());
    dropped.push_back(std::move(*at));
    slots.erase(at);
}

// Requests for it go their own way for a while.
void CacheStore::put_pass(Shard& shard, Entry& entry, std::string_view vary_key,
                          std::int64_t until_ms, Dropped& dropped, Passed as) {
    take_out_variant(shard, entry, vary_key, dropped, as);
    auto slot = std::make_unique<Slot>();
    slot->pass_key = vary_key;
    slot->pass_until_ms = until_ms;
    slot->as = as;
    insert(shard, entry, std::move(slot), dropped);
}

// That credentials pass says nothing of the others.
void CacheStore::take_out_variant(Shard& shard, Entry& entry, std::string_view vary_key,
                                  Dropped& dropped, Passed as) {
    for (std::size_t i = 0; i < entry.slots.size();) {
        Slot& slot = *entry.slots[i];
        const bool same = (slot.response ? slot.response->vary_key : slot.pass_key) == vary_key;
        const bool goes =
            as != Passed::credentials || (!slot.response && slot.as == Passed::credentials);
        if (same && goes) {
            take_out(shard, slot, dropped);
        } else {
            ++i;
        }
    }
}

void CacheStore::erase_if_empty(Shard& shard, Entry& entry) {
    if (!entry.slots.empty() || !entry.fetches.empty()) return;
    shard.entries.erase(hash_of(entry.key));
}

void CacheStore::forget_fetch(Entry& entry, const CacheFetch& fetch) {
    std::erase_if(entry.fetches, [&](const auto& one) { return one.get() == &fetch; });
}

// What answers this request, whether fresh or not; what is found purged on the way goes, and what
// lay in a segment of the disk that was dropped. What stands still is nothing to begin with.
CacheStore::Slot* CacheStore::usable_slot(Shard& shard, Entry& entry, const CacheAsk& ask,
                                          std::string_view vary_key, Dropped& dropped) {
    Slot* passing = nullptr;
    for (std::size_t i = 0; i < entry.slots.size();) {
        Slot& slot = *entry.slots[i];
        const CachedResponse* response = slot.response.get();
        const bool over =
            response == nullptr
                ? slot.pass_until_ms <= ask.now_ms
                : response->scope != ask.scope || is_purged(*response) || response->body->is_gone();
        if (over) {
            take_out(shard, slot, dropped);
            continue;
        }
        const bool fits = response != nullptr && response->vary_key == vary_key;
        if (fits && !response->body->stands_still(ask.now_ms, edge::k_cache_join_limit)) {
            return &slot;
        }
        const bool passes = response == nullptr && slot.pass_key == vary_key &&
                            (slot.as != Passed::credentials || ask.has_credentials);
        if (passes) passing = &slot;
        ++i;
    }
    return passing;
}

// An answer to its credentials would not be kept, as was found not long ago.
bool CacheStore::passes_credentials(const Entry& entry, const CacheAsk& ask,
                                    std::string_view vary_key) {
    return ask.has_credentials && std::ranges::any_of(entry.slots, [&](const auto& slot) {
               return !slot->response && slot->as == Passed::credentials &&
                      slot->pass_until_ms > ask.now_ms && slot->pass_key == vary_key;
           });
}

// One that was begun later was answered before it, whether both could be joined or not.
bool CacheStore::is_overtaken(const Entry& entry, const CacheFetch& fetch) {
    return fetch.overtaken_ || std::ranges::any_of(entry.slots, [&](const auto& slot) {
               return slot->response && slot->order > fetch.order_ &&
                      slot->response->vary_key == fetch.vary_key_;
           });
}

CacheFound CacheStore::join_or_lead(Entry& entry, const CacheAsk& ask, std::string_view vary_key,
                                    CacheFound found) {
    if (ask.stays_with) {
        if (found.what == CacheFound::What::hit) return found;
        found.what = CacheFound::What::wait;
        found.fetch = ask.stays_with;
        return found;
    }
    const auto target = edge::CacheTarget::of(ask.request);
    if (!target) return found;
    const auto marks = edge::purge_marks({.app = ask.app,
                                          .host = target->host(),
                                          .path = target->path(),
                                          .query = target->query(),
                                          .has_query = target->has_query()});
    bool disk_is_slow = false;
    std::size_t unanswered = 0;
    std::shared_ptr<CacheFetch> youngest;
    for (const auto& fetch : entry.fetches) {
        if (fetch->vary_key_ != vary_key || fetch->scope_ != ask.scope) continue;
        // What is asked for since before a purge is no answer to who asks after it.
        if (book_.is_purged(marks.view(), fetch->born_)) continue;
        const auto limit = fetch->from_disk() ? edge::k_cache_load_limit : edge::k_cache_join_limit;
        if (ask.now_ms - fetch->began_ms_ >= limit.count) {
            if (fetch->from_disk()) {
                disk_is_slow = true;
            } else if (++unanswered >= k_fetches_max) {
                youngest = fetch;
            }
            continue;
        }
        if (!ask.joins || (fetch->from_disk() && !ask.from_disk)) continue;
        if (found.what == CacheFound::What::hit) return found;
        found.what = CacheFound::What::wait;
        found.fetch = fetch;
        return found;
    }
    const auto place = found.response || disk_is_slow ? std::nullopt : look_on_disk(ask);
    if (!ask.may_lead && !place) return found;
    if (ask.joins && !place && youngest) {
        if (found.what == CacheFound::What::hit) return found;
        found.what = CacheFound::What::wait;
        found.fetch = std::move(youngest);
        return found;
    }
    auto fetch = std::make_shared<CacheFetch>();
    fetch->order_ = fetches_.fetch_add(1, std::memory_order_relaxed) + 1;
    fetch->key_ = entry.key;
    fetch->hash_ = ask.hash;
    fetch->scope_ = ask.scope;
    fetch->born_ = book_.generation();
    fetch->began_ms_ = ask.now_ms;
    fetch->vary_names_ = entry.vary_names;
    fetch->vary_key_ = vary_key;
    fetch->marks_.assign(marks.view().begin(), marks.view().end());
    fetch->base_ = found.response;
    fetch->place_ = place;
    if (ask.joins && entry.fetches.size() < k_joinable_max) entry.fetches.push_back(fetch);
    found.fetch = std::move(fetch);
    if (place) {
        found.what = CacheFound::What::load;
        return found;
    }
    if (found.what != CacheFound::What::hit) found.what = CacheFound::What::lead;
    return found;
}

CacheFound CacheStore::ask(const CacheAsk& ask) {
    using What = CacheFound::What;
    Shard& shard = shard_of(ask.hash);
    Dropped dropped;  // freed after the lock
    CacheFound found;
    const std::lock_guard lock(shard.mutex);
    Entry* entry = find(shard, ask.key, ask.hash);
    if (entry == nullptr && !ask.may_lead && !look_on_disk(ask))
        return {.why = http::CacheForward::uri_miss};
    if (entry == nullptr) entry = &obtain(shard, ask.key, ask.hash, dropped);
    std::array<char, http::k_vary_key_bytes_max> room;
    const auto vary_key = http::vary_key(entry->vary_names, ask.request.fields, room);
    if (!vary_key) return {};
    Slot* slot = usable_slot(shard, *entry, ask, *vary_key, dropped);
    if (slot != nullptr && slot->response == nullptr) return {.large = slot->as == Passed::large};
    if (slot == nullptr) {
        // A note that nothing is kept is no variant.
        const bool variants = std::ranges::any_of(
            entry->slots, [](const auto& one) { return one->response != nullptr; });
        found.why = variants ? http::CacheForward::vary_miss : http::CacheForward::uri_miss;
        found = join_or_lead(*entry, ask, *vary_key, std::move(found));
        erase_if_empty(shard, *entry);
        return found;
    }
    edge::S3Fifo::touch(*slot);
    if (!slot->saved) save(*entry, *slot, ask.now_ms);
    const auto verdict = edge::judge_reuse(slot->response->freshness,
                                           ask.now_ms - slot->response->came_ms, ask.wish);
    found.response = slot->response;
    found.why = verdict.why;
    found.age_ms = verdict.age_ms;
    found.ttl_ms = verdict.ttl_ms;
    if (verdict.reuse == edge::Reuse::fresh) {
        found.what = What::hit;
        return found;
    }
    if (verdict.reuse == edge::Reuse::refresh) found.what = What::hit;
    if (passes_credentials(*entry, ask, *vary_key)) {
        return found.what == What::hit ? found : CacheFound{};
    }
    return join_or_lead(*entry, ask, *vary_key, std::move(found));
}

bool CacheStore::has(const CacheAsk& ask) {
    Shard& shard = shard_of(ask.hash);
    Dropped dropped;
    const std::lock_guard lock(shard.mutex);
    std::array<char, http::k_vary_key_bytes_max> room;
    Entry* entry = find(shard, ask.key, ask.hash);
    const auto vary_key = entry == nullptr
                              ? std::nullopt
                              : http::vary_key(entry->vary_names, ask.request.fields, room);
    const Slot* slot = vary_key ? usable_slot(shard, *entry, ask, *vary_key, dropped) : nullptr;
    if (entry != nullptr) erase_if_empty(shard, *entry);
    if (slot == nullptr) return look_on_disk(ask).has_value();
    return slot->response && edge::judge_reuse(slot->response->freshness,
                                               ask.now_ms - slot->response->came_ms, ask.wish)
                                     .reuse != edge::Reuse::validate;
}

void CacheStore::answer(CacheFetch& fetch, std::shared_ptr<const CachedResponse> response) {
    {
        Shard& shard = shard_of(fetch.hash_);
        Dropped dropped;
        const std::lock_guard lock(shard.mutex);
        Entry& entry = obtain(shard, fetch.key_, fetch.hash_, dropped);
        // What was validated while it came may have broken off since; settle() is over then. What
        // was asked for before a purge, or before what is here, may be older than that.
        if (!response->is_broken() && !is_purged(*response) && !is_overtaken(entry, fetch)) {
            // Variants by other names cannot be told from this one.
            if (entry.vary_names != response->vary_names) {
                while (!entry.slots.empty()) take_out(shard, *entry.slots.back(), dropped);
            }
            auto slot = std::make_unique<Slot>();
            slot->response = response;
            slot->order = fetch.order_;
            const bool validated = fetch.base_ && fetch.base_->body == response->body;
            if (validated && is_as_good_as(*fetch.base_, *response)) {
                // The body on the disk is good, and its head is validated again.
                slot->saved = std::ranges::any_of(entry.slots, [&](const auto& one) {
                    return one->response == fetch.base_ && one->saved;
                });
            } else if (disk_ != nullptr) {
                slot->replaces =
                    disk_->forget(fetch.hash_, response->vary_names, response->vary_key);
            }
            take_out_variant(shard, entry, response->vary_key, dropped);
            entry.vary_names = response->vary_names;
            Slot& here = *slot;
            insert(shard, entry, std::move(slot), dropped);
            // Of what is being fetched settle() does it.
            if (validated && here.replaces) save(entry, here, response->came_ms);
            for (const auto& one : entry.fetches) {
                if (one->order_ >= fetch.order_) break;
                one->overtaken_ = one->overtaken_ || one->vary_key_ == fetch.vary_key_;
            }
        }
        forget_fetch(entry, fetch);
        erase_if_empty(shard, entry);
    }
    fetch.response_ = std::move(response);
    fetch.state_.store(CacheFetch::State::answered, std::memory_order_release);
    make_room();
}

void CacheStore::pass(CacheFetch& fetch, std::int64_t now_ms, Passed as) {
    const Milliseconds time =
        as == Passed::large ? edge::k_cache_too_long_time : edge::k_cache_pass_time;
    {
        Shard& shard = shard_of(fetch.hash_);
        Dropped dropped;
        const std::lock_guard lock(shard.mutex);
        Entry& entry = obtain(shard, fetch.key_, fetch.hash_, dropped);
        // What was asked for before a purge says nothing of what is here.
        const bool older = is_overtaken(entry, fetch) || book_.is_purged(fetch.marks_, fetch.born_);
        if (older) as = Passed::error;
        if (as != Passed::error) {
            put_pass(shard, entry, fetch.vary_key_, now_ms + time.count, dropped, as);
        }
        const bool replaces = as == Passed::as_it_is || as == Passed::large;
        if (disk_ != nullptr && replaces) {
            (void)disk_->forget(fetch.hash_, fetch.vary_names_, fetch.vary_key_);
        }
        forget_fetch(entry, fetch);
        erase_if_empty(shard, entry);
    }
    fetch.passed_ = as;
    fetch.state_.store(CacheFetch::State::passed, std::memory_order_release);
    make_room();
}

void CacheStore::become(CacheFetch& fetch, std::string_view key) {
    {
        Shard& shard = shard_of(fetch.hash_);
        const std::lock_guard lock(shard.mutex);
        if (Entry* entry = find(shard, fetch.key_, fetch.hash_)) {
            forget_fetch(*entry, fetch);
            erase_if_empty(shard, *entry);
        }
    }
    fetch.key_ = key;
    fetch.hash_ = hash_of(key);
    fetch.base_.reset();
}

void CacheStore::forbid(std::string_view key, std::int64_t until_ms) {
    const std::uint64_t hash = hash_of(key);
    {
        Shard& shard = shard_of(hash);
        Dropped dropped;
        const std::lock_guard lock(shard.mutex);
        put_pass(shard, obtain(shard, key, hash, dropped), {}, until_ms, dropped);
    }
    make_room();
}

void CacheStore::fail(CacheFetch& fetch, CacheFailure failure) {
    {
        Shard& shard = shard_of(fetch.hash_);
        const std::lock_guard lock(shard.mutex);
        if (Entry* entry = find(shard, fetch.key_, fetch.hash_)) {
            forget_fetch(*entry, fetch);
            erase_if_empty(shard, *entry);
        }
    }
    fetch.failure_ = std::move(failure);
    fetch.state_.store(CacheFetch::State::failed, std::memory_order_release);
}

void CacheStore::miss(CacheFetch& fetch) {
    (void)loaded(fetch, DiskRead::other, nullptr);
}

void CacheStore::settle(const CacheFetch& fetch, const CachedResponse& response,
                        std::int64_t now_ms) {
    Shard& shard = shard_of(fetch.hash_);
    Dropped dropped;
    {
        const std::lock_guard lock(shard.mutex);
        Entry* entry = find(shard, fetch.key_, fetch.hash_);
        if (entry == nullptr) return;
        // By its body: the head may be another by now, validated while that came.
        const auto at = std::ranges::find_if(entry->slots, [&](const auto& one) {
            return one->response && one->response->body == response.body;
        });
        if (at == entry->slots.end()) return;
        Slot& slot = **at;
        // Whether it was passed on whole or had to be cut: the next goes its own way.
        const auto seen = response.body->seen();
        if (seen.bytes > object_bytes_max()) {
            put_pass(shard, *entry, response.vary_key, now_ms + edge::k_cache_too_long_time.count,
                     dropped);
            return;
        }
        if (seen.state != CacheBody::State::complete) {
            take_out(shard, slot, dropped);
            erase_if_empty(shard, *entry);
            return;
        }
        const std::size_t bytes = cost_of(entry->key, slot.response.get());
        bytes_ += bytes - slot.bytes;
        shard.queue.resize(slot, bytes);
        // One that was here before and asked for again, also while it came, or is dear to fetch.
        const bool at_once = seen.bytes >= edge::k_cache_disk_direct_min || slot.replaces ||
                             slot.uses > 0 || slot.queue == edge::CacheQueue::main;
        if (at_once) save(*entry, slot, now_ms);
    }
    make_room();
}

void CacheStore::recount(std::uint64_t hash, const CodedForms& forms) {
    codings_.fetch_add(1, std::memory_order_relaxed);
    Shard& shard = shard_of(hash);
    {
        const std::lock_guard lock(shard.mutex);
        const auto found = shard.entries.find(hash);
        if (found == shard.entries.end()) return;
        for (const auto& slot : found->second.slots) {
            if (!slot->response || slot->response->coded.get() != &forms) continue;
            const std::size_t bytes = cost_of(found->second.key, slot->response.get());
            bytes_ += bytes - slot->bytes;
            shard.queue.resize(*slot, bytes);
        }
    }
    make_room();
}

// One from each shard in turn, one lock at a time. Were it always the shard that grew, one that was
// empty when memory became full would stay so for ever.
void CacheStore::make_room() {
    std::size_t in_vain = 0;
    while (bytes_.load() > bytes_max_ && in_vain < k_shards) {
        Shard& shard = shards_[next_shard_.fetch_add(1, std::memory_order_relaxed) % k_shards];
        Dropped dropped;
        const std::lock_guard lock(shard.mutex);
        auto* slot = static_cast<Slot*>(shard.queue.evict());
        if (slot == nullptr) {
            ++in_vain;
            continue;
        }
        if (must_stay(slot->response.get())) {
            shard.queue.insert(*slot);
            ++in_vain;
            continue;
        }
        in_vain = 0;
        Entry& entry = *slot->entry;
        take_out(shard, *slot, dropped);
        erase_if_empty(shard, entry);
        evictions_.fetch_add(1, std::memory_order_relaxed);
    }
}

CacheStoreStats CacheStore::stats() const {
    CacheStoreStats out{.bytes = static_cast<std::int64_t>(bytes_.load()),
                        .bytes_max = static_cast<std::int64_t>(bytes_max_),
                        .evictions_total = evictions_.load(),
                        .purges_total = purges_.load(),
                        .codings_total = codings_.load()};
    for (const Shard& shard : shards_) {
        const std::lock_guard lock(shard.mutex);
        out.objects += shard.objects;
    }
    if (disk_ != nullptr) out.disk = disk_->stats();
    return out;
}

}  // namespace moln::edge_loop
