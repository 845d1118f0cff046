// What all workers together let in of each client and route: one number for each, in a table of a
// fixed size. When it is full, whoever is the least ahead of its rate is forgotten, which lets it
// in earlier than it should be; a limit of the whole route holds all the same.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "edge/rate.h"
#include "edge/sip_hash.h"

namespace moln::edge_loop {

class RateTable {
public:
    static constexpr std::size_t k_buckets = 8192;
    static constexpr std::size_t k_in_bucket = 8;

    // The key keeps strangers from choosing who shares a bucket with whom.
    explicit RateTable(edge::SipKey key) : key_(key), buckets_(k_buckets) {}

    // 0: let in, and counted; else after how many ns it would be. `scope` tells limits apart.
    std::int64_t admit(std::uint64_t scope, std::string_view who, const edge::RateRule& rule,
                       std::int64_t now_ns);

private:
    struct Entry {
        std::uint64_t key = 0;  // 0: free
        std::int64_t due_ns = 0;
    };
    using Bucket = std::array<Entry, k_in_bucket>;
    static constexpr std::size_t k_locks = 64;

    edge::SipKey key_;
    std::vector<Bucket> buckets_;
    std::array<std::mutex, k_locks> locks_;  // of the buckets with that number modulo k_locks
};

// Who is counted as one client: an IPv4 address, or the first 64 bits of an IPv6 one, which are
// what one customer has. A view of `address` or of `room`.
std::string_view rate_client(std::string_view address, std::array<char, 8>& room);

}  // namespace moln::edge_loop
