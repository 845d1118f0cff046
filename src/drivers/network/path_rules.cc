#include "drivers/network/path_rules.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "drivers/network/nft.h"
#include "drivers/network/subnet.h"
#include "model/codec.h"

namespace moln {
namespace {

// As the edge has them: edge/limits.h, k_tunnel_half_closed_limit and k_udp_unanswered_idle.
constexpr int k_half_closed_s = 300;
constexpr int k_unanswered_s = 10;
// Before the kernel's own rules of this kind, after it has looked up the connection (-200).
constexpr int k_timeout_priority = -150;

std::string_view word(Protocol protocol) {
    return enum_word(protocol);
}

std::string chain_of(const Listen& listen) {
    return fmt::format("{}_{}", word(listen.protocol), listen.port);
}

// What is counted of a listen: its connections, and the bytes that clients and instances send.
constexpr std::array<std::string_view, 3> k_counters = {"", "_in", "_out"};

std::string counter_of(const Listen& listen, std::string_view what) {
    return chain_of(listen) + std::string(what);
}

std::int64_t idle_seconds(const KernelPath& path) {
    return std::max<std::int64_t>(1, (path.idle.count + 999) / 1000);
}

std::string match_of(const std::string& address) {
    return address == "0.0.0.0" ? "fib daddr type local" : "ip daddr " + address;
}

// "numgen inc mod 2 map { 0 : 10.213.1.2 . 5000, 1 : 10.213.1.3 . 5000 }"
std::string choice_of(const std::vector<PathEndpoint>& endpoints) {
    std::string elements;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        elements += fmt::format("{}{} : {} . {}", i == 0 ? "" : ", ", i, endpoints[i].address,
                                endpoints[i].port);
    }
    return fmt::format("numgen inc mod {} map {{ {} }}", endpoints.size(), elements);
}

std::string chain_text(const KernelPath& path) {
    std::string rules;
    for (const auto& address : path.addresses) {
        // A closed door for a moment: the client knocks again, and the edge, which could not keep
        // its address, does not take it.
        const auto action = path.endpoints.empty()
                                ? std::string("drop")
                                : fmt::format("counter name {} dnat ip to {}",
                                              chain_of(path.listen), choice_of(path.endpoints));
        rules += fmt::format("        {} meta l4proto {} {}\n", match_of(address),
                             word(path.listen.protocol), action);
    }
    std::string counters;
    for (const auto what : k_counters) {
        counters += fmt::format("    counter {} {{\n    }}\n", counter_of(path.listen, what));
    }
    return fmt::format("{}    chain {} {{\n{}    }}\n", counters, chain_of(path.listen), rules);
}

// Every packet of a connection that was sent on, by the port that its client asked for. Where it
// leaves for an instance or comes from one each passes once.
std::string bytes_text(const std::vector<KernelPath>& paths, std::string_view what,
                       std::string_view match) {
    std::string rules;
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
        std::string elements;
        for (const auto& path : paths) {
            if (path.listen.protocol != protocol) continue;
            elements += fmt::format("{}{} : \"{}\"", elements.empty() ? "" : ", ", path.listen.port,
                                    counter_of(path.listen, what));
        }
        if (elements.empty()) continue;
        rules += fmt::format(
            "        {} ct status dnat meta l4proto {} counter name ct original proto-dst map "
            "{{ {} }}\n",
            match, word(protocol), elements);
    }
    return rules;
}

std::string timeouts_text(const std::vector<KernelPath>& paths) {
    std::set<std::int64_t> idles;
    std::string rules;
    bool tcp = false;
    for (const auto& path : paths) {
        if (path.listen.protocol == Protocol::tcp) {
            tcp = true;
            rules +=
                fmt::format("        tcp dport {} ct timeout set \"tcp_kept\"\n", path.listen.port);
        } else {
            idles.insert(idle_seconds(path));
            rules += fmt::format("        udp dport {} ct timeout set \"udp_{}\"\n",
                                 path.listen.port, idle_seconds(path));
        }
    }
    std::string objects;
    if (tcp) {
        objects += fmt::format(
            "    ct timeout tcp_kept {{\n        protocol tcp\n        l3proto ip\n"
            "        policy = {{ fin_wait : {0}, close_wait : {0} }}\n    }}\n",
            k_half_closed_s);
    }
    for (const auto idle : idles) {
        objects += fmt::format(
            "    ct timeout udp_{0} {{\n        protocol udp\n        l3proto ip\n"
            "        policy = {{ unreplied : {1}, replied : {0} }}\n    }}\n",
            idle, k_unanswered_s);
    }
    return fmt::format("{}    chain timeouts {{\n{}    }}\n", objects, rules);
}

std::string network_of(const std::string& address) {
    return address.substr(0, address.rfind('.')) + ".0/24";
}

// Answers must come back through this host: they would not from an instance beside the one that
// asks, and not to an address of the loopback. Everybody else is seen as who they are.
std::string masquerade_text(const std::vector<KernelPath>& paths) {
    std::set<std::string> networks;
    for (const auto& path : paths) {
        for (const auto& one : path.endpoints) networks.insert(network_of(one.address));
    }
    std::string rules = "        ct status dnat ip saddr 127.0.0.0/8 oifname \"mln*\" masquerade\n";
    for (const auto& network : networks) {
        rules +=
            fmt::format("        ct status dnat ip saddr {0} ip daddr {0} masquerade\n", network);
    }
    return rules;
}

std::string table_text(const std::string& name, const PathTableSpec& spec,
                       const std::string& base) {
    std::string chains;
    std::string leads;
    std::vector<Listen> listens;
    for (const auto& path : spec.paths) {
        chains += chain_text(path);
        leads += fmt::format("{}{} . {} : jump {}", leads.empty() ? "" : ", ",
                             word(path.listen.protocol), path.listen.port, chain_of(path.listen));
        listens.push_back(path.listen);
    }
    // What the kernel takes for no part of a connection it does not translate either: it would
    // reach a host where nobody knows the connection and be answered with a reset.
    return fmt::format(
        R"(table ip {name} {{
{timeouts}{chains}    chain listens {{
        meta l4proto . th dport vmap {{ {leads} }}
    }}
    chain timeouts_of_others {{
        type filter hook prerouting priority {early}; policy accept;
        jump timeouts
    }}
    chain timeouts_of_host {{
        type filter hook output priority {early}; policy accept;
        jump timeouts
    }}
    chain of_others {{
        type nat hook prerouting priority -100; policy accept;
        jump listens
    }}
    chain of_host {{
        type nat hook output priority -100; policy accept;
        jump listens
    }}
    chain answers {{
        type nat hook postrouting priority 99; policy accept;
{masquerade}    }}
    chain bytes_in {{
        type filter hook postrouting priority 100; policy accept;
{bytes_in}    }}
    chain bytes_out {{
        type filter hook prerouting priority {early}; policy accept;
{bytes_out}    }}
    chain stray_here {{
        type filter hook input priority -1; policy accept;
        ct state invalid meta l4proto . th dport {{ {elements} }} drop
    }}
    chain stray {{
        type filter hook forward priority -1; policy accept;
        ct state invalid ip daddr {base}.0.0/16 oifname "mln*" drop
        ct state invalid ip saddr {base}.0.0/16 iifname "mln*" drop
    }}
}}
)",
        fmt::arg("name", name), fmt::arg("timeouts", timeouts_text(spec.paths)),
        fmt::arg("chains", chains), fmt::arg("leads", leads), fmt::arg("early", k_timeout_priority),
        fmt::arg("masquerade", masquerade_text(spec.paths)),
        fmt::arg("bytes_in",
                 bytes_text(spec.paths, "_in", "oifname \"mln*\" ct direction original")),
        fmt::arg("bytes_out",
                 bytes_text(spec.paths, "_out", "iifname \"mln*\" ct direction reply")),
        fmt::arg("elements", listen_elements(listens)), fmt::arg("base", base));
}

// "7" and "12" of 10.213.7.12.
std::pair<std::string_view, std::string_view> halves_of(std::string_view address) {
    const auto last = address.rfind('.');
    const auto third = address.rfind('.', last - 1) + 1;
    return {address.substr(third, last - third), address.substr(last + 1)};
}

}  // namespace

std::string listen_elements(const std::vector<Listen>& listens) {
    std::string out;
    for (const auto& listen : listens) {
        out +=
            fmt::format("{}{} . {}", out.empty() ? "" : ", ", word(listen.protocol), listen.port);
    }
    return out;
}

std::string path_rules(const PathTableSpec& spec, const std::string& base,
                       const std::vector<PathCount>& before) {
    // The table is made before it is deleted, so that the deletion never fails.
    auto anew = fmt::format("table ip {0}\ndelete table ip {0}\n", k_path_table);
    if (spec.paths.empty()) return anew;
    const auto table = table_text(k_path_table, spec, base);
    if (before.empty()) return anew + table;
    auto text = fmt::format("flush table ip {}\n", k_path_table);
    for (const auto& one : before) {
        if (std::ranges::find(spec.paths, one.listen, &KernelPath::listen) != spec.paths.end()) {
            continue;
        }
        text += fmt::format("delete chain ip {} {}\n", k_path_table, chain_of(one.listen));
        // Added first: a daemon before this one may have counted less.
        for (const auto what : k_counters) {
            text += fmt::format("add counter ip {0} {1}\ndelete counter ip {0} {1}\n", k_path_table,
                                counter_of(one.listen, what));
        }
    }
    return text + table;
}

// {"name": "tcp_5432", "packets": 7}: a packet of a connection each, for only its first is asked
// about. {"name": "tcp_5432_in", "bytes": 900}: of every packet.
std::vector<PathCount> path_counts_in(std::string_view listing) {
    const auto counters = listed_objects(listing, "counter");
    if (!counters) return {};
    std::map<Listen, PathCount> found;
    for (const auto& counter : *counters) {
        const auto* named = counter.if_contains("name");
        if (named == nullptr || !named->is_string()) continue;
        std::string name(std::string_view(named->get_string()));
        const auto what = name.ends_with("_in") ? "_in" : name.ends_with("_out") ? "_out" : "";
        name.resize(name.size() - std::string_view(what).size());
        std::ranges::replace(name, '_', ':');
        const auto listen = parse_listen(name);
        const auto* value = counter.if_contains(*what == '\0' ? "packets" : "bytes");
        if (!listen || value == nullptr) continue;
        std::error_code no_number;
        const auto number = value->to_number<std::int64_t>(no_number);
        if (no_number) continue;
        auto& count = found[*listen];
        count.listen = *listen;
        (what == std::string_view("_in")    ? count.bytes_in
         : what == std::string_view("_out") ? count.bytes_out
                                            : count.begun) = number;
    }
    std::vector<PathCount> out;
    for (const auto& [listen, count] : found) out.push_back(count);
    return out;
}

std::string path_rules_probe(const std::string& base) {
    const PathEndpoint endpoint{.instance = {}, .address = base + ".1.2", .port = 1};
    PathTableSpec spec;
    spec.paths = {{.listen = {Protocol::tcp, 1},
                   .addresses = {"0.0.0.0", "127.0.0.1"},
                   .endpoints = {endpoint, endpoint}},
                  {.listen = {Protocol::udp, 1}, .addresses = {"127.0.0.1"}, .wait = true}};
    return table_text("moln-probe", spec, base);
}

std::string path_link(const std::string& address) {
    const auto [network, slot] = halves_of(address);
    return fmt::format("mlv{}.{}", network, slot);
}

std::vector<std::string> path_bridges(const PathTableSpec& spec) {
    std::set<std::string> bridges;
    for (const auto& path : spec.paths) {
        for (const auto& one : path.endpoints) {
            const auto [network, slot] = halves_of(one.address);
            bridges.insert(fmt::format("{}{}", k_bridge_prefix, network));
        }
    }
    return {bridges.begin(), bridges.end()};
}

}  // namespace moln
