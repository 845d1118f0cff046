// One process of the simulated machine's edge: applies snapshots late, loses its line to the
// daemon, dies and comes back with its last snapshot, or leaves its clients to another and ends
// when what it has begun is over. Clients begin requests and tunnels whenever they like; every one
// that fails is told to the checkers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "ports/edge_link.h"
#include "sim/checkers.h"
#include "sim/host.h"

namespace moln::sim {

// What all processes of the edge have in common.
struct FakeEdgeWorld {
    bool broken_keeps_draining = false;  // to see that a checker tells
    bool clients_on = true;
    EdgeSnapshot disk;                   // written by whoever takes requests
    std::optional<EdgeSnapshot> latest;  // the daemon's side of the lines
    std::function<void(const EdgeNews&)> news;
    std::function<void()> applied;  // by one of them
    std::set<std::pair<AppId, std::string>> clients;
    std::int64_t requests_made = 0;
};

class FakeEdgeProcess {
public:
    FakeEdgeProcess(Host& host, FakeEdgeWorld& world, std::int64_t number);
    ~FakeEdgeProcess() { *alive_in_time_ = false; }

    void publish(const EdgeSnapshot& snapshot);

    // A new one: another takes requests until serve().
    void start_beside();
    void serve();
    // Another takes the requests from now on.
    void leave();
    bool is_leaving() const { return leaving_; }
    bool is_done() const { return leaving_ && requests_.empty() && is_nobody_held(); }
    std::int64_t number() const { return number_; }

    void daemon_started();
    void daemon_died();
    void crash();
    void instance_ended(const InstanceId& instance);

    std::int64_t open_on(const InstanceId& instance) const;
    std::int64_t serving(const AppId& app, const std::string& process) const;
    bool is_idle() const { return requests_.empty(); }
    bool is_alive() const { return alive_; }
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

    // `what`, unless this process is gone by then.
    void later(Milliseconds delay, std::function<void()> what);
    void tell(EdgeNews::Kind kind, const EdgeReport* report = nullptr) const;
    bool is_nobody_held() const;
    void connect();
    void cut_line();
    void send_snapshot(const EdgeSnapshot& snapshot);
    void apply(const EdgeSnapshot& snapshot);
    void adopt_snapshot();
    void open_sites();
    void serve_site(const EdgeApp& app);
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
    FakeEdgeWorld& world_;
    const std::int64_t number_;
    std::shared_ptr<bool> alive_in_time_ = std::make_shared<bool>(true);
    EdgeSnapshot applied_;
    std::int64_t line_ = 0;  // number of the connection, messages of others are lost
    bool connected_ = false;
    bool alive_ = true;
    bool waiting_ = false;  // to serve
    bool leaving_ = false;
    std::int64_t life_ = 1;
    MonoTime last_to_edge_;
    MonoTime last_to_daemon_;
    std::map<InstanceId, Endpoint> endpoints_;
    std::set<std::string> sites_;  // open: what becomes of their folders is no matter
    std::map<std::int64_t, Request> requests_;
    std::map<Process, std::deque<std::int64_t>> held_;  // numbers of those that wait
};

}  // namespace moln::sim
