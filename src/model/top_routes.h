// `moln top --routes`: what the processes of an edge counted for routes, and the rates that are
// made of two such looks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/units.h"
#include "model/edge_routes.h"

namespace moln {

// Of one process, since it began.
struct EdgeProcessRoutes {
    std::int64_t pid = 0;
    std::vector<EdgeRouteReport> routes;  // sorted; last all that are not told apart, if any
};

struct TopRouteView {
    AppId app;         // "" of the row of all routes that are not told apart, which names none
    std::string host;  // as the route says it
    std::string path;
    double requests_per_s = 0;
    double errors_per_s = 0;  // 5xx and broken answers
    // Upper bounds of the histogram's buckets, so estimates; null: no request in the interval.
    std::optional<std::int64_t> p50_us = std::nullopt;
    std::optional<std::int64_t> p90_us = std::nullopt;
    std::optional<std::int64_t> p99_us = std::nullopt;
    // Of the requests that the cache could have answered; null: none could.
    std::optional<double> cache_hit_percent = std::nullopt;
    double bytes_in_per_s = 0;   // of request bodies
    double bytes_out_per_s = 0;  // of response bodies
    friend bool operator==(const TopRouteView&, const TopRouteView&) = default;
};
BOOST_DESCRIBE_STRUCT(TopRouteView, (),
                      (app, host, path, requests_per_s, errors_per_s, p50_us, p90_us, p99_us,
                       cache_hit_percent, bytes_in_per_s, bytes_out_per_s))

// Rates are over `interval`, since the sample before. The busiest first; the row of all that are
// not told apart is last.
struct TopRoutesView {
    WallTime at;
    Milliseconds interval;
    std::vector<TopRouteView> routes;
    std::int64_t left_out = 0;  // routes past the limit that was asked for
    friend bool operator==(const TopRoutesView&, const TopRoutesView&) = default;
};
BOOST_DESCRIBE_STRUCT(TopRoutesView, (), (at, interval, routes, left_out))

}  // namespace moln
