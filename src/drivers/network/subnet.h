// Which addresses a project's private network has: network number N of base 10.213.0.0/16 is
// 10.213.N.0/24, its gateway (an address of the host's on the bridge) .1, slot S of it .S. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace moln {

inline constexpr std::uint32_t k_network_number_max = 254;   // of all networks
inline constexpr std::uint32_t k_project_network_max = 246;  // above: one-shots, a network each
inline constexpr std::uint32_t k_address_slot_min = 2;
inline constexpr std::uint32_t k_address_slot_max = 254;  // .255 is the broadcast address
inline constexpr int k_subnet_prefix = 24;
inline constexpr const char* k_bridge_prefix = "mln";

struct Subnet {
    std::string bridge;     // "mln7": name of the network's bridge on the host
    std::string host_link;  // "mlv7.12": host end of the slot's veth pair
    std::string gateway;    // "10.213.7.1"
    std::string address;    // "10.213.7.12"
    // Link-layer addresses follow from the numbers: a neighbour that remembers where an address was
    // stays right when another instance gets it, and when the bridge is made anew.
    std::string gateway_mac;  // "02:6d:6c:6e:07:01", locally administered
    std::string mac;          // "02:6d:6c:6e:07:0c"
};

struct SlotOfNetwork {
    std::uint32_t network = 0;
    std::uint32_t slot = 0;
};

// `base` is the first two numbers of the /16, "10.213". ErrorCode::refused past the limits.
Result<Subnet> subnet_of(const std::string& base, SlotOfNetwork which);

}  // namespace moln
