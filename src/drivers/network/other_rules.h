// Rules of other programs in this host's nftables: whether they filter what comes in, so that a
// connection that is sent on past the input hook would miss them, or not get past the forward hook.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace moln {

struct FilterChain {
    std::string family;
    std::string table;
    std::string name;
    bool drops = false;  // its policy
};

// Of nft's `list chains` as JSON: chains of the type filter on what comes in or passes through, but
// ours. Pure.
Result<std::vector<FilterChain>> foreign_filters(std::string_view listing);

// Whether nft's `list chain` as JSON has a rule. Pure.
Result<bool> has_rules(std::string_view listing);

// "rules of another program filter what comes in (table ip filter)"; "" if none do. Also those of
// the older iptables, of which only the table is seen.
std::string other_filter_rules();

}  // namespace moln
