#include "sim/fake_edge.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace moln::sim {
namespace {

constexpr Milliseconds k_report_interval = seconds(1);
constexpr Milliseconds k_client_mean{700};
constexpr Milliseconds k_warm_probe_interval{250};

bool is_newer(const EdgeSnapshot& snapshot, const EdgeSnapshot& than) {
    return std::pair(snapshot.epoch, snapshot.version) > std::pair(than.epoch, than.version);
}

}  // namespace

FakeEdge::FakeEdge(Host& host) : host_(host), random_(host.random) {
    host_.on_ended = [this](const InstanceId& instance) { instance_ended(instance); };
    host_.checkers.open_on = [this](const InstanceId& id) { return open_on(id); };
    host_.checkers.serving = [this](const AppId& id, const std::string& process) {
        return serving(id, process);
    };
    report_every_second();
}

// ---- the line to the daemon -------------------------------------------------------------------

void FakeEdge::on_report(std::function<void(const EdgeReport*)> callback) {
    callback_ = std::move(callback);
}

void FakeEdge::daemon_started() {
    connect();
}

void FakeEdge::daemon_died() {
    callback_ = nullptr;
    latest_.reset();
    connected_ = false;
    ++line_;
}

void FakeEdge::connect() {
    host_.timeline.at(random_.span(10, 2'000), [this, line = line_] {
        if (line != line_ || !alive_ || !callback_) return;
        connected_ = true;
        if (latest_) send_snapshot(*latest_);
        report();
    });
}

void FakeEdge::cut_line() {
    ++line_;
    connected_ = false;
    host_.story.tell("the line between daemon and edge is cut");
    host_.timeline.at(random_.span(0, 20), [this, line = line_] {
        if (line == line_ && callback_) callback_(nullptr);
    });
    connect();
}

void FakeEdge::publish(const EdgeSnapshot& snapshot) {
    host_.story.tell(fmt::format("publish {}/{}", snapshot.epoch, snapshot.version));
    latest_ = snapshot;
    if (connected_) send_snapshot(snapshot);
}

void FakeEdge::send_snapshot(const EdgeSnapshot& snapshot) {
    if (host_.faults.happens(&FaultRates::link_cut)) return cut_line();
    const int times = host_.faults.happens(&FaultRates::link_repeat) ? 2 : 1;
    for (int i = 0; i < times; ++i) {
        const auto delay = host_.faults.happens(&FaultRates::late_ack) ? random_.span(500, 10'000)
                                                                       : random_.span(1, 30);
        const auto now = host_.timeline.now().mono;
        last_to_edge_ = std::max(now + delay, last_to_edge_);
        host_.timeline.at(last_to_edge_ - now, [this, line = line_, snapshot] {
            if (line == line_ && alive_) apply(snapshot);
        });
    }
}

void FakeEdge::report() {
    if (!connected_ || !alive_) return;
    if (host_.faults.happens(&FaultRates::link_cut)) return cut_line();
    const int times = host_.faults.happens(&FaultRates::link_repeat) ? 2 : 1;
    const auto drawn = draw_report();
    for (int i = 0; i < times; ++i) {
        const auto now = host_.timeline.now().mono;
        last_to_daemon_ = std::max(now + random_.span(1, 30), last_to_daemon_);
        host_.timeline.at(last_to_daemon_ - now, [this, line = line_, drawn] {
            if (line == line_ && callback_) callback_(&drawn);
        });
    }
}

void FakeEdge::report_every_second() {
    report();
    host_.timeline.at(k_report_interval, [this] { report_every_second(); });
}

EdgeReport FakeEdge::draw_report() const {
    EdgeReport report;
    report.acked_version = applied_.version;
    report.acked_epoch = applied_.epoch;
    report.pid = life_;
    for (const auto& [id, endpoint] : endpoints_) {
        EndpointReport one;
        one.instance = id;
        one.health = endpoint.state;
        one.requests_open = endpoint.requests_open;
        one.tunnels_open = endpoint.tunnels_open;
        one.requests_total = endpoint.total;
        report.endpoints.push_back(std::move(one));
    }
    return report;
}

// ---- snapshots --------------------------------------------------------------------------------

void FakeEdge::apply(const EdgeSnapshot& snapshot) {
    if (is_newer(snapshot, applied_)) {
        applied_ = snapshot;
        host_.story.tell(fmt::format("edge applies {}/{}", snapshot.epoch, snapshot.version));
        adopt_endpoints();
        host_.checkers.edge_applied(applied_);
        for (const auto& one : applied_.apps) {
            const Process process{one.app, one.process};
            dispatch_held(process);
            if (!one.hold) drop_held(process, "503: nobody serves and nobody will soon");
            if (clients_.insert(process).second) client(process);
        }
    }
    report();
}

void FakeEdge::adopt_endpoints() {
    for (auto& [id, endpoint] : endpoints_) endpoint.named = false;
    for (const auto& one : applied_.apps) {
        for (const auto& spec : one.endpoints) {
            auto [found, fresh] = endpoints_.try_emplace(spec.instance);
            auto& endpoint = found->second;
            endpoint.spec = spec;
            endpoint.process = {one.app, one.process};
            endpoint.health = spec.health.value_or(one.health);
            endpoint.named = true;
            if (fresh) probe(spec.instance, life_);
        }
    }
    std::erase_if(endpoints_, [](const auto& entry) {
        const auto& endpoint = entry.second;
        return !endpoint.named && endpoint.requests_open + endpoint.tunnels_open == 0;
    });
}

void FakeEdge::crash() {
    if (!alive_) return;
    host_.story.tell("the edge dies");
    alive_ = false;
    ++life_;
    host_.checkers.edge_crashed();
    for (const auto& [number, request] : requests_) {
        host_.checkers.request_failed(request.process.first, request.instance, "the edge died");
    }
    requests_.clear();
    held_.clear();
    endpoints_.clear();
    cut_line();
    host_.timeline.at(random_.span(50, 1'000), [this] {
        host_.story.tell("the edge starts");
        alive_ = true;
        adopt_endpoints();
        for (const auto& process : clients_) client(process);
        connect();
    });
}

// ---- health -----------------------------------------------------------------------------------

bool FakeEdge::probe_once(Endpoint& endpoint) {
    const auto before = endpoint.state;
    if (host_.listens(endpoint.spec.instance)) {
        endpoint.failures = 0;
        endpoint.state = EndpointHealth::healthy;
    } else if (++endpoint.failures >= endpoint.health.unhealthy_after) {
        endpoint.state = EndpointHealth::unhealthy;
    }
    return endpoint.state != before;
}

void FakeEdge::probe(const InstanceId& instance, std::int64_t life) {
    const auto found = endpoints_.find(instance);
    const bool warming =
        found != endpoints_.end() && found->second.state != EndpointHealth::healthy;
    const auto delay = warming ? k_warm_probe_interval : seconds(2);
    host_.timeline.at(delay, [this, instance, life] {
        const auto endpoint = endpoints_.find(instance);
        if (life != life_ || endpoint == endpoints_.end() || !endpoint->second.named) return;
        if (probe_once(endpoint->second)) {
            report();
            dispatch_held(endpoint->second.process);
        }
        probe(instance, life);
    });
}

// ---- clients ----------------------------------------------------------------------------------

void FakeEdge::client(const Process& process) {
    host_.timeline.at(random_.around(k_client_mean), [this, process, life = life_] {
        if (life != life_) return;
        if (clients_on) arrive(process);
        client(process);
    });
}

const EdgeApp* FakeEdge::app(const Process& process) const {
    for (const auto& one : applied_.apps) {
        if (one.app == process.first && one.process == process.second) return &one;
    }
    return nullptr;
}

FakeEdge::Endpoint* FakeEdge::pick(const Process& process) {
    Endpoint* best = nullptr;
    for (auto& [id, endpoint] : endpoints_) {
        const bool takes =
            endpoint.spec.state == EndpointState::active ||
            (broken_keeps_draining && endpoint.spec.state == EndpointState::draining);
        if (endpoint.process != process || !endpoint.named || !takes ||
            endpoint.state == EndpointHealth::unhealthy) {
            continue;
        }
        const auto load = [](const Endpoint& e) { return e.requests_open + e.tunnels_open; };
        if (best == nullptr || load(endpoint) < load(*best)) best = &endpoint;
    }
    return best;
}

// Sends one request to whoever takes it; an instance that refuses is unhealthy from then on.
bool FakeEdge::dispatch(const Process& process) {
    while (auto* endpoint = pick(process)) {
        const auto id = endpoint->spec.instance;
        if (!host_.listens(id)) {
            endpoint->state = EndpointHealth::unhealthy;
            report();
            continue;
        }
        host_.checkers.request_sent(id);
        const auto kind = random_.below(100);
        const bool tunnel = kind >= 98;
        const auto duration = tunnel
                                  ? random_.span(10'000, 180'000)
                                  : (kind < 85 ? random_.span(2, 200) : random_.span(500, 8'000));
        (tunnel ? endpoint->tunnels_open : endpoint->requests_open) += 1;
        ++endpoint->total;
        const auto number = ++requests_made_;
        requests_.emplace(number, Request{process, id, tunnel});
        host_.timeline.at(duration, [this, number] { finish(number); });
        return true;
    }
    return false;
}

void FakeEdge::arrive(const Process& process) {
    const auto* one = app(process);
    if (one == nullptr || dispatch(process)) return;
    auto& waiting = held_[process];
    if (!one->hold) {
        host_.checkers.request_failed(process.first, InstanceId(), "503: nobody serves");
        return;
    }
    if (static_cast<std::int64_t>(waiting.size()) >= one->hold_requests_max) {
        host_.checkers.request_failed(process.first, InstanceId(), "503: too many wait");
        return;
    }
    const auto number = ++requests_made_;
    waiting.push_back(number);
    host_.timeline.at(one->hold_limit, [this, process, number] {
        if (std::erase(held_[process], number) > 0) {
            host_.checkers.request_failed(process.first, InstanceId(), "held too long");
        }
    });
}

void FakeEdge::dispatch_held(const Process& process) {
    const auto waiting = held_.find(process);
    if (waiting == held_.end()) return;
    while (!waiting->second.empty() && dispatch(process)) waiting->second.pop_front();
}

void FakeEdge::drop_held(const Process& process, const std::string& why) {
    const auto waiting = held_.find(process);
    if (waiting == held_.end()) return;
    const auto dropped = std::exchange(waiting->second, {});
    for (std::size_t i = 0; i < dropped.size(); ++i) {
        host_.checkers.request_failed(process.first, InstanceId(), why);
    }
}

void FakeEdge::finish(std::int64_t number) {
    const auto found = requests_.find(number);
    if (found == requests_.end()) return;
    const auto request = found->second;
    requests_.erase(found);
    const auto endpoint = endpoints_.find(request.instance);
    if (endpoint == endpoints_.end()) return;
    auto& open = endpoint->second;
    (request.tunnel ? open.tunnels_open : open.requests_open) -= 1;
    if (open.requests_open + open.tunnels_open > 0) return;
    if (open.spec.state == EndpointState::draining) report();
    if (!open.named) endpoints_.erase(endpoint);
}

void FakeEdge::instance_ended(const InstanceId& instance) {
    std::vector<std::int64_t> cut;
    for (const auto& [number, request] : requests_) {
        if (request.instance == instance) cut.push_back(number);
    }
    for (const auto number : cut) {
        const auto process = requests_.at(number).process;
        finish(number);
        host_.checkers.request_failed(process.first, instance, "was cut");
    }
}

std::int64_t FakeEdge::open_on(const InstanceId& instance) const {
    const auto found = endpoints_.find(instance);
    return found == endpoints_.end() ? 0 : found->second.requests_open + found->second.tunnels_open;
}

std::int64_t FakeEdge::serving(const AppId& app_id, const std::string& process) const {
    return std::ranges::count_if(endpoints_, [&](const auto& entry) {
        const auto& endpoint = entry.second;
        return endpoint.named && endpoint.process == Process{app_id, process} &&
               endpoint.spec.state == EndpointState::active &&
               endpoint.state != EndpointHealth::unhealthy;
    });
}

}  // namespace moln::sim
