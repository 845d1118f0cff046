// The edge of the simulated machine with its clients: applies snapshots late, loses its line to the
// daemon, dies and comes back with its last snapshot. Clients begin requests and tunnels whenever
// they like; every one that fails is told to the checkers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "ports/edge_link.h"
#include "sim/checkers.h"
#include "sim/host.h"

namespace moln::sim {

class FakeEdge final : public EdgeLink {
public:
    explicit FakeEdge(Host& host);

    bool broken_keeps_draining = false;  // to see that a checker tells
    bool clients_on = true;

    void publish(const EdgeSnapshot& snapshot) override;
    void on_report(std::function<void(const EdgeReport*)> callback) override;

    void daemon_started();
    void daemon_died();
    void crash();
    void instance_ended(const InstanceId& instance);

    std::int64_t open_on(const InstanceId& instance) const;
    std::int64_t serving(const AppId& app, const std::string& process) const;
    bool is_idle() const { return requests_.empty(); }
    std::int64_t requests_begun() const { return requests_made_; }
    const EdgeSnapshot& applied() const { return applied_; }

private:
    using Process = std::pair<AppId, std::string>;
    struct Endpoint {
        EdgeEndpoint spec;
        Process process;
        HealthSpec health;
        bool named = false;  // by the snapshot; else it is kept for what is still open
        EndpointHealth state = EndpointHealth::unknown;
        std::int64_t failures = 0;
        std::int64_t requests_open = 0;
        std::int64_t tunnels_open = 0;
        std::int64_t total = 0;
    };
    struct Request {
        Process process;
        InstanceId instance;
        bool tunnel = false;
    };

    void connect();
    void cut_line();
    void send_snapshot(const EdgeSnapshot& snapshot);
    void apply(const EdgeSnapshot& snapshot);
    void adopt_endpoints();
    void report();
    void report_every_second();
    EdgeReport draw_report() const;

    void probe(const InstanceId& instance, std::int64_t life);
    bool probe_once(Endpoint& endpoint);

    void client(const Process& process);
    void arrive(const Process& process);
    bool dispatch(const Process& process);
    Endpoint* pick(const Process& process);
    void finish(std::int64_t request);
    void dispatch_held(const Process& process);
    void drop_held(const Process& process, const std::string& why);
    const EdgeApp* app(const Process& process) const;

    Host& host_;
    Random& random_;
    std::function<void(const EdgeReport*)> callback_;
    std::optional<EdgeSnapshot> latest_;  // the daemon's side of the line
    EdgeSnapshot applied_;                // on the edge's disk
    std::int64_t line_ = 0;               // number of the connection, messages of others are lost
    bool connected_ = false;
    bool alive_ = true;
    std::int64_t life_ = 1;
    MonoTime last_to_edge_;
    MonoTime last_to_daemon_;
    std::map<InstanceId, Endpoint> endpoints_;
    std::map<std::int64_t, Request> requests_;
    std::map<Process, std::deque<std::int64_t>> held_;  // numbers of those that wait
    std::set<Process> clients_;
    std::int64_t requests_made_ = 0;
};

}  // namespace moln::sim
