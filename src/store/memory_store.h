// A Store in memory: the simulator's, and the model of what every Store does. It lives as long as
// the object: a simulated crash of the daemon keeps it, as a disk would be kept. One thread at a
// time.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ports/store.h"

namespace moln {

// Asked for an error to give instead of the answer; a null function never fails.
struct MemoryStoreFaults {
    std::function<std::optional<Error>()> before_read;
    // Before anything is looked at: nothing is committed.
    std::function<std::optional<Error>(const StoreTxn&)> before_commit;
    // After a commit that took effect: "committed, but the caller never heard".
    std::function<std::optional<Error>(const StoreTxn&)> after_commit;
};

class MemoryStore final : public Store {
public:
    Result<std::optional<StoreEntry>> get(const std::string& key) override;
    Result<StoreSnapshot> range(const std::string& prefix) override;
    Result<std::int64_t> commit(const StoreTxn& txn) override;
    Result<std::vector<StoreChange>> changes(const std::string& prefix, std::int64_t after,
                                             std::size_t limit) override;

    void inject(MemoryStoreFaults faults) { faults_ = std::move(faults); }
    std::int64_t revision() const { return revision_; }

private:
    Status read_fault();
    bool apply(const StoreWrite& write, std::int64_t revision);

    std::map<std::string, StoreEntry> entries_;
    std::deque<StoreChange> history_;  // oldest first
    std::int64_t revision_ = 0;
    MemoryStoreFaults faults_;
};

}  // namespace moln
