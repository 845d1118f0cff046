// `--cache-peers FILE` as what the edges are told.
#pragma once

#include <string>

#include "base/result.h"
#include "io/host/seal.h"

namespace moln {

// The line of the edge's control socket, the shared key sealed; "" for no file makes one that says
// that there are no peers. Errors name the file and what is wrong with it: `denied` if others than
// its owner may read the key.
Result<std::string> cache_peers_line(const std::string& file, const SealBox& seals);

}  // namespace moln
