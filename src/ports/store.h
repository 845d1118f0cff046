// The control state: small values under string keys, with revisions, compare-and-set transactions
// and watches, in the manner of etcd (which will be one of its implementations). Blocking calls;
// used from one thread at a time (see Loop::submit). A transaction that returned is on stable
// storage. tests/contracts/store_contract.h is the suite that every implementation passes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace moln {

inline constexpr std::size_t k_store_key_bytes_max = 512;
inline constexpr std::size_t k_store_value_bytes_max = 4u << 20;
inline constexpr std::size_t k_store_txn_operations_max = 4096;
inline constexpr std::int64_t k_store_history_revisions =
    10'000;  // watches may start this far back

struct StoreEntry {
    std::string key;
    std::string value;
    std::int64_t create_revision = 0;
    std::int64_t mod_revision = 0;
    friend bool operator==(const StoreEntry&, const StoreEntry&) = default;
};

// The key's mod_revision must be this; 0: the key must not exist.
struct StoreCompare {
    std::string key;
    std::int64_t mod_revision = 0;
};

// Without a value the key is deleted (no error if it is not there).
struct StoreWrite {
    std::string key;
    std::optional<std::string> value;
};

struct StoreTxn {
    std::vector<StoreCompare> compares;
    std::vector<StoreWrite> writes;  // no key twice
};

struct StoreSnapshot {
    std::int64_t revision = 0;        // of the whole store at that moment
    std::vector<StoreEntry> entries;  // sorted by key
};

struct StoreChange {
    std::int64_t revision = 0;
    std::string key;
    std::optional<std::string> value;  // none: deleted
};

class Store {
public:
    virtual ~Store() = default;

    virtual Result<std::optional<StoreEntry>> get(const std::string& key) = 0;

    // All keys that begin with `prefix`, as of one revision. "" is everything.
    virtual Result<StoreSnapshot> range(const std::string& prefix) = 0;

    // All or nothing. Returns the store's new revision, which is the mod_revision of every key
    // written. ErrorCode::conflict when a compare does not hold (the reason names the key);
    // `full` when the disk is, `unavailable` when it may be repeated, `corrupt` when the file is
    // damaged. After `unavailable`, `full` or `timeout` the effect may be unknown: read, then
    // decide.
    virtual Result<std::int64_t> commit(const StoreTxn& txn) = 0;

    // Changes of keys with `prefix` with revisions above `after`, oldest first, at most `limit`
    // revisions. ErrorCode::not_found when history does not reach back that far: take a range().
    virtual Result<std::vector<StoreChange>> changes(const std::string& prefix, std::int64_t after,
                                                     std::size_t limit) = 0;
};

}  // namespace moln
