// `moln top`: rates between two samples of what nodes and edges report.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/call.h"
#include "api/view.h"
#include "model/views.h"
#include "model/world.h"

namespace moln::api {

inline constexpr std::int64_t k_top_interval_ms_min = 200;
inline constexpr std::int64_t k_top_interval_ms_max = 60'000;
inline constexpr std::int64_t k_top_interval_ms_default = 2'000;
// More routes than an edge counts for themselves (edge/limits.h).
inline constexpr std::int64_t k_top_routes_max = 10'000;

// Counters at one moment.
struct TopSample {
    struct InstanceCounters {
        std::int64_t cpu_used_us = 0;
        std::int64_t requests = 0;
        std::int64_t errors = 0;
    };
    struct AppCounters {
        std::int64_t requests = 0;
        std::int64_t errors = 0;
        std::int64_t held = 0;
        std::int64_t held_total = 0;
        std::int64_t queue_us_total = 0;
        std::vector<std::int64_t> latency_counts;
    };
    MonoTime at;
    std::map<InstanceId, InstanceCounters> instances;
    std::map<std::pair<AppId, std::string>, AppCounters> apps;  // by app and process
};

TopSample take_sample(const World& world, const AppFilter& filter, MonoTime now);

// A counter that fell was begun anew by a restart: it counts from zero.
TopView top_view(const World& world, const TopSample& before, const TopSample& after, WallTime now);

// Upper bound of the bucket in which the quantile lies; none without requests. Above the last bound
// it is the last bound.
std::optional<std::int64_t> quantile_us(const std::vector<std::int64_t>& counts, double quantile);

// Of a count that grew by `count`, to a tenth.
double rate_per_s(std::int64_t count, Milliseconds interval);

void top(std::shared_ptr<Call> call);

}  // namespace moln::api
