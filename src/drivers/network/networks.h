// The projects' private networks on a node: a bridge each, a network namespace and a veth pair for
// every instance, one firewall for all. Blocking, idempotent; calls for different instances may
// come at the same time. Works in the network namespace it is first used in.
#pragma once

#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>

#include "base/id.h"
#include "base/result.h"
#include "drivers/data_dir.h"
#include "drivers/network/firewall.h"
#include "drivers/network/subnet.h"

namespace moln {

class Networks {
public:
    Networks(DataDir data, FirewallOptions options)
        : data_(std::move(data)), options_(std::move(options)) {}

    // Forwarding and firewall. Before the first attach(); recover() does it too.
    Status set_up();

    // Removes namespaces and links of ours that belong to none of `keep` (netns names).
    Status recover(const std::set<std::string>& keep);

    // The namespace `name` (an instance's id) with an address of its network, a default route, and
    // all ports open to unprivileged processes. Ok if it is there already.
    Status attach(const std::string& name, SlotOfNetwork which);
    // Ok if nothing is there. The bridge stays for the next attach.
    Status detach(const std::string& name);
    // Now and then: removes the bridges of networks without an instance.
    Status drop_unused();

    std::string netns_path(const std::string& name) const { return folder() + "/" + name; }
    Result<Subnet> subnet(SlotOfNetwork which) const { return subnet_of(options_.base, which); }

private:
    std::string folder() const { return data_.run() + "/netns"; }
    Status make_bridge(const Subnet& subnet);
    Status fill_netns(const std::string& name, const Subnet& subnet);

    const DataDir data_;
    const FirewallOptions options_;
    std::mutex set_up_mutex_;
    std::shared_mutex bridges_mutex_;  // shared while a link is on its way into one
    bool is_set_up_ = false;
};

}  // namespace moln
