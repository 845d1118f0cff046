// The difference between two snapshots of the edge, as a value: what a change of one endpoint among
// a hundred thousand routes costs to say, to save and to take in. Not how it travels.
//
// A delta fits one base, named by its stamp, and nothing else: one that does not fit is refused and
// changes nothing, and whoever sent it begins again with the difference to the empty snapshot. A
// long delta is said in several lines (delta_lines), of which only all together mean anything.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/edge.h"

namespace moln {

// Entries of a delta in all its lines: no snapshot has room for more.
inline constexpr std::size_t k_delta_entries_max = 4'000'000;

struct EdgeRouteKey {
    std::string host;
    std::string path;
    friend auto operator<=>(const EdgeRouteKey&, const EdgeRouteKey&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeRouteKey, (), (host, path))

struct EdgeAppKey {
    AppId app;
    std::string process;
    friend auto operator<=>(const EdgeAppKey&, const EdgeAppKey&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeAppKey, (), (app, process))

// Of an app that is otherwise as it was.
struct EdgeEndpointsDelta {
    AppId app;
    std::string process;
    std::vector<InstanceId> gone;   // sorted
    std::vector<EdgeEndpoint> put;  // new or changed; sorted by instance
    friend bool operator==(const EdgeEndpointsDelta&, const EdgeEndpointsDelta&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeEndpointsDelta, (), (app, process, gone, put))

// Lists are sorted as the snapshot's own. What is put is new or takes the place of what has its
// key. Lists that are always short are there as a whole when they differ.
struct EdgeDelta {
    std::int64_t base_epoch = 0;  // both 0: the empty snapshot
    std::int64_t base_version = 0;
    std::int64_t epoch = 0;
    std::int64_t version = 0;
    bool last = true;  // false: more of it comes in the next line
    std::vector<EdgeRouteKey> routes_gone;
    std::vector<EdgeRoute> routes;
    std::vector<EdgeAppKey> apps_gone;
    std::vector<EdgeApp> apps;
    std::vector<EdgeEndpointsDelta> endpoints;
    std::vector<CertificateId> certificates_gone;
    std::vector<EdgeCertificate> certificates;
    std::optional<std::vector<EdgeChallenge>> challenges = std::nullopt;
    std::optional<std::vector<EdgeStream>> streams = std::nullopt;
    std::optional<std::vector<EdgeTicketKey>> ticket_keys = std::nullopt;
    friend bool operator==(const EdgeDelta&, const EdgeDelta&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeDelta, (),
                      (base_epoch, base_version, epoch, version, last, routes_gone, routes,
                       apps_gone, apps, endpoints, certificates_gone, certificates, challenges,
                       streams, ticket_keys))

// Brings the lists into their order. Invalid, with its name: a route, an app, one of its instances
// or a certificate that is there twice.
Status sort_snapshot(EdgeSnapshot& snapshot);

// What makes `after` of `before`. Both are sorted.
EdgeDelta diff(const EdgeSnapshot& before, const EdgeSnapshot& after);

// Makes `snapshot`, which is sorted, what the delta says, and gives back what undoes it. `conflict`
// when the delta is of another base, `invalid` when it is none: then `snapshot` is as it was. A
// delta of few entries costs little, be the snapshot as long as it may.
Result<EdgeDelta> apply(EdgeSnapshot& snapshot, EdgeDelta delta);

// The lines that say it: {"delta": …}, each of at most `bytes_max`. `refused` when one entry alone
// is longer; the reason names it.
Result<std::vector<std::string>> delta_lines(const EdgeDelta& delta, std::size_t bytes_max);

// Puts what a next line said behind `all`. `invalid` when it is no part of the same, `refused` past
// k_delta_entries_max.
Status join(EdgeDelta& all, EdgeDelta next);

}  // namespace moln
