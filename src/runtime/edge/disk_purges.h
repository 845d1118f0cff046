// The file of the disk tier that says whose log lies beside it and what was purged: see
// edge/cache/disk_state.h. Blocking. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "edge/cache/disk_state.h"
#include "runtime/edge/folder.h"

namespace moln::edge_loop {

class DiskPurges {
public:
    explicit DiskPurges(const Folder& folder) : folder_(folder) {}

    // What the file says of the log, without owning it.
    static std::optional<edge::DiskIdentity> peek(const Folder& folder);

    // Of the owner of the folder. Gives what is kept of a log with that seed, or begins one anew
    // with `fresh_epoch`: there is none, it has another seed, some of it cannot be read, or
    // distrust() was said.
    Result<edge::DiskState> open(std::uint64_t seed, std::uint64_t fresh_epoch);
    bool is_open() const { return file_.valid(); }
    void close() { file_.reset(); }

    enum class Sync : std::uint8_t { no, yes };
    Status append(std::span<const edge::PurgeSlot> slots, Sync sync);
    bool too_long() const { return bytes_ > edge_state_bytes_max(); }
    // The same with nothing said twice; `slots` are all there are.
    Status rewrite(std::span<const edge::PurgeSlot> slots);

    // Nothing that lies in the folder is used again, whoever opens it next. Durable. Also of one
    // who does not own it.
    Status distrust() const;
    // Of the owner: nothing is left in the folder but that file.
    Status clear(std::string_view kept) const;

private:
    static std::size_t edge_state_bytes_max();
    Status begin(const edge::DiskIdentity& identity, std::span<const edge::PurgeSlot> slots);

    const Folder& folder_;
    edge::DiskIdentity identity_;
    Fd file_;
    std::size_t bytes_ = 0;
};

}  // namespace moln::edge_loop
