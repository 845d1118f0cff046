// A record of the disk tier's log becomes a response again. Every byte is checked before anybody
// sees it: a small body comes to memory; a large one stays where it is, to be sent from there.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "edge/cache/disk_index.h"
#include "io/file/fd.h"
#include "runtime/edge/cached_response.h"
#include "runtime/edge/file_reader.h"

namespace moln::edge_loop {

enum class DiskRead : std::uint8_t {
    read,
    would_block,  // of Patience::none: or the kernel or the file system cannot tell
    damaged,      // it is not what was written
    other,        // of another URL, app or variant: two hashes met
    failed,       // the disk gave an error, or there is no memory
};

struct DiskWish {
    std::string_view key;
    std::uint64_t scope = 0;
    std::int64_t now_ms = 0;  // monotonic
    WallTime now;
};

// The response as it was stored, with its age; complete.
DiskRead read_disk_response(const std::shared_ptr<const SharedFile>& file,
                            const edge::DiskPlace& place, std::uint64_t epoch, const DiskWish& wish,
                            Patience patience, std::shared_ptr<CachedResponse>& out);

}  // namespace moln::edge_loop
