// What instances may reach: one nftables table, "inet moln", replaced as a whole in one
// transaction.
//
// From an instance: the world outside (masqueraded) and its own network. Not: other networks, the
// host itself (but ICMP echo and the edge's ports), link-local addresses (metadata services), IPv6.
// From outside: nothing reaches an instance but the answers to what it began, and what came to a
// route's port and was sent on by the kernel (path_rules.h).
// The rules name bridges by their prefix, so that they need no change when a network comes or goes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/listen.h"

namespace moln {

struct FirewallOptions {
    std::string base = "10.213";                 // first two numbers of the /16 of all networks
    std::vector<std::uint16_t> edge_ports = {};  // TCP ports of the host that instances may reach
    bool host_resolves = false;  // a resolver of the host answers on the gateway addresses
    std::vector<Listen> stream_listens = {};  // that are open to instances at first
};

// The text that nft reads. Pure.
std::string firewall_rules(const FirewallOptions& options);

// Puts the rules in force in the network namespace of the calling thread. Which listens are open to
// instances stays as it is.
Status apply_firewall(FirewallOptions options);

// Commands that leave exactly these open to them, once the rules are in force. Pure.
std::string open_to_instances(const std::vector<Listen>& listens);

// Of nft's `list set` as JSON. Pure.
std::vector<Listen> listens_in(std::string_view listing);

}  // namespace moln
