// Making instances: their name, node, address and volumes.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "plan/scope.h"

namespace moln::plan {

// Host numbers of a project's private network, a /16: 0 is the network, 1 the gateway, 65,535 the
// broadcast address.
inline constexpr std::uint32_t k_address_slot_min = 2;
inline constexpr std::uint32_t k_address_slot_max = 65'534;

// The lowest free address of each project's network. Looks at a project's instances when its first
// address is asked for.
class AddressSlots {
public:
    explicit AddressSlots(const Index& index) : index_(index) {}
    // 0: all are taken.
    std::uint32_t take(std::string_view project);

private:
    struct Network {
        std::set<std::uint32_t> taken;
        std::uint32_t next = k_address_slot_min;  // all below are taken
    };
    const Index& index_;
    std::map<std::string, Network, std::less<>> networks_;
};

struct NewInstance {
    const Release* release = nullptr;
    std::string process;
    InstanceKind kind = InstanceKind::service;
};

// False when it cannot be made now: no address is free, or a volume is not back from the trash.
bool make_instance(Draft& draft, AppScope& scope, AddressSlots& slots, const NewInstance& wanted);

}  // namespace moln::plan
