// The small file beside the log's segments: whose log it is, and every purge since, so that what
// was purged stays purged over restarts.
//
//   file     magic u32 · version u32 · epoch u64 · seed u64 · check u64 · purges
//   purge    slot u32 · 0 u32 · value u64 · check u64
//
// A purge is the value of a PurgeBook's slot as it was left: read in any order, the latest of a
// slot counts. A purge that cannot be read might be one that somebody was told of: then nothing of
// the log may be used again. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/cache/purge_book.h"

namespace moln::edge {

inline constexpr std::size_t k_disk_state_head_bytes = 32;
inline constexpr std::size_t k_disk_purge_bytes = 24;

struct DiskIdentity {
    std::uint64_t epoch = 0;  // drawn anew with every log
    std::uint64_t seed = 0;   // of the hashes of its URLs
    friend bool operator==(const DiskIdentity&, const DiskIdentity&) = default;
};

void put_disk_state_head(std::string& out, const DiskIdentity& identity);
void put_disk_purge(std::string& out, const PurgeSlot& slot, std::uint64_t epoch);

struct DiskState {
    DiskIdentity identity;
    std::vector<PurgeSlot> purges;
};
// Nothing: some of it is not as it was written.
std::optional<DiskState> read_disk_state(std::string_view bytes);

}  // namespace moln::edge
