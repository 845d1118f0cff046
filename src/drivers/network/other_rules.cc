#include "drivers/network/other_rules.h"

#include <algorithm>

#include <fmt/format.h>

#include "drivers/network/nft.h"
#include "drivers/network/path_rules.h"
#include "io/file/files.h"
#include "model/codec.h"

namespace moln {
namespace {

std::string text_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

std::string told(std::string_view table) {
    return fmt::format("rules of another program filter what comes in (table {})", table);
}

// "filter\nnat\n"
std::string legacy_rules() {
    const auto tables = read_file("/proc/thread-self/net/ip_tables_names", 4096);
    if (!tables || tables->empty()) return "";
    return told("ip " + tables->substr(0, tables->find('\n')) + " of iptables");
}

}  // namespace

Result<std::vector<FilterChain>> foreign_filters(std::string_view listing) {
    MOLN_ASSIGN(const auto chains, listed_objects(listing, "chain"));
    std::vector<FilterChain> out;
    for (const auto& chain : chains) {
        const auto family = text_at(chain, "family");
        const auto table = text_at(chain, "table");
        const auto hook = text_at(chain, "hook");
        const bool comes_in = hook == "prerouting" || hook == "input" || hook == "forward";
        const bool ours = table == k_path_table || (family == "inet" && table == "moln");
        if (ours || !comes_in || (family != "ip" && family != "inet")) continue;
        if (text_at(chain, "type") != "filter") continue;
        out.push_back({family, table, text_at(chain, "name"), text_at(chain, "policy") == "drop"});
    }
    return out;
}

Result<bool> has_rules(std::string_view listing) {
    MOLN_ASSIGN(const auto rules, listed_objects(listing, "rule"));
    return !rules.empty();
}

std::string other_filter_rules() {
    if (auto legacy = legacy_rules(); !legacy.empty()) return legacy;
    const auto listing = ask_nft("list chains");
    if (!listing) return "nft could not list its chains: " + listing.error().reason;
    const auto chains = foreign_filters(*listing);
    if (!chains) return chains.error().reason;
    for (const auto& chain : *chains) {
        const auto table = chain.family + " " + chain.table;
        if (chain.drops) return told(table);
        const auto rules = ask_nft(fmt::format("list chain {} {}", table, chain.name));
        // One that went away meanwhile has none; one that cannot be read may have.
        if (!rules) continue;
        const auto any = has_rules(*rules);
        if (!any || *any) return told(table);
    }
    return "";
}

}  // namespace moln
