#include "runtime/edge/rate_table.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include <arpa/inet.h>

namespace moln::edge_loop {

std::int64_t RateTable::admit(std::uint64_t scope, std::string_view who, const edge::RateRule& rule,
                              std::int64_t now_ns) {
    const edge::SipKey scoped{.low = key_.low ^ scope, .high = key_.high};
    const auto hash = edge::sip_hash(scoped, std::as_bytes(std::span(who)));
    const std::uint64_t key = hash == 0 ? 1 : hash;
    const std::size_t place = hash % k_buckets;
    const std::lock_guard lock(locks_[place % k_locks]);
    Bucket& bucket = buckets_[place];
    auto entry = std::ranges::find(bucket, key, &Entry::key);
    if (entry == bucket.end()) {
        entry = std::ranges::min_element(bucket, {}, &Entry::due_ns);
        *entry = {.key = key, .due_ns = 0};
    }
    const auto verdict = edge::rate_verdict(rule, entry->due_ns, now_ns);
    entry->due_ns = verdict.due_ns;
    return verdict.wait_ns;
}

std::string_view rate_client(std::string_view address, std::array<char, 8>& room) {
    if (address.find(':') == std::string_view::npos) return address;
    in6_addr parsed{};
    if (inet_pton(AF_INET6, std::string(address).c_str(), &parsed) != 1) return address;
    std::memcpy(room.data(), &parsed, room.size());
    return {room.data(), room.size()};
}

}  // namespace moln::edge_loop
