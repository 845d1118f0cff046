#include "sim/fake_edge_process.h"

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

FakeEdgeProcess::FakeEdgeProcess(Host& host, FakeEdgeWorld& world, std::int64_t number)
    : host_(host), random_(host.random), world_(world), number_(number), applied_(world.disk) {
    report_every_second();
}

void FakeEdgeProcess::later(Milliseconds delay, std::function<void()> what) {
    host_.timeline.at(delay, [alive = alive_in_time_, what = std::move(what)] {
        if (*alive) what();
    });
}

void FakeEdgeProcess::tell(EdgeNews::Kind kind, const EdgeReport* report) const {
    if (world_.news) world_.news({number_, kind, report});
}

// ---- one in the place of another --------------------------------------------------------------

void FakeEdgeProcess::start_beside() {
    waiting_ = true;
    adopt_snapshot();
}

void FakeEdgeProcess::serve() {
    waiting_ = false;
    host_.story.tell(fmt::format("edge {} serves", number_));
    for (const auto& process : world_.clients) client(process);
    connect();
}

void FakeEdgeProcess::leave() {
    leaving_ = true;
    ++life_;  // its clients go elsewhere
    for (const auto& [id, endpoint] : endpoints_) {
        if (endpoint.named) probe(id, life_);
    }
    report();
}

bool FakeEdgeProcess::is_nobody_held() const {
    return std::ranges::all_of(held_, [](const auto& one) { return one.second.empty(); });
}

// ---- the line to the daemon -------------------------------------------------------------------

void FakeEdgeProcess::daemon_started() {
    tell(EdgeNews::Kind::began);
    if (!waiting_) connect();
}

void FakeEdgeProcess::daemon_died() {
    connected_ = false;
    ++line_;
}

void FakeEdgeProcess::connect() {
    later(random_.span(10, 2'000), [this, line = line_] {
        if (line != line_ || !alive_ || !world_.news) return;
        connected_ = true;
        if (world_.latest) send_snapshot(*world_.latest);
        report();
    });
}

void FakeEdgeProcess::cut_line() {
    ++line_;
    connected_ = false;
    host_.story.tell("the line between daemon and edge is cut");
    later(random_.span(0, 20), [this, line = line_] {
        if (line == line_) tell(EdgeNews::Kind::lost);
    });
    connect();
}

void FakeEdgeProcess::publish(const EdgeSnapshot& snapshot) {
    if (connected_) send_snapshot(snapshot);
}

void FakeEdgeProcess::send_snapshot(const EdgeSnapshot& snapshot) {
    if (host_.faults.happens(&FaultRates::link_cut)) return cut_line();
    const int times = host_.faults.happens(&FaultRates::link_repeat) ? 2 : 1;
    for (int i = 0; i < times; ++i) {
        const auto delay = host_.faults.happens(&FaultRates::late_ack) ? random_.span(500, 10'000)
                                                                       : random_.span(1, 30);
        const auto now = host_.timeline.now().mono;
        last_to_edge_ = std::max(now + delay, last_to_edge_);
        later(last_to_edge_ - now, [this, line = line_, snapshot] {
            if (line == line_ && alive_) apply(snapshot);
        });
    }
}

void FakeEdgeProcess::report() {
    if (!connected_ || !alive_) return;
    if (host_.faults.happens(&FaultRates::link_cut)) return cut_line();
    const int times = host_.faults.happens(&FaultRates::link_repeat) ? 2 : 1;
    const auto drawn = draw_report();
    for (int i = 0; i < times; ++i) {
        const auto now = host_.timeline.now().mono;
        last_to_daemon_ = std::max(now + random_.span(1, 30), last_to_daemon_);
        later(last_to_daemon_ - now, [this, line = line_, drawn] {
            if (line == line_) tell(EdgeNews::Kind::reported, &drawn);
        });
    }
}

void FakeEdgeProcess::report_every_second() {
    report();
    later(k_report_interval, [this] { report_every_second(); });
}

EdgeReport FakeEdgeProcess::draw_report() const {
    EdgeReport report;
    report.acked_version = applied_.version;
    report.acked_epoch = applied_.epoch;
    report.pid = life_;
    report.leaving = leaving_;
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

void FakeEdgeProcess::apply(const EdgeSnapshot& snapshot) {
    if (is_newer(snapshot, applied_)) {
        applied_ = snapshot;
        host_.story.tell(fmt::format("edge applies {}/{}", snapshot.epoch, snapshot.version));
        if (!leaving_ && !waiting_) world_.disk = applied_;
        adopt_snapshot();
        world_.applied();
        for (const auto& one : applied_.apps) {
            const Process process{one.app, one.process};
            dispatch_held(process);
            if (!one.hold) drop_held(process, "503: nobody serves and nobody will soon");
            if (world_.clients.insert(process).second && !leaving_) client(process);
        }
    }
    report();
}

void FakeEdgeProcess::adopt_snapshot() {
    open_sites();
    for (auto& [id, endpoint] : endpoints_) endpoint.named = false;
    for (const auto& one : applied_.apps) {
        for (const auto& spec : one.endpoints) {
            auto [found, fresh] = endpoints_.try_emplace(spec.instance);
            auto& endpoint = found->second;
            // As the real one has it: while it starts its failures count for nothing. Another
            // process may have seen it healthy first.
            const bool was_starting = endpoint.spec.state == EndpointState::warming;
            if (was_starting && spec.state == EndpointState::active &&
                endpoint.state == EndpointHealth::unhealthy) {
                endpoint.state = EndpointHealth::unknown;
                endpoint.failures = 0;
            }
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

void FakeEdgeProcess::crash() {
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
    sites_.clear();
    cut_line();
    later(random_.span(50, 1'000), [this] {
        host_.story.tell("the edge starts");
        alive_ = true;
        adopt_snapshot();
        for (const auto& process : world_.clients) client(process);
        connect();
    });
}

// ---- health -----------------------------------------------------------------------------------

bool FakeEdgeProcess::probe_once(Endpoint& endpoint) {
    const auto before = endpoint.state;
    if (host_.listens(endpoint.spec.instance)) {
        endpoint.failures = 0;
        endpoint.state = EndpointHealth::healthy;
    } else if (++endpoint.failures >= endpoint.health.unhealthy_after) {
        endpoint.state = EndpointHealth::unhealthy;
    }
    return endpoint.state != before;
}

void FakeEdgeProcess::probe(const InstanceId& instance, std::int64_t life) {
    const auto found = endpoints_.find(instance);
    const bool warming =
        found != endpoints_.end() && found->second.state != EndpointHealth::healthy;
    const auto delay = warming ? k_warm_probe_interval : seconds(2);
    later(delay, [this, instance, life] {
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

void FakeEdgeProcess::client(const Process& process) {
    later(random_.around(k_client_mean), [this, process, life = life_] {
        if (life != life_) return;
        if (world_.clients_on) arrive(process);
        client(process);
    });
}

const EdgeApp* FakeEdgeProcess::app(const Process& process) const {
    for (const auto& one : applied_.apps) {
        if (one.app == process.first && one.process == process.second) return &one;
    }
    return nullptr;
}

FakeEdgeProcess::Endpoint* FakeEdgeProcess::pick(const Process& process) {
    Endpoint* best = nullptr;
    for (auto& [id, endpoint] : endpoints_) {
        const bool takes =
            endpoint.spec.state == EndpointState::active ||
            (world_.broken_keeps_draining && endpoint.spec.state == EndpointState::draining);
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
bool FakeEdgeProcess::dispatch(const Process& process) {
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
        const auto number = ++world_.requests_made;
        requests_.emplace(number, Request{process, id, tunnel});
        later(duration, [this, number] { finish(number); });
        return true;
    }
    return false;
}

void FakeEdgeProcess::open_sites() {
    std::set<std::string> open;
    for (const auto& one : applied_.apps) {
        if (!one.site) continue;
        const auto& name = one.site->name;
        if (sites_.contains(name) || host_.image_layers.contains(name)) open.insert(name);
    }
    sites_ = std::move(open);
}

void FakeEdgeProcess::serve_site(const EdgeApp& app) {
    if (sites_.contains(app.site->name)) return;
    host_.checkers.request_failed(app.app, InstanceId(), "503: its files cannot be read");
}

void FakeEdgeProcess::arrive(const Process& process) {
    const auto* one = app(process);
    if (one == nullptr) return;
    if (one->site) return serve_site(*one);
    if (dispatch(process)) return;
    auto& waiting = held_[process];
    if (!one->hold) {
        host_.checkers.request_failed(process.first, InstanceId(), "503: nobody serves");
        return;
    }
    if (static_cast<std::int64_t>(waiting.size()) >= one->hold_requests_max) {
        host_.checkers.request_failed(process.first, InstanceId(), "503: too many wait");
        return;
    }
    const auto number = ++world_.requests_made;
    waiting.push_back(number);
    later(one->hold_limit, [this, process, number] {
        if (std::erase(held_[process], number) > 0) {
            host_.checkers.request_failed(process.first, InstanceId(), "held too long");
        }
    });
}

void FakeEdgeProcess::dispatch_held(const Process& process) {
    const auto waiting = held_.find(process);
    if (waiting == held_.end()) return;
    while (!waiting->second.empty() && dispatch(process)) waiting->second.pop_front();
}

void FakeEdgeProcess::drop_held(const Process& process, const std::string& why) {
    const auto waiting = held_.find(process);
    if (waiting == held_.end()) return;
    const auto dropped = std::exchange(waiting->second, {});
    for (std::size_t i = 0; i < dropped.size(); ++i) {
        host_.checkers.request_failed(process.first, InstanceId(), why);
    }
}

void FakeEdgeProcess::finish(std::int64_t number) {
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

void FakeEdgeProcess::instance_ended(const InstanceId& instance) {
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

std::int64_t FakeEdgeProcess::open_on(const InstanceId& instance) const {
    const auto found = endpoints_.find(instance);
    return found == endpoints_.end() ? 0 : found->second.requests_open + found->second.tunnels_open;
}

std::int64_t FakeEdgeProcess::serving(const AppId& app_id, const std::string& process) const {
    return std::ranges::count_if(endpoints_, [&](const auto& entry) {
        const auto& endpoint = entry.second;
        return endpoint.named && endpoint.process == Process{app_id, process} &&
               endpoint.spec.state == EndpointState::active &&
               endpoint.state != EndpointHealth::unhealthy;
    });
}

}  // namespace moln::sim
