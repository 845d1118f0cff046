#include "drivers/network/real_path_table.h"

#include <chrono>
#include <map>
#include <thread>

#include <fmt/format.h>
#include <net/if.h>

#include "drivers/network/conntrack.h"
#include "drivers/network/nft.h"
#include "drivers/network/other_rules.h"
#include "drivers/network/path_rules.h"
#include "io/file/files.h"

namespace moln {
namespace {

// So that the age of a connection can be told. Where it cannot be set nothing else suffers.
constexpr const char* k_timestamps = "/proc/sys/net/netfilter/nf_conntrack_timestamp";

std::string first_line(const std::string& text) {
    return text.substr(0, text.find('\n'));
}

// A connection from a loopback address leaves by a bridge only if that allows it. The firewall sees
// to it that nothing comes in by it to such an address.
Status allow_loopback(const PathTableSpec& spec) {
    for (const auto& bridge : path_bridges(spec)) {
        const auto path = fmt::format("/proc/sys/net/ipv4/conf/{}/route_localnet", bridge);
        if (!path_exists(path)) continue;  // went meanwhile, and its instances with it
        MOLN_TRY(write_existing(path, "1"));
    }
    return {};
}

}  // namespace

std::string RealPathTable::cannot() {
    if (const auto taken = run_nft(path_rules_probe(base_), NftMode::trial); !taken) {
        return fmt::format("this kernel does not take the rules for it: {}",
                           first_line(taken.error().reason));
    }
    if (const auto seen = list_flows(base_, wall_now_()); !seen) {
        return fmt::format("this kernel does not tell its connections: {}", seen.error().reason);
    }
    if (path_exists(k_timestamps)) (void)write_existing(k_timestamps, "1");
    return "";
}

std::string RealPathTable::in_the_way() {
    return other_filter_rules();
}

bool RealPathTable::is_there() {
    return ask_nft(fmt::format("list table ip {}", k_path_table)).has_value();
}

Status RealPathTable::apply(const PathTableSpec& spec) {
    MOLN_TRY(networks_.set_up());
    MOLN_TRY(allow_loopback(spec));
    // Whatever cannot be read is made anew.
    const auto before = counts();
    const auto commands = path_rules(spec, base_, before ? *before : std::vector<PathCount>{}) +
                          open_to_instances(spec.listens);
    if (const auto done = run_nft(commands); !done) {
        return fail(ErrorCode::internal, fmt::format("the table ip {} was not accepted: {}",
                                                     k_path_table, done.error().reason));
    }
    return {};
}

Result<std::vector<PathCount>> RealPathTable::counts() {
    if (!is_there()) return std::vector<PathCount>{};
    MOLN_ASSIGN(const auto listing,
                ask_nft(fmt::format("list counters table ip {}", k_path_table)));
    return path_counts_in(listing);
}

void RealPathTable::wait(Milliseconds time) {
    std::this_thread::sleep_for(std::chrono::milliseconds(time.count));
}

Result<std::vector<KernelFlow>> RealPathTable::flows() {
    MOLN_ASSIGN(auto flows, list_flows(base_, wall_now_()));
    std::map<std::string, bool> gone;  // by address
    for (auto& flow : flows) {
        const auto [known, is_new] = gone.try_emplace(flow.address, false);
        if (is_new) known->second = ::if_nametoindex(path_link(flow.address).c_str()) == 0;
        flow.gone = known->second;
    }
    return flows;
}

Status RealPathTable::end_flows(const std::vector<KernelFlow>& flows) {
    return forget_flows(flows);
}

}  // namespace moln
