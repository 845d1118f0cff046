// `--cache-peers FILE` as what the edges are told, and whether it says something else by now.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "io/host/seal.h"

namespace moln {

// How often it is looked whether the file has changed. What has is read once it was the same for
// two looks: an editor may be half through.
inline constexpr Milliseconds k_cache_peers_look_pause = seconds(2);

class CachePeersOption {
public:
    // `file`: "" for none. `seals` outlives this.
    CachePeersOption(std::string file, const SealBox& seals);

    // The line of the edge's control socket, the shared key sealed; without a file one that says
    // that there are no peers. Errors name the file and what is wrong with it: `denied` if others
    // than its owner may read the key.
    Result<std::string> read();
    // Is it to be read again? Once for each change of the file or of those that it names.
    bool has_changed();

private:
    // Of a file at one time; all 0: there is none.
    using Stamp = std::array<std::int64_t, 7>;
    static Stamp stamp_of(const std::string& path);
    std::vector<Stamp> stamps() const;

    const std::string file_;
    const SealBox& seals_;
    std::vector<std::string> paths_;  // the file, and what it named when it was last understood
    std::vector<Stamp> read_;         // when it was read
    std::vector<Stamp> seen_;         // at the last look
};

}  // namespace moln
