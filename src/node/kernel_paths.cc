#include "node/kernel_paths.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "model/limits.h"

namespace moln::node {
namespace {

using Streams = std::vector<const EdgeStream*>;

const EdgeApp* find_app(const EdgeSnapshot& snapshot, const EdgeStream& stream) {
    const auto found = std::ranges::find_if(snapshot.apps, [&](const EdgeApp& app) {
        return app.app == stream.app && app.process == stream.process;
    });
    return found == snapshot.apps.end() ? nullptr : &*found;
}

// What of its bytes or its end somebody has to see; "" if nothing.
std::string_view needs_reading(const Streams& streams) {
    const EdgeStream& stream = *streams.front();
    if (streams.size() > 1 || stream.host != "*")
        return "it leads on by the name that is asked for";
    if (stream.accept_proxy || stream.send_proxy != SendProxy::none) return "it has PROXY headers";
    if (stream.listen.starts_with("tcp:") && stream.idle.count > 0) {
        return "its quiet connections are ended";
    }
    return "";
}

// What only the edge does for the process; "" if nothing.
std::string_view needs_counting(const EdgeApp& app) {
    if (app.concurrency > 0) return "its process has a concurrency";
    if (app.balance.by != BalanceBy::least) return "its process says how to balance";
    if (app.slow_start.count > 0) return "its process has a slow start";
    if (app.canary_release != 0) return "a canary runs";
    if (app.maintenance) return "its app is under maintenance";
    return "";
}

std::vector<std::string> ipv4_hosts(const std::vector<std::string>& addresses) {
    std::vector<std::string> hosts;
    for (const auto& address : addresses) {
        const auto host = address.substr(0, address.rfind(':'));
        if (host == "[::]") {
            hosts.emplace_back("0.0.0.0");  // its IPv4 half
        } else if (host.find(':') == std::string::npos) {
            hosts.push_back(host);
        }
    }
    std::ranges::sort(hosts);
    const auto repeated = std::ranges::unique(hosts);
    hosts.erase(repeated.begin(), repeated.end());
    return hosts;
}

std::vector<PathEndpoint> ready_endpoints(const EdgeApp& app, const EdgeStream& stream,
                                          const std::set<InstanceId>& healthy) {
    std::vector<PathEndpoint> ready;
    for (const auto& endpoint : app.endpoints) {
        const bool canary = app.canary_release != 0 && endpoint.release == app.canary_release;
        if (endpoint.state != EndpointState::active || canary) continue;
        if (!healthy.contains(endpoint.instance)) continue;
        ready.push_back({.instance = endpoint.instance,
                         .address = endpoint.address,
                         .port = stream.port != 0 ? stream.port : endpoint.port});
    }
    return ready;
}

class ListenDecision {
public:
    ListenDecision(const EdgeSnapshot& snapshot, const PathSight& sight, const Listen& listen,
                   const Streams& streams)
        : snapshot_(snapshot), sight_(sight), listen_(listen), streams_(streams) {
        told_.listen = listen.text();
    }

    std::optional<KernelPath> decide() {
        const EdgeStream& stream = *streams_.front();
        const EdgeApp* app = find_app(snapshot_, stream);
        if (app == nullptr) return none("it leads to no process");
        const bool asked = std::ranges::any_of(streams_, &EdgeStream::keep_source);
        if (const auto why = needs_reading(streams_); !why.empty()) return cannot(why, asked);
        if (!sight_.cannot.empty()) return cannot(sight_.cannot, asked);
        if (!asked) {
            if (const auto why = needs_counting(*app); !why.empty()) return none(why);
            if (!sight_.in_the_way.empty()) return none(sight_.in_the_way);
        }
        KernelPath path{.listen = listen_, .idle = stream.idle};
        if (const auto bound = sight_.addresses.find(told_.listen);
            bound != sight_.addresses.end()) {
            path.addresses = ipv4_hosts(bound->second);
        }
        if (path.addresses.empty()) return none("it is not open yet");
        path.endpoints = ready_endpoints(*app, stream, sight_.healthy);
        path.wait = asked && path.endpoints.empty() && app->hold;
        if (path.endpoints.empty() && !path.wait) return none("no instance is ready");
        told_.via = StreamVia::kernel;
        return path;
    }

    StreamPath told() { return std::move(told_); }

private:
    std::optional<KernelPath> none(std::string_view why) {
        told_.why = why;
        return std::nullopt;
    }
    std::optional<KernelPath> cannot(std::string_view why, bool asked) {
        if (asked) {
            told_.problem =
                fmt::format("connections are refused, for keep_source cannot be held to: {}", why);
        }
        return none(why);
    }

    const EdgeSnapshot& snapshot_;
    const PathSight& sight_;
    const Listen& listen_;
    const Streams& streams_;
    StreamPath told_;
};

struct Seen {
    const EdgeEndpoint* endpoint = nullptr;
    EndpointReport report;
};

// Of every instance that a stream leads to, by its address.
std::map<std::string, Seen> by_address(const EdgeSnapshot& snapshot) {
    std::map<std::string, Seen> out;
    for (const auto& app : snapshot.apps) {
        for (const auto& endpoint : app.endpoints) {
            out[endpoint.address] = {&endpoint, {.instance = endpoint.instance}};
        }
    }
    return out;
}

// How long the kernel remembers a flow tells how long it has been quiet: until it was answered for
// two seconds the shorter time holds (nf_conntrack_proto_udp.c), later the longer one, so that what
// is left lies between the two limits only if it is surely quiet for the difference.
bool is_surely_quiet(const KernelFlow& flow, Milliseconds idle) {
    const auto quiet = k_path_draining_quiet;
    if (!flow.answered || flow.left > k_path_unanswered) {
        const auto whole = flow.answered ? idle : k_path_unanswered;
        return flow.left + quiet <= whole;
    }
    return flow.left + quiet <= std::min(idle, k_path_unanswered);
}

Milliseconds idle_of(const EdgeSnapshot& snapshot, const KernelFlow& flow) {
    const auto listen = Listen{flow.protocol, flow.listen_port}.text();
    for (const auto& stream : snapshot.streams) {
        if (stream.listen == listen && stream.idle.count > 0) return stream.idle;
    }
    return k_udp_idle_default;
}

}  // namespace

PathDecision decide_paths(const EdgeSnapshot& snapshot, const PathSight& sight) {
    std::map<Listen, Streams> by_listen;
    for (const auto& stream : snapshot.streams) {
        if (const auto listen = parse_listen(stream.listen)) by_listen[*listen].push_back(&stream);
    }
    PathDecision out;
    for (const auto& [listen, streams] : by_listen) {
        out.table.listens.push_back(listen);
        ListenDecision decision(snapshot, sight, listen, streams);
        if (auto path = decision.decide()) out.table.paths.push_back(std::move(*path));
        out.told.push_back(decision.told());
    }
    return out;
}

FlowCount count_flows(const EdgeSnapshot& snapshot, const std::vector<KernelFlow>& flows) {
    FlowCount out;
    auto seen = by_address(snapshot);
    for (const auto& flow : flows) {
        const auto found = seen.find(flow.address);
        if (found == seen.end()) {
            if (flow.gone) out.to_end.push_back(flow);
            continue;
        }
        auto& [endpoint, report] = found->second;
        if (flow.over) continue;
        if (flow.protocol == Protocol::udp && endpoint->state == EndpointState::draining &&
            is_surely_quiet(flow, idle_of(snapshot, flow))) {
            out.to_end.push_back(flow);
            continue;
        }
        ++report.tunnels_open;
        report.oldest_open = std::max(report.oldest_open, flow.age);
    }
    for (auto& [address, one] : seen) {
        if (one.report.tunnels_open > 0) out.endpoints.push_back(std::move(one.report));
    }
    std::ranges::sort(out.endpoints, {}, &EndpointReport::instance);
    return out;
}

std::string path_metrics(const std::vector<PathCount>& counts,
                         const std::vector<EndpointReport>& open) {
    if (counts.empty()) return "";
    std::int64_t flows = 0;
    for (const auto& endpoint : open) flows += endpoint.tunnels_open;
    auto text = fmt::format(
        "# HELP moln_kernel_streams_open Connections and flows that the kernel passes on.\n"
        "# TYPE moln_kernel_streams_open gauge\n"
        "moln_kernel_streams_open {}\n"
        "# HELP moln_kernel_streams_total Those that have begun, by the listen of their route.\n"
        "# TYPE moln_kernel_streams_total counter\n",
        flows);
    for (const auto& one : counts) {
        text += fmt::format("moln_kernel_streams_total{{listen=\"{}\"}} {}\n", one.listen.text(),
                            one.begun);
    }
    const auto bytes = [&](std::string_view way, std::string_view help,
                           std::int64_t PathCount::* count) {
        text += fmt::format(
            "# HELP moln_kernel_stream_bytes_{0}_total {1}\n"
            "# TYPE moln_kernel_stream_bytes_{0}_total counter\n",
            way, help);
        for (const auto& one : counts) {
            text += fmt::format("moln_kernel_stream_bytes_{}_total{{listen=\"{}\"}} {}\n", way,
                                one.listen.text(), one.*count);
        }
    };
    bytes("in", "Bytes of their packets, headers too, that clients sent.", &PathCount::bytes_in);
    bytes("out", "Bytes of their packets, headers too, that instances sent.",
          &PathCount::bytes_out);
    return text;
}

}  // namespace moln::node
