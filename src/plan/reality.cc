#include "plan/reality.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "model/certificate.h"
#include "plan/acme.h"
#include "plan/certificates.h"

namespace moln::plan {

Reality::Reality() {
    world.self = NodeId("n1");
    world.epoch = 1;
    world.leading = true;
    world.nodes[world.self] = {.id = world.self, .connected = true};
    world.nodes[world.self].disk_total = gib(100);
    step_edge();
}

void Reality::commit(Changes changes) {
    number_events(changes, world.event_number);
    for (const auto& change : changes) apply(world, change);
}

Result<Outcome> Reality::command(const Command& command) {
    auto outcome = decide(world, command, {}, now, seed_++);
    if (outcome) commit(outcome->changes);
    return outcome;
}

// As the leader does, with chains that are no more than a name.
void Reality::issue(const std::vector<IssueOrder>& orders) {
    Changes changes;
    for (const auto& order : orders) {
        if (order.new_authority) {
            auto due = due_for_new_authority(world);
            changes.insert(changes.end(), due.begin(), due.end());
            world.authority = Authority{.certificate = "root",
                                        .sealed_key = "sealed",
                                        .not_before = now.wall,
                                        .not_after = now.wall + k_authority_life,
                                        .fingerprint = "f00d"};
        }
        Certificate made{.id = order.id,
                         .hosts = {order.host},
                         .source = CertificateSource::local,
                         .chain = fmt::format("chain of {} at {}", order.host, now.wall.ms),
                         .sealed_key = "sealed",
                         .not_before = now.wall,
                         .not_after = now.wall + k_local_certificate_life,
                         .issuer = "root",
                         .created = now.wall};
        auto more = issued(world, std::move(made), now.wall);
        changes.insert(changes.end(), more.begin(), more.end());
    }
    commit(std::move(changes));
}

void Reality::take(const AcmeStep& step) {
    switch (step.verb) {
        case AcmeVerb::register_account: world.registering = true; break;
        case AcmeVerb::forget_registration:
            world.registering = false;
            world.registration.reset();
            break;
        case AcmeVerb::begin:
            world.attempts[step.host] = {.id = step.id,
                                         .directory = world.acme->directory,
                                         .kind = step.challenge,
                                         .since = now.mono};
            break;
        case AcmeVerb::answer:
        case AcmeVerb::decline: {
            auto& attempt = world.attempts.at(step.host);
            attempt.answered = true;
            if (step.verb == AcmeVerb::decline) attempt.outcome = AcmeOutcome{{}, "declined", {}};
            break;
        }
        case AcmeVerb::forget: world.attempts.erase(step.host); break;
    }
}

// The authority and the driver take a step each.
void Reality::move_attempts() {
    if (!acme_moves) return;
    if (world.registering && !world.registration) {
        world.registration = AcmeOutcome{{}, acme_refuses ? acme_refuses("", {}) : "", acme_fault};
    }
    for (auto& [host, attempt] : world.attempts) {
        if (attempt.outcome) continue;
        if (!attempt.challenge) {
            attempt.challenge = EdgeChallenge{.host = host,
                                              .kind = attempt.kind,
                                              .token = "token",
                                              .authorization = "token.thumb",
                                              .id = attempt.id,
                                              .chain = "challenge",
                                              .sealed_key = "sealed"};
            attempt.since = now.mono;
            continue;
        }
        if (!attempt.answered) continue;
        ++acme_looks;
        auto reason = acme_refuses ? acme_refuses(host, attempt.kind) : "";
        if (std::ranges::find(applied_.challenges, *attempt.challenge) ==
            applied_.challenges.end()) {
            reason = "the edge does not answer";
        }
        attempt.outcome = AcmeOutcome{{}, reason, acme_fault};
        if (!reason.empty()) continue;
        attempt.outcome->certificate =
            Certificate{.hosts = {host},
                        .chain = fmt::format("chain of {} at {}", host, now.wall.ms),
                        .sealed_key = "sealed",
                        .not_before = now.wall + acme_clock_ahead,
                        .not_after = now.wall + acme_clock_ahead + acme_life,
                        .issuer = "A public authority"};
    }
}

Plan Reality::plan_once() {
    Plan next = plan(world, now, seed_++);
    if (on_plan) on_plan(world, next);
    commit(next.changes);
    if (issues) issue(next.issue);
    if (next.edge) {
        world.edge = *next.edge;
        published_ = *next.edge;
        note_shown(world);
    }
    for (const auto& step : next.acme) take(step);
    return next;
}

void Reality::pass(Milliseconds time) {
    now.wall = now.wall + time;
    now.mono = now.mono + time;
    now.steady = now.steady + time;
}

Behaviour Reality::behaviour(const Instance& instance) const {
    const auto found = behaviours.find(instance.release);
    return found == behaviours.end() ? Behaviour::well : found->second;
}

void Reality::end(Sandbox& box, int code) const {
    box.phase = InstancePhase::ended;
    box.exit = InstanceExit{.code = code, .at = now.wall};
}

void Reality::run(const Instance& instance, Sandbox& box) {
    const auto how = behaviour(instance);
    if (how == Behaviour::unstartable) {
        box.phase = InstancePhase::failed;
        return;
    }
    switch (box.phase) {
        case InstancePhase::absent:
        case InstancePhase::prepared:
        case InstancePhase::failed:
            box.phase = InstancePhase::running;
            box.started = now.wall;
            break;
        case InstancePhase::running:
            if (instance.kind != InstanceKind::service) {
                end(box, 0);
            } else if (how == Behaviour::crashing) {
                end(box, 1);
                box.phase = InstancePhase::backing_off;
            }
            break;
        case InstancePhase::backing_off:
            box.phase = InstancePhase::running;
            box.started = now.wall;
            ++box.restarts;
            break;
        default: break;
    }
}

void Reality::move(const Instance& instance, Sandbox& box) {
    const bool up = box.phase == InstancePhase::running || box.phase == InstancePhase::stopping;
    switch (instance.goal) {
        case InstanceGoal::prepare:
            if (box.phase == InstancePhase::absent) box.phase = InstancePhase::prepared;
            break;
        case InstanceGoal::run: run(instance, box); break;
        case InstanceGoal::drain:
            if (!up) box.phase = InstancePhase::ended;
            break;
        case InstanceGoal::stop:
            if (box.phase == InstancePhase::running) {
                box.phase = InstancePhase::stopping;
            } else if (behaviour(instance) != Behaviour::stubborn || !up) {
                if (up) end(box, 0);
                box.phase = InstancePhase::ended;
            }
            break;
        case InstanceGoal::kill:
            if (up) box.exit = InstanceExit{.signal = 9, .at = now.wall};
            box.phase = InstancePhase::ended;
            break;
        case InstanceGoal::remove:
            box.phase = InstancePhase::absent;
            // An instance whose number of letters is odd wrote something.
            world.nodes[world.self].trash_settled[instance.trash] =
                Bytes{instance.id.text.back() % 2 * 4096};
            break;
    }
}

void Reality::settle_bytes() {
    auto& node = world.nodes[world.self];
    node.volumes_settled.clear();
    for (const auto& [id, volume] : world.volumes) node.volumes_settled[id] = true;
    for (const auto& [id, item] : world.trash) {
        if (item.purging) node.trash_purged[id] = true;
        if (item.restoring) node.trash_restored[id] = true;
        if (!item.settled) node.trash_settled[id] = mib(3);
    }
}

void Reality::step(const std::function<bool(const InstanceId&)>& moves) {
    move_attempts();
    auto& node = world.nodes[world.self];
    for (const auto& [id, instance] : world.instances) {
        if (!moves(id)) continue;
        auto& box = sandboxes_[id];
        move(instance, box);
        InstanceSeen seen{.id = id, .phase = box.phase, .generation = instance.generation};
        seen.started = box.started;
        seen.restarts = box.restarts;
        seen.last_exit = box.exit;
        if (box.phase == InstancePhase::failed) seen.reason = "no such file: server";
        if (box.phase == InstancePhase::running || box.phase == InstancePhase::stopping) {
            seen.address =
                fmt::format("10.0.{}.{}", instance.address_slot / 256, instance.address_slot % 256);
            seen.pid = 100 + instance.address_slot;
        }
        node.instances[id] = std::move(seen);
    }
    std::erase_if(node.instances,
                  [&](const auto& e) { return !world.instances.contains(e.first); });
    std::erase_if(sandboxes_, [&](const auto& e) { return !world.instances.contains(e.first); });
    settle_bytes();
    step_edge();
}

void Reality::step() {
    step([](const InstanceId&) { return true; });
}

void Reality::step_edge() {
    auto& edge = world.edges[world.self];
    edge.connected = edge_connected;
    if (!edge_connected) return;
    if (edge_applies) applied_ = published_;
    edge.report.acked_version = applied_.version;
    edge.report.acked_epoch = applied_.epoch;
    edge.received = now.mono;
    edge.endpoints.clear();
    for (const auto& app : applied_.apps) {
        for (const auto& endpoint : app.endpoints) {
            const auto instance = world.instances.find(endpoint.instance);
            if (instance == world.instances.end()) continue;
            const auto& box = sandboxes_[endpoint.instance];
            EndpointReport report{.instance = endpoint.instance};
            const bool answers = box.phase == InstancePhase::running &&
                                 behaviour(instance->second) != Behaviour::silent &&
                                 behaviour(instance->second) != Behaviour::crashing;
            if (answers) report.health = EndpointHealth::healthy;
            if (!answers) {
                report.health_reason = fmt::format("connection refused on port {}", endpoint.port);
            }
            const auto requests = open.find(endpoint.instance);
            if (requests != open.end()) report.requests_open = requests->second;
            edge.endpoints[endpoint.instance] = report;
        }
    }
}

int Reality::settle(int rounds_max) {
    for (int round = 0; round < rounds_max; ++round) {
        const auto next = plan_once();
        const auto before = world.nodes;
        const auto edge_before = world.edges;
        step();
        const auto same = [&] {
            const auto& a = before.at(world.self);
            const auto& b = world.nodes.at(world.self);
            const auto& c = edge_before.at(world.self);
            const auto& d = world.edges.at(world.self);
            return a.instances == b.instances && a.trash_settled == b.trash_settled &&
                   a.trash_purged == b.trash_purged && a.trash_restored == b.trash_restored &&
                   a.volumes_settled == b.volumes_settled && c.endpoints == d.endpoints &&
                   c.report == d.report;
        };
        const bool talks = acme_moves && (!world.attempts.empty() || world.registering);
        const bool idle = next.changes.empty() && !next.edge && next.acme.empty() && !talks &&
                          (next.issue.empty() || !issues) && same();
        if (!idle) {
            pass(Milliseconds{100});
            continue;
        }
        // Far-off times (trash, cron) are not waited for here.
        if (!next.wake || *next.wake > now.mono + minutes(2)) return round;
        pass(Milliseconds{std::max<std::int64_t>(1, (*next.wake - now.mono).count)});
    }
    return -1;
}

AppConfig web_config(std::int64_t instances) {
    AppConfig config;
    ProcessSpec web;
    web.kind = ProcessKind::web;
    web.command = {"/app/server"};
    web.port = 8080;
    web.instances = instances;
    config.processes["web"] = web;
    return config;
}

DeployCommand deploy_of(const std::string& app, AppConfig config) {
    DeployCommand command;
    command.app = AppId(app);
    command.image.platform = "host";
    command.image.source = "folder " + app;
    command.config = std::move(config);
    command.description = "deploy of " + app;
    return command;
}

}  // namespace moln::plan
