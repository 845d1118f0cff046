// Links, addresses and routes of one network namespace, as plain idempotent verbs over libnl.
// A Netlink belongs to the namespace of the thread that opened it, whoever uses it later.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

struct nl_sock;

namespace moln {

struct VethSpec {
    std::string link;  // here
    std::string peer;  // there
    int peer_netns_fd = -1;
};

class Netlink {
public:
    static Result<Netlink> open();

    Status ensure_bridge(const std::string& name);
    Status make_veth(const VethSpec& spec);
    Status set_up(const std::string& link);
    // `mac` as "02:6d:6c:6e:07:0c".
    Status set_mac(const std::string& link, const std::string& mac);
    Status set_bridge(const std::string& link, const std::string& bridge);
    Status ensure_address(const std::string& link, const std::string& address_with_prefix);
    Status ensure_default_route(const std::string& gateway);
    // Ok if there is none of that name.
    Status remove_link(const std::string& link);
    // Bridges whose names begin with `prefix` and that no link has joined.
    Result<std::vector<std::string>> empty_bridges(const std::string& prefix);
    // False also if there is no such link.
    Result<bool> in_bridge(const std::string& link);

private:
    struct Close {
        void operator()(nl_sock* socket) const;
    };
    explicit Netlink(nl_sock* socket) : socket_(socket) {}
    Result<int> index_of(const std::string& link);

    std::unique_ptr<nl_sock, Close> socket_;
};

}  // namespace moln
