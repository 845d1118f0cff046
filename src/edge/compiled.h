// An EdgeSnapshot made ready for the data plane: validated, routes compiled, everything a request
// needs reachable by index. Immutable, shared by all workers; what one snapshot has as the one
// before it had it, both share, so that a change costs what it changes (compiler.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "edge/challenge.h"
#include "edge/rate.h"
#include "http/routes.h"
#include "model/edge.h"
#include "model/listen.h"
#include "model/network.h"

namespace moln::edge {

// Who is asked first whether a request may come in.
struct ForwardAuth {
    std::optional<std::uint32_t> app;  // place in apps; none: it is not there, and nobody comes in
    std::string path;
    std::vector<std::string> copy;       // fields of its answer
    std::vector<std::string> not_asked;  // fields of the client that it does not get to see
};

// A client shows a certificate of some authorities.
struct ClientCertRule {
    std::uint32_t authorities = 0;  // index of CompiledRoutes::authorities
    ClientCertNeed need = ClientCertNeed::required;
};

// What a route says beside its host and path.
struct RouteTarget {
    std::uint32_t app = 0;  // place in apps
    bool redirect = false;
    std::uint32_t hsts_s = 0;
    std::optional<CacheSpec> cache = std::nullopt;
    std::uint64_t scope = 0;  // of its rate limits: the same from snapshot to snapshot
    std::optional<RateRule> client_rate = std::nullopt;
    std::optional<RateRule> route_rate = std::nullopt;
    std::optional<AuthSpec> auth = std::nullopt;
    std::optional<ForwardAuth> forward_auth = std::nullopt;
    std::optional<ClientCertRule> client_cert = std::nullopt;
    std::uint16_t path_bytes = 0;  // of its path, by which the path of each of its requests begins
};

// Where a stream leads.
struct StreamTarget {
    std::uint32_t app = 0;   // place in apps
    std::uint16_t port = 0;  // of the instances; 0: the endpoint's own
    SendProxy send_proxy = SendProxy::none;
    Milliseconds idle{0};      // 0: no limit
    bool keep_source = false;  // the edge cannot: it is the kernel's alone
};

struct StreamListen {
    Listen listen;
    bool accept_proxy = false;
    bool by_name = false;  // some target has a name: the ClientHello is read first
    std::vector<StreamTarget> targets;
    http::RouteTable names;  // payload: index of targets

    // Null: nobody answers to that name. "" is of a client that asks for none.
    const StreamTarget* find(std::string_view name) const;
};

struct CompiledApp {
    EdgeApp spec;
    std::string probe_host;          // a host it answers for, "" if any will do
    std::vector<IpNetwork> allowed;  // who passes its maintenance
};

struct CompiledRoutes {
    std::vector<RouteTarget> targets;
    http::RouteTable table;                // payload: index of targets
    std::vector<std::string> authorities;  // PEM, each once, of clients' certificates
    // (host of a route, index of authorities): who is asked for a certificate, and for whose.
    std::vector<std::pair<std::string, std::uint32_t>> asking;
};

// No pointer is null but those of places that no app has.
struct CompiledSnapshot {
    std::int64_t version = 0;
    std::int64_t epoch = 0;
    // An app keeps its place as long as it is there; null: a free place.
    std::vector<std::shared_ptr<const CompiledApp>> apps;
    std::shared_ptr<const CompiledRoutes> routes = std::make_shared<const CompiledRoutes>();
    std::shared_ptr<const ChallengeAnswers> challenges = std::make_shared<const ChallengeAnswers>();
    std::shared_ptr<const std::vector<StreamListen>> streams =
        std::make_shared<const std::vector<StreamListen>>();  // sorted by listen

    // Null: the snapshot has no such stream.
    const StreamListen* find(const Listen& listen) const;
};

// As Compiler::take of the first snapshot: the apps stand in their order.
Result<CompiledSnapshot> compile(EdgeSnapshot snapshot);

struct SnapshotStamp {
    std::int64_t epoch = 0;
    std::int64_t version = 0;
    friend bool operator==(const SnapshotStamp&, const SnapshotStamp&) = default;
};

enum class StampOrder : std::uint8_t {
    newer,  // take it
    same,   // already here: acknowledge again
    older,  // from a deposed leader or late: keep what is here
};
// A higher epoch always wins; within one, a higher version.
StampOrder compare(SnapshotStamp current, SnapshotStamp offered);

}  // namespace moln::edge
