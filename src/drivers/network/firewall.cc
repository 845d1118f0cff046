#include "drivers/network/firewall.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "drivers/network/nft.h"
#include "drivers/network/path_rules.h"
#include "model/codec.h"

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
    std::string elements;
    if (!options.stream_listens.empty()) {
        elements =
            fmt::format("        elements = {{ {} }}\n", listen_elements(options.stream_listens));
    }
    // The table is made before it is deleted, so that the deletion never fails.
    return fmt::format(R"(table inet moln
delete table inet moln
table inet moln {{
    set streams {{
        type inet_proto . inet_service
{elements}    }}
    chain loopback {{
        type filter hook prerouting priority raw; policy accept;
        iifname "mln*" ip daddr 127.0.0.0/8 drop
        iifname "mln*" ip saddr 127.0.0.0/8 drop
    }}
    chain input {{
        type filter hook input priority filter; policy accept;
        iifname "mln*" jump from_instance
    }}
    chain from_instance {{
        ct state established,related accept
        ip saddr != {base}.0.0/16 drop
        meta nfproto ipv6 drop
        icmp type echo-request accept
        meta l4proto . th dport @streams accept
{services}        drop
    }}
    chain forward {{
        type filter hook forward priority filter; policy accept;
        iifname "mln*" jump instance_out
        oifname "mln*" ct state established,related accept
        oifname "mln*" ct status dnat accept
        oifname "mln*" drop
    }}
    chain instance_out {{
        meta nfproto ipv6 drop
        ip saddr != {base}.0.0/16 drop
        oifname "mln*" ct status dnat accept
        oifname "mln*" drop
        ip daddr {{ 127.0.0.0/8, 169.254.0.0/16, {base}.0.0/16 }} drop
    }}
    chain postrouting {{
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr {base}.0.0/16 oifname != "mln*" masquerade
    }}
}}
)",
                       fmt::arg("base", options.base), fmt::arg("services", host_services),
                       fmt::arg("elements", elements));
}

Status apply_firewall(FirewallOptions options) {
    if (const auto before = ask_nft("list set inet moln streams")) {
        options.stream_listens = listens_in(*before);
    }
    if (const auto done = run_nft(firewall_rules(options)); !done) {
        return fail(
            ErrorCode::internal,
            fmt::format("the firewall table inet moln was not accepted: {}", done.error().reason));
    }
    return {};
}

std::string open_to_instances(const std::vector<Listen>& listens) {
    std::string commands = "flush set inet moln streams\n";
    if (!listens.empty()) {
        commands +=
            fmt::format("add element inet moln streams {{ {} }}\n", listen_elements(listens));
    }
    return commands;
}

// {"elem": [{"concat": ["tcp", 5432]}, …]}
std::vector<Listen> listens_in(std::string_view listing) {
    std::vector<Listen> out;
    const auto sets = listed_objects(listing, "set");
    if (!sets) return out;
    std::error_code error;
    for (const auto& set : *sets) {
        const auto* elements = set.if_contains("elem");
        if (elements == nullptr || !elements->is_array()) continue;
        for (const auto& element : elements->get_array()) {
            const auto* protocol = element.find_pointer("/concat/0", error);
            const auto* port = element.find_pointer("/concat/1", error);
            if (protocol == nullptr || port == nullptr || !protocol->is_string()) continue;
            const auto text = fmt::format("{}:{}", std::string_view(protocol->get_string()),
                                          json::serialize(*port));
            if (const auto listen = parse_listen(text)) out.push_back(*listen);
        }
    }
    return out;
}

}  // namespace moln
