// How long one plan takes over a World of many instances: at rest, which is what the leader sees
// nearly always, and with one app being switched.
#include <cstdlib>
#include <map>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "plan/plan.h"
#include "plan/reality.h"

namespace moln::plan {
namespace {

constexpr std::int64_t k_instances_per_app = 10;
constexpr std::int64_t k_apps_per_project = 1'000;

// Instances of one app that run, are healthy and in the edge.
void add_app(World& world, const AppId& id, std::int64_t first) {
    App app;
    app.id = id;
    app.release = app.release_served = app.releases_made = 1;
    app.rollout.state = RolloutState::settled;
    app.uid_base = 1'000'000 + first * 65'536;
    world.apps[id] = app;
    Release release;
    release.app = id;
    release.number = 1;
    release.config = web_config(k_instances_per_app);
    world.releases[id][1] = release;
    for (auto i = first; i < first + k_instances_per_app; ++i) {
        Instance instance;
        // Not in the order of apps, as real names are not.
        instance.id = InstanceId(fmt::format("web-{:06x}", i * 7'919 % 16'777'216));
        instance.app = id;
        instance.release = 1;
        instance.process = "web";
        instance.node = world.self;
        instance.address_slot = static_cast<std::uint32_t>(2 + i % 60'000);
        instance.in_edge = true;
        InstanceSeen seen;
        seen.id = instance.id;
        seen.phase = InstancePhase::running;
        seen.generation = 1;
        seen.address = fmt::format("10.0.{}.{}", i / 250 % 250, i % 250);
        world.nodes[world.self].instances[instance.id] = seen;
        EndpointReport report{.instance = instance.id, .health = EndpointHealth::healthy};
        world.edges[world.self].endpoints[instance.id] = report;
        world.instances[instance.id] = instance;
    }
}

// Apps of 10 web instances each, all settled and healthy: the plan is empty.
Reality settled_world(std::int64_t instances) {
    Reality r;
    for (std::int64_t i = 0; i < instances; i += k_instances_per_app) {
        const auto app = i / k_instances_per_app;
        add_app(r.world, AppId(fmt::format("p{}/app-{}", app / k_apps_per_project, app)), i);
    }
    r.world.edge = edge_view(r.world, r.now);
    const auto rest = plan(r.world, r.now, 1);
    if (!rest.changes.empty() || rest.edge) std::abort();
    return r;
}

const Reality& world_of(std::int64_t instances) {
    static std::map<std::int64_t, Reality> worlds;
    const auto found = worlds.find(instances);
    if (found != worlds.end()) return found->second;
    return worlds.emplace(instances, settled_world(instances)).first->second;
}

void plan_at_rest(benchmark::State& state) {
    const auto& r = world_of(state.range(0));
    for (auto _ : state) {
        auto next = plan(r.world, r.now, 1);
        benchmark::DoNotOptimize(next);
    }
}

void plan_one_switch(benchmark::State& state) {
    Reality r = world_of(state.range(0));
    if (!r.command(deploy_of("p0/app-7", web_config(k_instances_per_app)))) std::abort();
    for (auto _ : state) {
        auto next = plan(r.world, r.now, 1);
        benchmark::DoNotOptimize(next);
    }
}

void decide_scale(benchmark::State& state) {
    const auto& r = world_of(state.range(0));
    const ScaleCommand command{AppId("p0/app-7"), {{"web", 20}}};
    for (auto _ : state) {
        auto outcome = decide(r.world, command, {}, r.now, 1);
        benchmark::DoNotOptimize(outcome);
    }
}

BENCHMARK(plan_at_rest)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);
BENCHMARK(plan_one_switch)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond);
BENCHMARK(decide_scale)->Arg(100'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace moln::plan

BENCHMARK_MAIN();
