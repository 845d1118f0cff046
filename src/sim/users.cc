#include "sim/users.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace moln::sim {
namespace {

constexpr std::int64_t k_app_kinds = 5;
constexpr std::int64_t k_kind_with_site = 4;
// Few: another deploy has the same files again, and they are still used or in the trash.
constexpr std::int64_t k_sites = 5;

ProcessSpec process(ProcessKind kind, std::int64_t instances) {
    ProcessSpec spec;
    spec.kind = kind;
    spec.instances = instances;
    spec.command = {kind == ProcessKind::cron ? "job" : "serve"};
    if (kind == ProcessKind::web) spec.port = 8080;
    if (kind == ProcessKind::cron) spec.schedule = "*/20 * * * *";
    return spec;
}

VolumeSpec volume(std::string name, Lifetime lifetime, Sharing sharing) {
    VolumeSpec spec;
    spec.name = std::move(name);
    spec.path = "/" + spec.name;
    spec.lifetime = lifetime;
    spec.sharing = sharing;
    return spec;
}

// One of each kind of app that a switch must treat in its own way.
AppConfig config_of(std::int64_t kind) {
    AppConfig config;
    config.health.start_grace = seconds(30);
    config.processes["web"] = process(ProcessKind::web, 2);
    switch (kind) {
        case 1:  // a single writer: requests are held for a minute at most while it drains
            config.processes["web"].instances = 1;
            config.drain.limit = seconds(20);
            config.volumes.push_back(volume("data", Lifetime::app, Sharing::exclusive));
            break;
        case 2:  // with a worker that has scratch space of its own
            config.processes["work"] = process(ProcessKind::worker, 2);
            config.volumes.push_back(volume("scratch", Lifetime::instance, Sharing::exclusive));
            config.volumes.back().processes = {"work"};
            break;
        case 3:  // does not wait for ever
            config.processes["web"].instances = 3;
            config.drain.limit = seconds(20);
            break;
        case 4:  // a worker and a cron process over shared, lasting data, and a site of files
            config.processes.erase("web");
            config.site = SiteSpec{.folder = "public"};
            config.processes["work"] = process(ProcessKind::worker, 1);
            config.processes["tidy"] = process(ProcessKind::cron, 1);
            config.volumes.push_back(volume("store", Lifetime::independent, Sharing::shared));
            break;
        default: break;
    }
    return config;
}

AppId app_id(std::int64_t kind) {
    return AppId(fmt::format("default/app{}", kind));
}

}  // namespace

void Users::daemon_started(Control* control) {
    control_ = control;
    for (const auto& [key, waiting] : waiting_) send(key, waiting);
}

std::string Users::digest() {
    const bool bad = host_.faults.happens(&FaultRates::bad_release);
    const auto drawn = random_.below(4);
    constexpr Temper k_bad[] = {Temper::deaf, Temper::exiting, Temper::frail, Temper::stubborn};
    const auto temper = bad ? k_bad[drawn] : (drawn == 0 ? Temper::slow : Temper::good);
    return fmt::format("{}:{}", enum_word(temper), deploys_);
}

DeployCommand Users::deploy(std::int64_t kind) {
    DeployCommand command;
    command.app = app_id(kind);
    command.description = fmt::format("deploy #{}", ++deploys_);
    command.image.kind = ImageKind::oci;
    command.image.digest = digest();
    command.image.layers = {fmt::format("base-{}", kind), fmt::format("layer-{}", deploys_)};
    command.image.source = "simulated";
    if (kind == k_kind_with_site) {
        command.image.layers.push_back(fmt::format("site-{:032x}", deploys_ % k_sites));
    }
    command.config = config_of(kind);
    if (random_.chance(0.2)) command.canary = CanarySpec{.share = random_.between(0, 100)};
    host_.image_layers.insert(command.image.layers.begin(), command.image.layers.end());
    return command;
}

Command Users::about_trash(const AppId& app) {
    const auto& trash = control_->world().trash;
    if (trash.empty()) return RestartCommand{app};
    const auto index = random_.below(static_cast<std::int64_t>(trash.size()));
    const auto item = std::next(trash.begin(), index);
    if (random_.chance(0.2)) return PurgeCommand{item->first};
    return RecoverCommand{item->first};
}

Command Users::about_instances(const AppId& app) {
    const auto& instances = control_->world().instances;
    if (instances.empty() || random_.chance(0.5)) return RunCommand{app, {"job"}, false};
    const auto index = random_.below(static_cast<std::int64_t>(instances.size()));
    return StopInstanceCommand{std::next(instances.begin(), index)->first, random_.chance(0.3)};
}

Command Users::invent() {
    const auto kind = random_.below(k_app_kinds);
    const auto app = app_id(kind);
    const auto what = random_.below(100);
    const auto& world = control_->world();
    if (!world.apps.contains(app) || what < 35) return deploy(kind);
    if (what < 45) {
        return ScaleCommand{app, {{kind == 4 ? "work" : "web", random_.between(0, 4)}}};
    }
    if (what < 53) {
        const bool canary = world.apps.at(app).canary.has_value();
        if (canary && random_.chance(0.7)) return PromoteCommand{app};
        return RollbackCommand{app, 0};
    }
    if (what < 60) return RestartCommand{app};
    if (what < 64) return StopCommand{app};
    if (what < 72) return StartCommand{app};
    if (what < 75) return RemoveAppCommand{app};
    if (what < 80) {
        return SetEnvCommand{app, {{"COLOR", std::to_string(random_.below(1'000'000))}}, {}};
    }
    if (what < 88) return about_instances(app);
    if (what < 92 && !world.volumes.empty()) {
        const auto index = random_.below(static_cast<std::int64_t>(world.volumes.size()));
        return RemoveVolumeCommand{std::next(world.volumes.begin(), index)->first};
    }
    return about_trash(app);
}

// Public hosts come and go, and somebody agrees to an authority's terms.
Command Users::about_hosts() {
    const auto& world = control_->world();
    if (!world.acme || random_.chance(0.1)) {
        return SetAcmeCommand{.email = fmt::format("ops{}@example.org", random_.below(2)),
                              .agree_tos = true,
                              .sealed_key = "sealed"};
    }
    if (random_.chance(0.05)) return StopAcmeCommand{};
    constexpr std::int64_t k_hosts = 5;
    const AppId app = app_id(0);
    const RouteSpec route{.host = fmt::format("h{}.example.org", random_.below(k_hosts))};
    const auto found = world.apps.find(app);
    const bool is_there = found != world.apps.end() &&
                          std::ranges::any_of(found->second.routes, [&](const auto& one) {
                              return one.host == route.host;
                          });
    if (is_there) return RemoveRouteCommand{app, route.host, route.path};
    return AddRouteCommand{app, route};
}

void Users::act_on_hosts() {
    if (control_ == nullptr || !control_->world().leading) return;
    auto command = about_hosts();
    const auto name = fmt::format("command {} (kind {})", ++commands_, command.index());
    ask(std::move(command), name);
}

void Users::act() {
    if (control_ == nullptr || !control_->world().leading) return;
    auto command = invent();
    const auto name = fmt::format("command {} (kind {})", ++commands_, command.index());
    ask(std::move(command), name);
}

void Users::ask(Command command, std::string name) {
    const auto key = fmt::format("key-{}", commands_);
    const auto [found, fresh] = waiting_.emplace(key, Waiting{std::move(command), std::move(name)});
    send(key, found->second);
}

void Users::send(const std::string& key, const Waiting& waiting) {
    host_.story.tell("asked: " + waiting.name);
    host_.checkers.asked(waiting.command);
    control_->execute(
        waiting.command, Expected{}, key, [this, key](const Result<CommandReply>& reply) {
            const auto found = waiting_.find(key);
            if (found == waiting_.end()) return;
            if (reply) {
                ++acknowledged_;
                host_.story.tell("acknowledged: " + found->second.name + ": " + reply->text);
                host_.checkers.acknowledged(found->second.command, *reply);
            } else {
                ++refused_;
                host_.story.tell("refused: " + found->second.name + ": " + reply.error().reason);
            }
            waiting_.erase(found);
        });
}

}  // namespace moln::sim
