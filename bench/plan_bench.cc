// How long one plan takes over a World of many instances: at rest, which is what the leader sees
// nearly always, and with one app being switched.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "plan/plan.h"
#include "plan/reality.h"

namespace moln::plan {
namespace {

constexpr std::int64_t k_instances_per_app = 10;
constexpr std::int64_t k_apps_per_project = 1'000;

// Apps of 10 web instances each, all settled and healthy.
Reality settled_world(std::int64_t instances) {
    Reality r;
    for (std::int64_t i = 0; i < instances / k_instances_per_app; ++i) {
        const auto app = fmt::format("p{}/app-{}", i / k_apps_per_project, i);
        if (!r.command(deploy_of(app, web_config(k_instances_per_app)))) std::abort();
    }
    if (r.settle(2'000) < 0) std::abort();
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
