// The replies of the last day by the key that the caller gave, so that a command repeated after a
// lost answer is not done twice. Durable: written in the command's own transaction.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "model/command.h"
#include "ports/store.h"

namespace moln {

inline constexpr std::size_t k_idempotency_key_bytes_max = 256;
inline constexpr std::size_t k_idempotency_kept_max = 10'000;
inline constexpr Milliseconds k_idempotency_age_max = days(1);
inline constexpr const char* k_idempotency_prefix = "idempotency/";

struct IdempotencyRecord {
    SteadyTime at;
    CommandReply reply;
};
BOOST_DESCRIBE_STRUCT(IdempotencyRecord, (), (at, reply))

// `invalid` for a key that is too long or has bytes other than printable ASCII.
Status check_idempotency_key(const std::string& key);

class IdempotencyRecords {
public:
    // The reply of that key, if it is at most a day old.
    const CommandReply* find(const std::string& key, SteadyTime now) const;

    // What to write for a new record: itself, and the deletion of records that are too old or
    // one too many (a bounded number at a time). Nothing is remembered before remember().
    std::vector<StoreWrite> writes(const std::string& key, const IdempotencyRecord& record) const;
    void remember(const std::string& key, const IdempotencyRecord& record);

    Status take_stored(const StoreEntry& entry);
    std::size_t size() const { return records_.size(); }

private:
    std::vector<std::string> superfluous(SteadyTime now) const;
    void erase(const std::string& key);

    std::map<std::string, IdempotencyRecord> records_;
    std::set<std::pair<SteadyTime, std::string>> by_age_;
};

}  // namespace moln
