#include "api/top.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "api/line_stream.h"

namespace moln::api {
namespace {

std::int64_t growth(std::int64_t before, std::int64_t after) {
    return after >= before ? after - before : after;
}

TopAppView app_row(const AppId& app, const std::string& process,
                   const TopSample::AppCounters& before, const TopSample::AppCounters& after,
                   Milliseconds interval) {
    TopAppView row;
    row.app = app;
    row.process = process;
    row.held = after.held;
    // Who begins to wait in one interval may end in the next: then there is a time without a count.
    const auto waited_us = growth(before.queue_us_total, after.queue_us_total);
    const auto waited = growth(before.held_total, after.held_total);
    if (waited_us > 0) row.queue_us = waited_us / std::max<std::int64_t>(waited, 1);
    row.requests_per_s = rate_per_s(growth(before.requests, after.requests), interval);
    row.errors_per_s = rate_per_s(growth(before.errors, after.errors), interval);
    auto counts = after.latency_counts;
    for (std::size_t i = 0; i < counts.size() && i < before.latency_counts.size(); ++i) {
        counts[i] = growth(before.latency_counts[i], counts[i]);
    }
    row.p50_us = quantile_us(counts, 0.5);
    row.p99_us = quantile_us(counts, 0.99);
    return row;
}

TopInstanceView instance_row(const World& world, const Instance& instance,
                             const TopSample::InstanceCounters& before,
                             const TopSample::InstanceCounters& after, Milliseconds interval) {
    const auto view = instance_view(world, instance);
    TopInstanceView row;
    row.id = instance.id;
    row.app = instance.app;
    row.process = instance.process;
    row.release = view.release;
    row.canary = view.canary;
    row.state = view.state;
    row.memory = view.memory;
    row.requests_open = view.requests_open;
    row.tunnels_open = view.tunnels_open;
    if (const auto* release = find_release(world, instance.app, instance.release)) {
        const auto process = release->config.processes.find(instance.process);
        if (process != release->config.processes.end()) row.memory_max = process->second.memory;
    }
    // Microseconds per second of one core is a ten-thousandth of a per cent.
    row.cpu_percent =
        std::round(rate_per_s(growth(before.cpu_used_us, after.cpu_used_us), interval) / 1000) / 10;
    row.requests_per_s = rate_per_s(growth(before.requests, after.requests), interval);
    row.errors_per_s = rate_per_s(growth(before.errors, after.errors), interval);
    return row;
}

class TopStream final : public LineStream {
public:
    explicit TopStream(const std::shared_ptr<Call>& call)
        : LineStream(call),
          filter_{call->project(), call->app_filter()},
          interval_{call->number("interval_ms", k_top_interval_ms_default)},
          left_(call->number("count", 0)) {}

    void start() {
        open();
        before_ = sample();
        wait();
    }

private:
    TopSample sample() const {
        return take_sample(context_->control.world(), filter_, context_->control.now().mono);
    }

    void wait() { context_->loop.after(interval_, later(this, &TopStream::tick)); }

    void tick() {
        if (done_) return;
        auto after = sample();
        // A reader that has fallen behind gets fewer samples, not older ones.
        if (lines_.has_room()) {
            const auto& control = context_->control;
            lines_.write(to_json(top_view(control.world(), before_, after, control.now().wall)));
            before_ = std::move(after);
            if (left_ > 0 && --left_ == 0) {
                lines_.end();
                return finish();
            }
        }
        wait();
    }

    AppFilter filter_;
    Milliseconds interval_;
    std::int64_t left_ = 0;  // 0: without end
    TopSample before_;
};

}  // namespace

double rate_per_s(std::int64_t count, Milliseconds interval) {
    if (interval.count <= 0) return 0;
    const auto per_s = static_cast<double>(count) * 1000.0 / static_cast<double>(interval.count);
    return std::round(per_s * 10) / 10;  // a tenth is all that a counter of a second carries
}

std::optional<std::int64_t> quantile_us(const std::vector<std::int64_t>& counts, double quantile) {
    const auto total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
    if (total == 0) return std::nullopt;
    const auto rank = static_cast<std::int64_t>(std::ceil(static_cast<double>(total) * quantile));
    std::int64_t below = 0;
    const auto bounds = std::size(k_latency_bounds_us);
    for (std::size_t i = 0; i < counts.size(); ++i) {
        below += counts[i];
        if (below >= rank) return k_latency_bounds_us[std::min(i, bounds - 1)];
    }
    return k_latency_bounds_us[bounds - 1];
}

TopSample take_sample(const World& world, const AppFilter& filter, MonoTime now) {
    TopSample sample;
    sample.at = now;
    for (const auto& [id, instance] : world.instances) {
        if (!filter.takes(instance.app)) continue;
        auto& counters = sample.instances[id];
        if (const auto* seen = find_seen(world, instance)) counters.cpu_used_us = seen->cpu_used_us;
        if (const auto* endpoint = find_endpoint(world, id)) {
            counters.requests = endpoint->requests_total;
            counters.errors = endpoint->errors_total;
        }
    }
    for (const auto& [node, edge] : world.edges) {
        for (const auto& report : edge.report.apps) {
            if (!filter.takes(report.app)) continue;
            auto& counters = sample.apps[{report.app, report.process}];
            counters.requests += report.requests_total;
            counters.errors += report.errors_total;
            counters.held += report.held;
            counters.held_total += report.held_total;
            counters.queue_us_total += report.queue_us_total;
            counters.latency_counts.resize(
                std::max(counters.latency_counts.size(), report.latency_counts.size()));
            for (std::size_t i = 0; i < report.latency_counts.size(); ++i) {
                counters.latency_counts[i] += report.latency_counts[i];
            }
        }
    }
    return sample;
}

TopView top_view(const World& world, const TopSample& before, const TopSample& after,
                 WallTime now) {
    TopView view;
    view.at = now;
    view.interval = after.at - before.at;
    for (const auto& [key, counters] : after.apps) {
        const auto old = before.apps.find(key);
        view.apps.push_back(app_row(key.first, key.second,
                                    old == before.apps.end() ? counters : old->second, counters,
                                    view.interval));
    }
    for (const auto& [id, counters] : after.instances) {
        const auto instance = world.instances.find(id);
        if (instance == world.instances.end()) continue;
        const auto old = before.instances.find(id);
        view.instances.push_back(instance_row(
            world, instance->second, old == before.instances.end() ? counters : old->second,
            counters, view.interval));
    }
    return view;
}

void top(std::shared_ptr<Call> call) {
    std::make_shared<TopStream>(call)->start();
}

}  // namespace moln::api
