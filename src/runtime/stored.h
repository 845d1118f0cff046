// Between the store's entries and the leader's memory, without IO: what a whole store amounts to,
// and the one transaction that a set of changes becomes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/change.h"
#include "ports/store.h"
#include "runtime/idempotency.h"

namespace moln {

struct Recovered {
    World world;  // stored nouns only
    Leadership leadership;
    std::int64_t leader_revision = 0;  // of the leader key, 0: there is none
    std::int64_t revision = 0;         // of the store
    IdempotencyRecords idempotency;
};

// `corrupt` for an entry that is not Moln's or cannot be read: nobody leads on half a World.
Result<Recovered> recover_from(const StoreSnapshot& snapshot);

struct TxnParts {
    Changes changes;  // events numbered
    std::vector<StoreWrite> more;
    std::int64_t leader_revision = 0;
    const Leadership* leadership = nullptr;  // written too, if there is one
};

// Compared on the leader key, so that a deposed leader writes nothing. Of two changes of one key
// the last wins. `refused` above k_store_txn_operations_max.
Result<StoreTxn> make_txn(const TxnParts& parts);

// The leader's sight of what the agents have settled must not outlive the record that was settled:
// an old "settled" of a volume that went through the trash would pass for the new one's.
void forget_settled(World& world, const Change& change);

}  // namespace moln
