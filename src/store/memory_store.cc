#include "store/memory_store.h"

#include <algorithm>

#include "store/txn_check.h"

namespace moln {

Status MemoryStore::read_fault() {
    if (!faults_.before_read) return {};
    if (auto error = faults_.before_read()) return fail(std::move(*error));
    return {};
}

Result<std::optional<StoreEntry>> MemoryStore::get(const std::string& key) {
    MOLN_TRY(check_key(key));
    MOLN_TRY(read_fault());
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::optional<StoreEntry>{};
    return std::optional<StoreEntry>{found->second};
}

Result<StoreSnapshot> MemoryStore::range(const std::string& prefix) {
    MOLN_TRY(check_prefix(prefix));
    MOLN_TRY(read_fault());
    StoreSnapshot snapshot{.revision = revision_, .entries = {}};
    for (auto it = entries_.lower_bound(prefix);
         it != entries_.end() && it->first.starts_with(prefix); ++it) {
        snapshot.entries.push_back(it->second);
    }
    return snapshot;
}

Result<std::int64_t> MemoryStore::commit(const StoreTxn& txn) {
    MOLN_TRY(check_txn(txn));
    if (faults_.before_commit) {
        if (auto error = faults_.before_commit(txn)) return fail(std::move(*error));
    }
    for (const auto& compare : txn.compares) {
        const auto found = entries_.find(compare.key);
        const auto mod_revision = found == entries_.end() ? 0 : found->second.mod_revision;
        if (mod_revision != compare.mod_revision) return lost_compare(compare, mod_revision);
    }
    bool changed = false;
    for (const auto& write : txn.writes) changed = apply(write, revision_ + 1) || changed;
    if (changed) ++revision_;
    while (!history_.empty() &&
           history_.front().revision <= revision_ - k_store_history_revisions) {
        history_.pop_front();
    }
    if (faults_.after_commit) {
        if (auto error = faults_.after_commit(txn)) return fail(std::move(*error));
    }
    return revision_;
}

// False if it was the deletion of a key that is not there: that is no change.
bool MemoryStore::apply(const StoreWrite& write, std::int64_t revision) {
    const auto found = entries_.find(write.key);
    if (!write.value) {
        if (found == entries_.end()) return false;
        entries_.erase(found);
    } else if (found == entries_.end()) {
        entries_.emplace(write.key, StoreEntry{.key = write.key,
                                               .value = *write.value,
                                               .create_revision = revision,
                                               .mod_revision = revision});
    } else {
        found->second.value = *write.value;
        found->second.mod_revision = revision;
    }
    history_.push_back({.revision = revision, .key = write.key, .value = write.value});
    return true;
}

Result<std::vector<StoreChange>> MemoryStore::changes(const std::string& prefix, std::int64_t after,
                                                      std::size_t limit) {
    MOLN_TRY(check_prefix(prefix));
    MOLN_TRY(check_after(after));
    MOLN_TRY(read_fault());
    const auto trimmed_to = std::max<std::int64_t>(0, revision_ - k_store_history_revisions);
    if (after < trimmed_to) return history_gone(after, trimmed_to);
    std::vector<StoreChange> found;
    std::size_t revisions = 0;
    auto it = std::ranges::upper_bound(history_, after, {}, &StoreChange::revision);
    for (; it != history_.end(); ++it) {
        if (!it->key.starts_with(prefix)) continue;
        if (found.empty() || found.back().revision != it->revision) {
            if (revisions == limit) break;
            ++revisions;
        }
        found.push_back(*it);
    }
    return found;
}

}  // namespace moln
