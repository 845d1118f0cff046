// The file of `moln up --cache-peers`: other edges that this machine's may fill its cache from. Its
// description for users: docs/CACHE.md. The text as a value: what it names is read by the caller.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/cache_peering.h"

namespace moln {

inline constexpr std::size_t k_cache_peers_file_bytes_max = 64 * 1024;

struct CachePeersFile {
    CachePeering peering;     // without key and authorities
    std::string key_path;     // of the 64 digits; relative to the file
    std::string authorities;  // path of the PEM, relative to the file; "": no peer is asked by TLS
};

// Invalid with every problem found, each "FILE:LINE: …".
Result<CachePeersFile> parse_cache_peers(std::string_view text, std::string_view file);

}  // namespace moln
