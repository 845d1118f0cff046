#include "api/top_routes.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

#include "api/line_stream.h"
#include "api/top.h"

namespace moln::api {
namespace {

using Place = std::pair<std::string, std::string>;  // host and path
using Answer = Result<std::vector<EdgeProcessRoutes>>;

constexpr std::int64_t EdgeRouteReport::* k_totals[] = {
    &EdgeRouteReport::requests_total,     &EdgeRouteReport::errors_total,
    &EdgeRouteReport::cache_hits_total,   &EdgeRouteReport::cache_misses_total,
    &EdgeRouteReport::cache_passes_total, &EdgeRouteReport::bytes_in_total,
    &EdgeRouteReport::bytes_out_total,
};

Place place_of(const EdgeRouteReport& report) {
    return {report.host, report.path};
}

void add_growth(EdgeRouteReport& sum, const EdgeRouteReport& after, const EdgeRouteReport* before) {
    static const EdgeRouteReport k_nothing;
    const bool anew = before == nullptr || after.requests_total < before->requests_total;
    const auto& from = anew ? k_nothing : *before;
    // Counts are read while requests are being counted: one may be a moment ahead of another.
    const auto growth = [](std::int64_t now, std::int64_t then) {
        return std::max<std::int64_t>(now - then, 0);
    };
    for (const auto total : k_totals) sum.*total += growth(after.*total, from.*total);
    sum.latency_counts.resize(std::max(sum.latency_counts.size(), after.latency_counts.size()));
    for (std::size_t i = 0; i < after.latency_counts.size(); ++i) {
        const auto then = i < from.latency_counts.size() ? from.latency_counts[i] : 0;
        sum.latency_counts[i] += growth(after.latency_counts[i], then);
    }
}

using Grown = std::map<Place, EdgeRouteReport>;

Grown growth_of(const RouteSample& before, const RouteSample& after) {
    Grown grown;
    for (const auto& [pid, reports] : after) {
        std::map<Place, const EdgeRouteReport*> then;
        if (const auto known = before.find(pid); known != before.end()) {
            for (const auto& one : known->second) then.emplace(place_of(one), &one);
        }
        for (const auto& one : reports) {
            const auto known = then.find(place_of(one));
            add_growth(grown[place_of(one)], one, known == then.end() ? nullptr : known->second);
        }
    }
    return grown;
}

const EdgeRoute* find_route(const std::vector<EdgeRoute>& routes, const Place& place) {
    const auto of = [](const EdgeRoute& route) { return std::tie(route.host, route.path); };
    const auto found =
        std::ranges::lower_bound(routes, std::tie(place.first, place.second), {}, of);
    const bool is_it = found != routes.end() && of(*found) == std::tie(place.first, place.second);
    return is_it ? &*found : nullptr;
}

TopRouteView row_of(const EdgeRouteReport& grown, Milliseconds interval) {
    TopRouteView row;
    row.requests_per_s = rate_per_s(grown.requests_total, interval);
    row.errors_per_s = rate_per_s(grown.errors_total, interval);
    row.bytes_in_per_s = rate_per_s(grown.bytes_in_total, interval);
    row.bytes_out_per_s = rate_per_s(grown.bytes_out_total, interval);
    row.p50_us = quantile_us(grown.latency_counts, 0.5);
    row.p90_us = quantile_us(grown.latency_counts, 0.9);
    row.p99_us = quantile_us(grown.latency_counts, 0.99);
    const auto hits = static_cast<double>(grown.cache_hits_total);
    const auto asked = hits + static_cast<double>(grown.cache_misses_total);
    if (asked > 0) row.cache_hit_percent = std::round(1000 * hits / asked) / 10;
    return row;
}

class TopRoutesStream final : public LineStream {
public:
    TopRoutesStream(const std::shared_ptr<Call>& call, std::vector<EdgeProcessRoutes> first)
        : LineStream(call), left_(call->number("count", 0)) {
        wish_.filter = {call->project(), call->app_filter()};
        wish_.limit = static_cast<std::size_t>(call->number("limit", k_top_routes_max));
        interval_ = {call->number("interval_ms", k_top_interval_ms_default)};
        keep(std::move(first));
    }

    void start() {
        open();
        wait();
    }

private:
    void wait() { context_->loop.after(interval_, later(this, &TopRoutesStream::ask)); }

    void ask() {
        if (!done_) context_->control.edge_routes(later(this, &TopRoutesStream::take));
    }

    // One that could not be asked this time keeps what it said: the next time tells the rest.
    void keep(std::vector<EdgeProcessRoutes> all) {
        const auto processes = context_->control.edge_processes();
        std::erase_if(before_, [&](const auto& one) {
            return std::ranges::find(processes, one.first, &EdgeProcessView::pid) ==
                   processes.end();
        });
        for (auto& one : all) before_[one.pid] = std::move(one.routes);
        sampled_ = context_->control.now().mono;
    }

    void take(Answer answer) {
        if (done_) return;
        // While no edge can be asked there are no rates; a slow reader gets fewer.
        if (answer && lines_.has_room()) {
            const auto& control = context_->control;
            RouteSample after;
            for (const auto& one : *answer) after[one.pid] = one.routes;
            const auto now = control.now();
            wish_.interval = now.mono - sampled_;
            auto view = top_routes_view(control.world().edge.routes, before_, after, wish_);
            view.at = now.wall;
            lines_.write(to_json(view));
            if (left_ > 0 && --left_ == 0) {
                lines_.end();
                return finish();
            }
            keep(std::move(*answer));
        }
        wait();
    }

    TopRoutesWish wish_;
    Milliseconds interval_;
    std::int64_t left_ = 0;  // 0: without end
    RouteSample before_;
    MonoTime sampled_;
};

}  // namespace

TopRoutesView top_routes_view(const std::vector<EdgeRoute>& routes, const RouteSample& before,
                              const RouteSample& after, const TopRoutesWish& wish) {
    TopRoutesView view{.at = {}, .interval = wish.interval, .routes = {}};
    std::optional<TopRouteView> others;
    for (const auto& [place, grown] : growth_of(before, after)) {
        if (place.first.empty()) {
            if (wish.filter.app.empty()) others = row_of(grown, wish.interval);
            continue;
        }
        const auto* route = find_route(routes, place);
        if (route == nullptr || !wish.filter.takes(route->app)) continue;
        auto& row = view.routes.emplace_back(row_of(grown, wish.interval));
        row.app = route->app;
        std::tie(row.host, row.path) = place;
    }
    // Of equal ones the order of names stays.
    std::ranges::stable_sort(view.routes, std::greater{}, &TopRouteView::requests_per_s);
    if (view.routes.size() > wish.limit) {
        view.left_out = static_cast<std::int64_t>(view.routes.size() - wish.limit);
        view.routes.resize(wish.limit);
    }
    if (others) view.routes.push_back(std::move(*others));
    return view;
}

void top_routes(std::shared_ptr<Call> call) {
    call->control().edge_routes([call](Answer first) {
        if (!first) return call->fail(first.error());
        std::make_shared<TopRoutesStream>(call, std::move(*first))->start();
    });
}

}  // namespace moln::api
