// The nftables table "ip moln-streams" as text: where new connections to the listens of TCP and UDP
// routes go. Replaced as a whole in one transaction; what was begun stays where it is, for the
// kernel translates by its table of connections and asks the rules only about the first packet.
//
// Not what instances may reach: that is the firewall's (firewall.h), which lets through what was
// translated here, and of which this fills one set: the ports of the edge that are open to them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/kernel_path.h"

namespace moln {

inline constexpr const char* k_path_table = "moln-streams";

// Pure. Without paths: there is no such table afterwards. `before` is what is counted in the table
// that is there: these counts go on. An object for a UDP timeout that nothing uses any more stays
// until the table goes.
std::string path_rules(const PathTableSpec& spec, const std::string& base,
                       const std::vector<PathCount>& before);

// Every expression that path_rules() may use, in a table of its own: to ask a kernel what it has.
std::string path_rules_probe(const std::string& base);

// Of nft's `list counters` as JSON; sorted. Pure.
std::vector<PathCount> path_counts_in(std::string_view listing);

// Elements of the firewall's set: "tcp . 5432, udp . 53".
std::string listen_elements(const std::vector<Listen>& listens);

// The bridges that the endpoints are on.
std::vector<std::string> path_bridges(const PathTableSpec& spec);

// The host's end of the link of the instance with that address: "mlv7.12".
std::string path_link(const std::string& address);

}  // namespace moln
