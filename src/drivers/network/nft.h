// libnftables as two verbs. Of the network namespace of the calling thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/codec.h"

namespace moln {

enum class NftMode {
    commit,
    trial,  // the kernel says whether it would take it, and takes nothing
};

// `commands` as nft reads them, as one transaction. The error is nft's own words.
Status run_nft(const std::string& commands, NftMode mode = NftMode::commit);

// What nft prints for a command that only looks, as JSON.
Result<std::string> ask_nft(const std::string& command);

// Of such an answer the objects of one kind, "chain" say: {"nftables": [{"chain": {…}}, …]}. Pure;
// `internal` for what nft does not print.
Result<std::vector<json::object>> listed_objects(std::string_view listing, std::string_view kind);

}  // namespace moln
