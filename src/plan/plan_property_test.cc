// Random histories: commands, failures, slow nodes, an edge that comes and goes. At every plan all
// invariants hold; left alone, every history comes to rest with an empty plan.
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "plan/invariants.h"
#include "plan/reality.h"

namespace moln::plan {
namespace {

// Evenly, whatever size RapidCheck is at: short histories are found by shrinking.
template <typename T = int>
T pick(T low, T high) {
    return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(low, high));
}

void commit(World& world, Changes changes) {
    number_events(changes, world.event_number);
    for (const auto& change : changes) apply(world, change);
}

std::string to_text(const Plan& plan) {
    std::string text;
    for (const auto& change : plan.changes) {
        text += store_key(change) + " " + store_value(change).value_or("-") + "\n";
    }
    if (plan.edge) text += to_json_text(*plan.edge);
    return text;
}

// What a failing case leaves behind, to read.
std::string story(const World& world) {
    std::string text;
    for (const auto& [number, event] : world.events) text += event.text + "\n";
    for (const auto& [id, app] : world.apps) text += to_json_text(app) + "\n";
    for (const auto& [id, instance] : world.instances) text += to_json_text(instance) + "\n";
    for (const auto& [id, seen] : world.nodes.at(world.self).instances) {
        text += to_json_text(seen) + "\n";
    }
    return text;
}

void watch(Reality& r) {
    r.on_plan = [&r](const World& before, const Plan& next) {
        World after = before;
        commit(after, next.changes);
        if (next.edge) after.edge = *next.edge;
        const auto broken = broken_invariants(before, next, after);
        if (broken.empty()) return;
        RC_LOG() << story(before) << "the plan:\n" << to_text(next);
        RC_FAIL(broken.front());
    };
}

AppConfig any_config() {
    auto config = web_config(pick<std::int64_t>(0, 4));
    if (*rc::gen::arbitrary<bool>()) {
        config.processes["worker"].command = {"/app/work"};
        config.processes["worker"].instances = pick<std::int64_t>(0, 3);
    }
    if (*rc::gen::arbitrary<bool>()) {
        auto& cron = config.processes["nightly"];
        cron.kind = ProcessKind::cron;
        cron.command = {"/app/nightly"};
        cron.schedule = "*/5 * * * *";
    }
    const auto volumes = pick(0, 3);
    for (int i = 0; i < volumes; ++i) {
        VolumeSpec volume;
        volume.name = *rc::gen::element<std::string>("data", "cache");
        volume.path = "/" + volume.name;
        volume.lifetime =
            *rc::gen::element(Lifetime::app, Lifetime::independent, Lifetime::instance);
        volume.sharing = *rc::gen::element(Sharing::shared, Sharing::exclusive);
        if (volume.sharing == Sharing::exclusive) volume.processes = {"web"};
        const auto known = std::ranges::find(config.volumes, volume.name, &VolumeSpec::name);
        if (known == config.volumes.end()) config.volumes.push_back(volume);
    }
    if (pick(0, 4) == 0) config.drain.limit = seconds(20);
    return config;
}

// Few, so that their files come back from the trash.
std::string any_site() {
    return "site-" + std::string(32, *rc::gen::element('0', '1', '2'));
}

template <typename Map>
auto any_key(const Map& map) {
    const auto place = pick<std::size_t>(0, map.size());
    return std::next(map.begin(), static_cast<std::ptrdiff_t>(place))->first;
}

// For some hours or weeks, so that it may end while the history goes on.
Command any_certificate(const Reality& r) {
    Certificate one;
    one.id = CertificateId("cert-" + std::to_string(pick(0, 4)));
    using Hosts = std::vector<std::string>;
    one.hosts = *rc::gen::element(Hosts{"a.test"}, Hosts{"*.a.test"}, Hosts{"*.a.test", "a.test"},
                                  Hosts{"a.org", "a.test"});
    one.chain = "chain of " + std::to_string(r.now.wall.ms);
    one.sealed_key = "sealed";
    one.not_before = r.now.wall;
    one.not_after = r.now.wall + minutes(pick<std::int64_t>(1, 60 * 24 * 20));
    return AddCertificateCommand{one};
}

Command any_command(const Reality& r) {
    const AppId app(*rc::gen::element<std::string>("default/shop", "default/blog", "team/shop"));
    switch (pick(0, 24)) {
        case 0: return RollbackCommand{app, pick<std::int64_t>(0, 4)};
        case 1: return ScaleCommand{app, {{"web", pick<std::int64_t>(0, 5)}}};
        case 2:
            return SetEnvCommand{app, {{"COLOR", *rc::gen::element<std::string>("a", "b")}}, {}};
        case 3: return RestartCommand{app};
        case 4: return StopCommand{app};
        case 5: return StartCommand{app};
        case 6: return RemoveAppCommand{app};
        case 7: return RunCommand{app, {"/bin/true"}, false};
        case 8:
            if (r.world.instances.empty()) break;
            return StopInstanceCommand{any_key(r.world.instances), false};
        case 9:
            if (r.world.volumes.empty()) break;
            return RemoveVolumeCommand{any_key(r.world.volumes)};
        case 10:
            if (r.world.trash.empty()) break;
            return RecoverCommand{any_key(r.world.trash)};
        case 11:
            if (r.world.trash.empty()) break;
            return PurgeCommand{any_key(r.world.trash)};
        case 12: return any_certificate(r);
        case 13:
            if (r.world.certificates.empty()) break;
            return RemoveCertificateCommand{any_key(r.world.certificates)};
        case 14:
            return AddRouteCommand{
                app,
                {.host = *rc::gen::element<std::string>("a.test", "x.a.test", "*.a.test", "a.org"),
                 .https = *rc::gen::element(Https::automatic, Https::redirect, Https::both)}};
        case 15: {
            const auto listen = *rc::gen::element<std::string>("tcp:25", "tcp:5432", "udp:53");
            const bool udp = listen.starts_with("udp");
            return AddRouteCommand{
                app,
                {.host = udp ? "*" : *rc::gen::element<std::string>("*", "a.test", "*.a.test"),
                 .listen = listen,
                 .accept_proxy = !udp && *rc::gen::arbitrary<bool>()}};
        }
        case 16: return PromoteCommand{app};
        case 17:
            return SetMaintenanceCommand{app, *rc::gen::element(std::optional<MaintenanceSpec>(),
                                                                std::optional(MaintenanceSpec{}))};
        default: break;
    }
    auto deploy = deploy_of(app.text, any_config());
    if (pick(0, 4) == 0) {
        deploy.config.site = SiteSpec{.folder = "public"};
        deploy.image.layers = {"app-1", any_site()};
        if (*rc::gen::arbitrary<bool>()) {
            deploy.config.site->folder = ".";
            deploy.config.processes.clear();
            deploy.config.volumes.clear();
        }
    }
    if (pick(0, 3) == 0) deploy.canary = CanarySpec{.share = pick<std::int64_t>(0, 101)};
    return deploy;
}

void any_event(Reality& r) {
    switch (pick(0, 10)) {
        case 0:
            r.behaviours[pick<std::int64_t>(1, 8)] = *rc::gen::element(
                Behaviour::well, Behaviour::crashing, Behaviour::silent, Behaviour::unstartable);
            break;
        case 1: r.edge_connected = !r.edge_connected; break;
        case 2: r.edge_applies = !r.edge_applies; break;
        case 3:
            if (!r.world.instances.empty()) {
                r.open[any_key(r.world.instances)] = pick<std::int64_t>(0, 3);
            }
            break;
        case 4: r.pass(Milliseconds{pick<std::int64_t>(1, 100'000)}); break;
        default: (void)r.command(any_command(r)); break;
    }
}

void live(Reality& r, int steps) {
    for (int i = 0; i < steps; ++i) {
        if (pick(0, 3) == 0) any_event(r);
        r.plan_once();
        const auto lazy = *rc::gen::arbitrary<unsigned>();
        r.step([&](const InstanceId& id) {
            return (static_cast<unsigned>(id.text.back()) ^ lazy) % 3 != 0;
        });
        r.pass(Milliseconds{200});
    }
}

// A release that serves does well; only then can a history come to rest.
void make_peace(Reality& r) {
    r.edge_connected = r.edge_applies = true;
    r.open.clear();
    r.behaviours.clear();
}

TEST(PlanProperty, any_history_keeps_the_invariants_and_comes_to_rest) {
    EXPECT_TRUE(rc::check([] {
        Reality r;
        watch(r);
        (void)r.command(deploy_of("default/shop", any_config()));
        live(r, pick(1, 200));
        make_peace(r);
        const auto rounds = r.settle(600);
        RC_LOG() << story(r.world);
        RC_ASSERT(rounds >= 0);
        const auto last = plan(r.world, r.now, 7);
        RC_ASSERT(last.changes.empty());
        RC_ASSERT(!last.edge.has_value());
        for (const auto& [id, app] : r.world.apps) {
            if (app.run != AppRun::running || app.release == 0) continue;
            const auto state = app.rollout.state;
            RC_ASSERT(state == RolloutState::settled || state == RolloutState::failed ||
                      (state == RolloutState::canary && app.canary.has_value()));
            if (app.release_served == 0) continue;
            const auto& served = r.world.releases.at(id).at(app.release_served);
            const bool has_site = std::ranges::any_of(r.world.edge.apps, [&](const EdgeApp& one) {
                return one.app == id && one.site.has_value();
            });
            RC_ASSERT(has_site == served.config.site.has_value());
        }
    }));
}

TEST(PlanProperty, bad_releases_come_to_rest_too) {
    EXPECT_TRUE(rc::check([] {
        Reality r;
        watch(r);
        for (std::int64_t release = 2; release < 8; ++release) {
            r.behaviours[release] = *rc::gen::element(Behaviour::crashing, Behaviour::silent,
                                                      Behaviour::unstartable, Behaviour::well);
        }
        auto config = any_config();
        config.processes["web"].instances = 1;
        config.processes.erase("nightly");
        RC_PRE(r.command(deploy_of("default/shop", config)).has_value());
        RC_ASSERT(r.settle(600) >= 0);
        const auto deploys = pick(1, 5);
        for (int i = 0; i < deploys; ++i) {
            (void)r.command(deploy_of("default/shop", config));
            const auto steps = pick(0, 30);
            for (int step = 0; step < steps; ++step) {
                r.plan_once();
                r.step();
                r.pass(Milliseconds{500});
            }
        }
        RC_ASSERT(r.settle(600) >= 0);
        const auto& app = r.world.apps.at(AppId("default/shop"));
        const auto served = r.behaviours.find(app.release_served);
        RC_ASSERT(served == r.behaviours.end() || served->second == Behaviour::well);
    }));
}

TEST(PlanProperty, equal_worlds_give_equal_plans) {
    EXPECT_TRUE(rc::check([] {
        Reality r;
        live(r, pick(1, 60));
        const auto seed = *rc::gen::arbitrary<std::uint64_t>();
        const World copy = r.world;
        RC_ASSERT(to_text(plan(r.world, r.now, seed)) == to_text(plan(copy, r.now, seed)));
    }));
}

TEST(PlanProperty, a_world_read_back_from_the_store_plans_the_same) {
    EXPECT_TRUE(rc::check([] {
        Reality r;
        live(r, pick(1, 60));
        World back = r.world;
        const auto reread = [&](const Change& change) {
            const auto read = change_from_store(store_key(change), *store_value(change));
            RC_ASSERT(read.has_value());
            apply(back, *read);
        };
        for (const auto& [id, app] : r.world.apps) reread(PutApp{app});
        for (const auto& [id, instance] : r.world.instances) reread(PutInstance{instance});
        for (const auto& [id, volume] : r.world.volumes) reread(PutVolume{volume});
        for (const auto& [id, item] : r.world.trash) reread(PutTrash{item});
        for (const auto& [number, event] : r.world.events) reread(PutEvent{event});
        RC_ASSERT(back.apps == r.world.apps);
        RC_ASSERT(back.instances == r.world.instances);
        RC_ASSERT(back.volumes == r.world.volumes);
        RC_ASSERT(back.trash == r.world.trash);
        RC_ASSERT(to_text(plan(r.world, r.now, 5)) == to_text(plan(back, r.now, 5)));
    }));
}

}  // namespace
}  // namespace moln::plan
