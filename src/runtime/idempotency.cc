#include "runtime/idempotency.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/codec.h"

namespace moln {
namespace {

// Deletions in one command's transaction; the rest goes with the next ones.
constexpr std::size_t k_deletions_max = 64;

}  // namespace

Status check_idempotency_key(const std::string& key) {
    if (key.size() > k_idempotency_key_bytes_max) {
        return fail(ErrorCode::invalid,
                    fmt::format("idempotency key of {} bytes: at most {} are taken", key.size(),
                                k_idempotency_key_bytes_max));
    }
    const bool printable =
        std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!printable) {
        return fail(ErrorCode::invalid,
                    "idempotency key: only printable ASCII without blanks is taken");
    }
    return {};
}

const CommandReply* IdempotencyRecords::find(const std::string& key, SteadyTime now) const {
    const auto found = records_.find(key);
    if (found == records_.end()) return nullptr;
    if (now - found->second.at > k_idempotency_age_max) return nullptr;
    return &found->second.reply;
}

std::vector<std::string> IdempotencyRecords::superfluous(SteadyTime now) const {
    std::vector<std::string> keys;
    std::size_t left = records_.size();
    for (const auto& [at, key] : by_age_) {
        const bool too_old = now - at > k_idempotency_age_max;
        if ((!too_old && left < k_idempotency_kept_max) || keys.size() == k_deletions_max) break;
        keys.push_back(key);
        --left;
    }
    return keys;
}

std::vector<StoreWrite> IdempotencyRecords::writes(const std::string& key,
                                                   const IdempotencyRecord& record) const {
    std::vector<StoreWrite> writes;
    for (const auto& old : superfluous(record.at)) {
        if (old != key) writes.push_back({k_idempotency_prefix + old, std::nullopt});
    }
    writes.push_back({k_idempotency_prefix + key, to_json_text(record)});
    return writes;
}

void IdempotencyRecords::remember(const std::string& key, const IdempotencyRecord& record) {
    for (const auto& old : superfluous(record.at)) {
        erase(old);
    }
    erase(key);
    records_.emplace(key, record);
    by_age_.emplace(record.at, key);
}

void IdempotencyRecords::erase(const std::string& key) {
    const auto found = records_.find(key);
    if (found == records_.end()) return;
    by_age_.erase({found->second.at, key});
    records_.erase(found);
}

Status IdempotencyRecords::take_stored(const StoreEntry& entry) {
    MOLN_ASSIGN(const auto record,
                from_json_text<IdempotencyRecord>(entry.value, UnknownFields::ignore));
    const auto key = entry.key.substr(std::string_view(k_idempotency_prefix).size());
    records_.emplace(key, record);
    by_age_.emplace(record.at, key);
    return {};
}

}  // namespace moln
