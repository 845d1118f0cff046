#include "drivers/network/firewall.h"

#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nftables/libnftables.h>

namespace moln {

std::string firewall_rules(const FirewallOptions& options) {
    std::string host_services;
    if (!options.edge_ports.empty()) {
        host_services +=
            fmt::format("        tcp dport {{ {} }} accept\n", fmt::join(options.edge_ports, ", "));
    }
    if (options.host_resolves) {
        host_services += "        meta l4proto { tcp, udp } th dport 53 accept\n";
    }
    // The table is made before it is deleted, so that the deletion never fails.
    return fmt::format(R"(table inet moln
delete table inet moln
table inet moln {{
    chain input {{
        type filter hook input priority filter; policy accept;
        iifname "mln*" jump from_instance
    }}
    chain from_instance {{
        ct state established,related accept
        ip saddr != {base}.0.0/16 drop
        meta nfproto ipv6 drop
        icmp type echo-request accept
{services}        drop
    }}
    chain forward {{
        type filter hook forward priority filter; policy accept;
        iifname "mln*" jump instance_out
        oifname "mln*" ct state established,related accept
        oifname "mln*" drop
    }}
    chain instance_out {{
        meta nfproto ipv6 drop
        ip saddr != {base}.0.0/16 drop
        oifname "mln*" drop
        ip daddr {{ 127.0.0.0/8, 169.254.0.0/16, {base}.0.0/16 }} drop
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {base}.0.0/16 oifname != "mln*" masquerade
    }}
}}
)",
                       fmt::arg("base", options.base), fmt::arg("services", host_services));
}

Status apply_firewall(const FirewallOptions& options) {
    const std::unique_ptr<nft_ctx, void (*)(nft_ctx*)> context(nft_ctx_new(NFT_CTX_DEFAULT),
                                                               nft_ctx_free);
    if (!context) return fail(ErrorCode::internal, "nftables cannot be used: out of memory");
    nft_ctx_buffer_error(context.get());
    if (nft_run_cmd_from_buffer(context.get(), firewall_rules(options).c_str()) != 0) {
        return fail(ErrorCode::internal,
                    fmt::format("the firewall table inet moln was not accepted: {}",
                                nft_ctx_get_error_buffer(context.get())));
    }
    return {};
}

}  // namespace moln
