#include "drivers/network/netlink.h"

#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

namespace moln {
namespace {

struct Free {
    void operator()(rtnl_link* p) const { rtnl_link_put(p); }
    void operator()(rtnl_addr* p) const { rtnl_addr_put(p); }
    void operator()(rtnl_route* p) const { rtnl_route_put(p); }
    void operator()(nl_addr* p) const { nl_addr_put(p); }
    void operator()(nl_cache* p) const { nl_cache_free(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

std::unexpected<Error> nl_fail(const std::string& what, int error) {
    // libnl numbers its errors -1..-36 of its own; only these have an action of ours.
    const auto code = error == -NLE_NODEV || error == -NLE_OBJ_NOTFOUND ? ErrorCode::not_found
                      : error == -NLE_EXIST                             ? ErrorCode::exists
                      : error == -NLE_PERM                              ? ErrorCode::denied
                                                                        : ErrorCode::internal;
    return fail(code, fmt::format("{}: {}", what, nl_geterror(error)));
}

Result<Owned<nl_addr>> parse_address(const std::string& text, int family = AF_INET) {
    nl_addr* address = nullptr;
    if (const int error = nl_addr_parse(text.c_str(), family, &address); error < 0) {
        return nl_fail("address " + text, error);
    }
    return Owned<nl_addr>(address);
}

}  // namespace

void Netlink::Close::operator()(nl_sock* socket) const {
    nl_socket_free(socket);
}

Result<Netlink> Netlink::open() {
    Netlink netlink(nl_socket_alloc());
    if (!netlink.socket_) return fail(ErrorCode::internal, "netlink: out of memory");
    if (const int error = nl_connect(netlink.socket_.get(), NETLINK_ROUTE); error < 0) {
        return nl_fail("netlink", error);
    }
    return netlink;
}

Result<int> Netlink::index_of(const std::string& link) {
    rtnl_link* found = nullptr;
    if (const int error = rtnl_link_get_kernel(socket_.get(), 0, link.c_str(), &found); error < 0) {
        return nl_fail("network link " + link, error);
    }
    return rtnl_link_get_ifindex(Owned<rtnl_link>(found).get());
}

Result<bool> Netlink::in_bridge(const std::string& link) {
    rtnl_link* found = nullptr;
    const int error = rtnl_link_get_kernel(socket_.get(), 0, link.c_str(), &found);
    if (error == -NLE_NODEV || error == -NLE_OBJ_NOTFOUND) return false;
    if (error < 0) return nl_fail("network link " + link, error);
    return rtnl_link_get_master(Owned<rtnl_link>(found).get()) != 0;
}

Result<std::vector<std::string>> Netlink::empty_bridges(const std::string& prefix) {
    nl_cache* found = nullptr;
    if (const int error = rtnl_link_alloc_cache(socket_.get(), AF_UNSPEC, &found); error < 0) {
        return nl_fail("list network links", error);
    }
    const Owned<nl_cache> links(found);
    std::map<int, std::string> empty;
    std::set<int> joined;
    for (auto* one = nl_cache_get_first(found); one != nullptr; one = nl_cache_get_next(one)) {
        auto* link = reinterpret_cast<rtnl_link*>(one);  // NOLINT: as libnl has it
        const char* type = rtnl_link_get_type(link);
        const std::string name = rtnl_link_get_name(link);
        joined.insert(rtnl_link_get_master(link));
        if (type != nullptr && std::string_view(type) == "bridge" && name.starts_with(prefix)) {
            empty.emplace(rtnl_link_get_ifindex(link), name);
        }
    }
    std::vector<std::string> out;
    for (const auto& [index, name] : empty) {
        if (!joined.contains(index)) out.push_back(name);
    }
    return out;
}

Status Netlink::ensure_bridge(const std::string& name) {
    const Owned<rtnl_link> link(rtnl_link_alloc());
    rtnl_link_set_name(link.get(), name.c_str());
    if (const int error = rtnl_link_set_type(link.get(), "bridge"); error < 0) {
        return nl_fail("bridge " + name, error);
    }
    const int error = rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL);
    if (error < 0 && error != -NLE_EXIST) return nl_fail("make bridge " + name, error);
    return set_up(name);
}

Status Netlink::make_veth(const VethSpec& spec) {
    const Owned<rtnl_link> link(rtnl_link_veth_alloc());
    rtnl_link_set_name(link.get(), spec.link.c_str());
    const Owned<rtnl_link> peer(rtnl_link_veth_get_peer(link.get()));
    rtnl_link_set_name(peer.get(), spec.peer.c_str());
    rtnl_link_set_ns_fd(peer.get(), spec.peer_netns_fd);
    if (const int error = rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL);
        error < 0) {
        return nl_fail("make link " + spec.link, error);
    }
    return {};
}

Status Netlink::set_up(const std::string& link) {
    MOLN_ASSIGN(const int index, index_of(link));
    const Owned<rtnl_link> from(rtnl_link_alloc());
    rtnl_link_set_ifindex(from.get(), index);
    const Owned<rtnl_link> change(rtnl_link_alloc());
    rtnl_link_set_flags(change.get(), IFF_UP);
    if (const int error = rtnl_link_change(socket_.get(), from.get(), change.get(), 0); error < 0) {
        return nl_fail("set link " + link + " up", error);
    }
    return {};
}

Status Netlink::set_mac(const std::string& link, const std::string& mac) {
    MOLN_ASSIGN(const int index, index_of(link));
    MOLN_ASSIGN(const auto address, parse_address(mac, AF_LLC));
    const Owned<rtnl_link> from(rtnl_link_alloc());
    rtnl_link_set_ifindex(from.get(), index);
    const Owned<rtnl_link> change(rtnl_link_alloc());
    rtnl_link_set_addr(change.get(), address.get());
    if (const int error = rtnl_link_change(socket_.get(), from.get(), change.get(), 0); error < 0) {
        return nl_fail("give " + link + " the address " + mac, error);
    }
    return {};
}

Status Netlink::set_bridge(const std::string& link, const std::string& bridge) {
    MOLN_ASSIGN(const int index, index_of(link));
    MOLN_ASSIGN(const int master, index_of(bridge));
    if (const int error = rtnl_link_enslave_ifindex(socket_.get(), master, index); error < 0) {
        return nl_fail("join link " + link + " to bridge " + bridge, error);
    }
    return {};
}

Status Netlink::ensure_address(const std::string& link, const std::string& address_with_prefix) {
    MOLN_ASSIGN(const int index, index_of(link));
    MOLN_ASSIGN(const auto local, parse_address(address_with_prefix));
    const Owned<rtnl_addr> address(rtnl_addr_alloc());
    rtnl_addr_set_ifindex(address.get(), index);
    rtnl_addr_set_local(address.get(), local.get());
    const int error = rtnl_addr_add(socket_.get(), address.get(), 0);
    if (error < 0 && error != -NLE_EXIST) {
        return nl_fail("give " + link + " the address " + address_with_prefix, error);
    }
    return {};
}

Status Netlink::ensure_default_route(const std::string& gateway) {
    MOLN_ASSIGN(const auto anywhere, parse_address("0.0.0.0/0"));
    MOLN_ASSIGN(const auto via, parse_address(gateway));
    const Owned<rtnl_route> route(rtnl_route_alloc());
    rtnl_route_set_dst(route.get(), anywhere.get());
    rtnl_nexthop* hop = rtnl_route_nh_alloc();
    rtnl_route_nh_set_gateway(hop, via.get());
    rtnl_route_add_nexthop(route.get(), hop);  // takes ownership
    const int error = rtnl_route_add(socket_.get(), route.get(), 0);
    if (error < 0 && error != -NLE_EXIST) return nl_fail("route by " + gateway, error);
    return {};
}

Status Netlink::remove_link(const std::string& link) {
    const auto index = index_of(link);
    if (!index) {
        if (index.error().code == ErrorCode::not_found) return {};
        return fail(index.error());
    }
    const Owned<rtnl_link> target(rtnl_link_alloc());
    rtnl_link_set_ifindex(target.get(), *index);
    const int error = rtnl_link_delete(socket_.get(), target.get());
    // Another may have been quicker: the pair goes with the namespace at its other end.
    if (error < 0 && error != -NLE_NODEV && error != -NLE_OBJ_NOTFOUND) {
        return nl_fail("remove link " + link, error);
    }
    return {};
}

}  // namespace moln
