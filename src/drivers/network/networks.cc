#include "drivers/network/networks.h"

#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>

#include "drivers/network/netlink.h"
#include "drivers/network/netns.h"
#include "io/file/fd.h"
#include "io/file/files.h"

namespace moln {
namespace {

constexpr const char* k_inside_link = "eth0";

Status set_sysctl(const std::string& name, const std::string& value) {
    return write_existing("/proc/sys/" + name, value);
}

}  // namespace

Status Networks::set_up() {
    const std::lock_guard lock(set_up_mutex_);
    if (is_set_up_) return {};
    MOLN_TRY(make_folders(folder(), 0700));
    MOLN_TRY(set_sysctl("net/ipv4/ip_forward", "1"));
    // Only where the module is loaded: traffic within a bridge is no business of the host's rules.
    if (path_exists("/proc/sys/net/bridge/bridge-nf-call-iptables")) {
        MOLN_TRY(set_sysctl("net/bridge/bridge-nf-call-iptables", "0"));
    }
    // The edge makes a connection to an instance for each of a client's, and has as many ports for
    // that as ip_local_port_range says. Without this one rests for a minute after each (TIME-WAIT;
    // by itself the kernel reuses them on the loopback alone): 470 a second would be all, and the
    // search for a free one what they cost. Timestamps (RFC 6191) tell the old from the new.
    MOLN_TRY(set_sysctl("net/ipv4/tcp_tw_reuse", "1"));
    MOLN_TRY(apply_firewall(options_));
    is_set_up_ = true;
    return {};
}

Status Networks::recover(const std::set<std::string>& keep) {
    MOLN_TRY(set_up());
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder(), ignored)) {
        const std::string name = entry.path().filename();
        if (!keep.contains(name)) MOLN_TRY(detach(name));
    }
    return {};
}

Status Networks::make_bridge(const Subnet& subnet) {
    MOLN_ASSIGN(auto netlink, Netlink::open());
    MOLN_TRY(netlink.ensure_bridge(subnet.bridge));
    MOLN_TRY(netlink.set_mac(subnet.bridge, subnet.gateway_mac));
    // A packet whose source belongs to another bridge is dropped: no instance speaks for another
    // network. (Within a network the kernel sets the source: instances have no CAP_NET_RAW.)
    MOLN_TRY(set_sysctl(fmt::format("net/ipv4/conf/{}/rp_filter", subnet.bridge), "1"));
    return netlink.ensure_address(subnet.bridge,
                                  fmt::format("{}/{}", subnet.gateway, k_subnet_prefix));
}

Status Networks::fill_netns(const std::string& name, const Subnet& subnet) {
    return run_in_netns(netns_path(name), [&]() -> Status {
        MOLN_ASSIGN(auto netlink, Netlink::open());
        MOLN_TRY(netlink.set_up("lo"));
        MOLN_TRY(netlink.set_mac(k_inside_link, subnet.mac));
        MOLN_TRY(netlink.ensure_address(k_inside_link,
                                        fmt::format("{}/{}", subnet.address, k_subnet_prefix)));
        MOLN_TRY(netlink.set_up(k_inside_link));
        MOLN_TRY(netlink.ensure_default_route(subnet.gateway));
        return set_sysctl("net/ipv4/ip_unprivileged_port_start", "0");
    });
}

Status Networks::attach(const std::string& name, SlotOfNetwork which) {
    MOLN_TRY(set_up());
    MOLN_ASSIGN(const auto slot, subnet(which));
    MOLN_ASSIGN(auto netlink, Netlink::open());
    // Joining the bridge is the last step of an attach: a link that is in one is whole.
    MOLN_ASSIGN(const bool whole, netlink.in_bridge(slot.host_link));
    if (whole && is_netns(netns_path(name))) return {};
    MOLN_TRY(netlink.remove_link(slot.host_link));
    const std::shared_lock lock(bridges_mutex_);
    MOLN_TRY(make_bridge(slot));
    MOLN_TRY(make_netns(netns_path(name)));
    MOLN_ASSIGN(const Fd netns, open_fd(netns_path(name), O_RDONLY));
    MOLN_TRY(netlink.make_veth(
        {.link = slot.host_link, .peer = k_inside_link, .peer_netns_fd = netns.get()}));
    MOLN_TRY(fill_netns(name, slot));
    MOLN_TRY(netlink.set_up(slot.host_link));
    return netlink.set_bridge(slot.host_link, slot.bridge);
}

Status Networks::detach(const std::string& name) {
    const auto path = netns_path(name);
    if (is_netns(path)) {
        // Removing the inner end takes the outer with it, at once: whoever still has the namespace
        // open could otherwise keep the address.
        MOLN_TRY(run_in_netns(path, []() -> Status {
            MOLN_ASSIGN(auto netlink, Netlink::open());
            return netlink.remove_link(k_inside_link);
        }));
    }
    return remove_netns(path);
}

Status Networks::drop_unused() {
    MOLN_ASSIGN(auto netlink, Netlink::open());
    const std::lock_guard lock(bridges_mutex_);
    MOLN_ASSIGN(const auto bridges, netlink.empty_bridges(k_bridge_prefix));
    for (const auto& bridge : bridges) MOLN_TRY(netlink.remove_link(bridge));
    return {};
}

}  // namespace moln
