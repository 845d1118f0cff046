#include "drivers/network/subnet.h"

#include <fmt/format.h>

namespace moln {
namespace {

std::string mac_of(std::uint32_t network, std::uint32_t host) {
    return fmt::format("02:6d:6c:6e:{:02x}:{:02x}", network, host);
}

}  // namespace

Result<Subnet> subnet_of(const std::string& base, SlotOfNetwork which) {
    if (which.network < 1 || which.network > k_network_number_max) {
        return fail(ErrorCode::refused,
                    fmt::format("network number {} is outside 1..{}: this node holds at most {} "
                                "projects with a network of their own",
                                which.network, k_network_number_max, k_network_number_max));
    }
    if (which.slot < k_address_slot_min || which.slot > k_address_slot_max) {
        return fail(ErrorCode::refused,
                    fmt::format("address slot {} is outside {}..{}: a project has at most {} "
                                "instances at once on a node",
                                which.slot, k_address_slot_min, k_address_slot_max,
                                k_address_slot_max - k_address_slot_min + 1));
    }
    return Subnet{.bridge = fmt::format("{}{}", k_bridge_prefix, which.network),
                  .host_link = fmt::format("mlv{}.{}", which.network, which.slot),
                  .gateway = fmt::format("{}.{}.1", base, which.network),
                  .address = fmt::format("{}.{}.{}", base, which.network, which.slot),
                  .gateway_mac = mac_of(which.network, 1),
                  .mac = mac_of(which.network, which.slot)};
}

}  // namespace moln
