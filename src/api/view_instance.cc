#include <algorithm>

#include <fmt/format.h>

#include "api/view.h"
#include "model/canary.h"

namespace moln::api {
namespace {

InstanceState state_while_running(const InstanceView& view, bool web) {
    if (!web || view.health == EndpointHealth::healthy) return InstanceState::running;
    return view.health == EndpointHealth::unhealthy ? InstanceState::unhealthy
                                                    : InstanceState::starting;
}

InstanceState state_of(const InstanceView& view, bool web) {
    switch (view.phase) {
        case InstancePhase::absent:
            return view.goal == InstanceGoal::prepare || view.goal == InstanceGoal::run
                       ? InstanceState::preparing
                       : InstanceState::ended;
        case InstancePhase::preparing:
        case InstancePhase::prepared: return InstanceState::preparing;
        case InstancePhase::backing_off: return InstanceState::backing_off;
        case InstancePhase::ended: return InstanceState::ended;
        case InstancePhase::stopping: return InstanceState::stopping;
        case InstancePhase::failed: return InstanceState::failed;
        case InstancePhase::running: break;
    }
    switch (view.goal) {
        case InstanceGoal::prepare:
        case InstanceGoal::run: return state_while_running(view, web);
        case InstanceGoal::drain: return InstanceState::draining;
        case InstanceGoal::stop:
        case InstanceGoal::kill:
        case InstanceGoal::remove: break;
    }
    return InstanceState::stopping;
}

// What users call what is open besides requests: who is reached by a port has plain connections.
std::string_view tunnel_word(const World& world, const InstanceView& view) {
    const bool by_port = std::ranges::any_of(world.edge.streams, [&](const EdgeStream& stream) {
        return stream.app == view.app && stream.process == view.process;
    });
    return by_port ? "connection" : "websocket";
}

std::string draining_text(const World& world, const InstanceView& view) {
    std::string text;
    if (view.requests_open > 0) text = count_words(view.requests_open, "request");
    if (view.tunnels_open > 0) {
        if (!text.empty()) text += ", ";
        text += count_words(view.tunnels_open, tunnel_word(world, view));
    }
    if (text.empty()) return "draining: nothing open";
    return fmt::format("draining: {}, oldest {}", text, duration_words(view.oldest_open));
}

std::string text_of(const World& world, const InstanceView& view, const InstanceSeen* seen,
                    const EndpointReport* endpoint) {
    const auto because = [](std::string_view what, const std::string& reason) {
        return reason.empty() ? std::string(what) : fmt::format("{}: {}", what, reason);
    };
    const std::string seen_reason = seen == nullptr ? "" : seen->reason;
    const std::string health_reason = endpoint == nullptr ? "" : endpoint->health_reason;
    switch (view.state) {
        case InstanceState::draining: return draining_text(world, view);
        case InstanceState::starting: return because("waits to be healthy", health_reason);
        case InstanceState::unhealthy: return because("unhealthy", health_reason);
        case InstanceState::backing_off:
            return because("restarts soon",
                           seen_reason.empty() ? view.last_exit_text : seen_reason);
        case InstanceState::failed: return because("failed", seen_reason);
        case InstanceState::ended: return view.last_exit_text;
        case InstanceState::preparing:
        case InstanceState::running:
        case InstanceState::stopping: break;
    }
    return "";
}

}  // namespace

const InstanceSeen* find_seen(const World& world, const Instance& instance) {
    const auto node = world.nodes.find(instance.node);
    if (node == world.nodes.end()) return nullptr;
    const auto found = node->second.instances.find(instance.id);
    return found == node->second.instances.end() ? nullptr : &found->second;
}

const EndpointReport* find_endpoint(const World& world, const InstanceId& instance) {
    for (const auto& [node, edge] : world.edges) {
        const auto found = edge.endpoints.find(instance);
        if (found != edge.endpoints.end()) return &found->second;
    }
    return nullptr;
}

bool is_web(const World& world, const Instance& instance) {
    if (instance.kind != InstanceKind::service) return false;
    const auto* release = find_release(world, instance.app, instance.release);
    if (release == nullptr) return false;
    const auto process = release->config.processes.find(instance.process);
    return process != release->config.processes.end() && process->second.kind == ProcessKind::web;
}

InstanceView instance_view(const World& world, const Instance& instance) {
    InstanceView view;
    view.id = instance.id;
    view.app = instance.app;
    view.process = instance.process;
    view.kind = instance.kind;
    view.release = instance.release;
    const auto app = world.apps.find(instance.app);
    view.canary = app != world.apps.end() && instance.kind == InstanceKind::service &&
                  has_canary(app->second) && instance.release == app->second.release;
    view.node = instance.node;
    view.goal = instance.goal;
    view.created = instance.created;
    const auto* seen = find_seen(world, instance);
    if (seen != nullptr) {
        view.phase = seen->phase;
        view.address = seen->address;
        view.pid = seen->pid;
        view.started = seen->started;
        view.restarts = seen->restarts;
        view.memory = seen->memory;
        view.last_exit = seen->last_exit;
        if (seen->last_exit) view.last_exit_text = exit_words(*seen->last_exit);
    }
    const auto* endpoint = find_endpoint(world, instance.id);
    if (endpoint != nullptr) {
        view.health = endpoint->health;
        view.requests_open = endpoint->requests_open;
        view.tunnels_open = endpoint->tunnels_open;
        view.oldest_open = endpoint->oldest_open;
    }
    view.state = state_of(view, is_web(world, instance));
    view.text = valid_utf8(text_of(world, view, seen, endpoint));
    return view;
}

std::vector<InstanceView> instance_views(const World& world, const AppFilter& filter) {
    std::vector<InstanceView> views;
    for (const auto& [id, instance] : world.instances) {
        if (filter.takes(instance.app)) views.push_back(instance_view(world, instance));
    }
    std::ranges::stable_sort(views, [](const InstanceView& a, const InstanceView& b) {
        return std::tie(a.app, a.process, a.release) < std::tie(b.app, b.process, b.release);
    });
    return views;
}

bool is_ready(const InstanceView& view) {
    return view.goal == InstanceGoal::run && view.state == InstanceState::running;
}

}  // namespace moln::api
