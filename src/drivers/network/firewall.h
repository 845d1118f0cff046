// What instances may reach: one nftables table, "inet moln", replaced as a whole in one
// transaction.
//
// From an instance: the world outside (masqueraded) and its own network. Not: other networks, the
// host itself (but ICMP echo and the edge's ports), link-local addresses (metadata services), IPv6.
// From outside: nothing reaches an instance but the answers to what it began.
// The rules name bridges by their prefix, so that they need no change when a network comes or goes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace moln {

struct FirewallOptions {
    std::string base = "10.213";                 // first two numbers of the /16 of all networks
    std::vector<std::uint16_t> edge_ports = {};  // TCP ports of the host that instances may reach
    bool host_resolves = false;  // a resolver of the host answers on the gateway addresses
};

// The text that nft reads. Pure.
std::string firewall_rules(const FirewallOptions& options);

// Puts the rules in force in the network namespace of the calling thread.
Status apply_firewall(const FirewallOptions& options);

}  // namespace moln
