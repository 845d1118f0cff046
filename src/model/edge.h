// What the daemon tells the edge and what the edge tells back: the whole contract between the
// control plane and the data plane of a node, as values. Not how it travels: see ports/edge_link.h.
//
// The daemon sends an EdgeSnapshot; the edge swaps it in on every core, keeps it on disk and then
// sends EdgeReports whose acked_version is that snapshot's. From then on no *new* request goes to
// an endpoint that the snapshot says is draining or does not name. Requests begun before live on.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/units.h"
#include "model/app_config.h"
#include "model/codec.h"

namespace moln {

enum class EndpointState {
    warming,   // probed, gets no request
    active,    // gets requests while healthy
    draining,  // gets no new request, finishes what was begun
};
BOOST_DESCRIBE_ENUM(EndpointState, warming, active, draining)

struct EdgeEndpoint {
    InstanceId instance;
    std::string address;     // IPv4 literal; where the instance listens
    std::uint16_t port = 0;  // TCP
    EndpointState state = EndpointState::warming;
    std::int64_t release = 0;
    // How to probe it when its release says otherwise than EdgeApp::health: during a switch the old
    // is judged by the old release's words and the new by its own.
    std::optional<HealthSpec> health = std::nullopt;
    WebProtocol protocol = WebProtocol::http;
    friend bool operator==(const EdgeEndpoint&, const EdgeEndpoint&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeEndpoint, (), (instance, address, port, state, release, health, protocol))

// What the edge serves for an app by itself. Its files never change below that name.
struct EdgeSite {
    std::string name;  // of a folder among the node's sites
    std::int64_t release = 0;
    SiteSpec spec;
    friend bool operator==(const EdgeSite&, const EdgeSite&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeSite, (), (name, release, spec))

// One app's `web`-like process behind the edge.
struct EdgeApp {
    AppId app;
    std::string process;
    HealthSpec health;
    std::vector<EdgeEndpoint> endpoints;  // sorted by instance
    // With no endpoint active and healthy, requests wait here instead of failing.
    std::int64_t hold_requests_max = 256;
    Milliseconds hold_limit = seconds(60);
    // True while Moln itself has taken the endpoints away (a switch of a single-writer app, a
    // restart) or is starting them: requests are held. False (crash-looping, stopped): 503 at once.
    bool hold = false;
    // Requests and tunnels that one endpoint has at once, over all of the edge's threads; the
    // others wait as held ones do. 0: no limit.
    std::int64_t concurrency = 0;
    BalanceSpec balance;
    bool affinity = false;
    Milliseconds slow_start{0};
    std::int64_t canary_release = 0;  // 0: none; endpoints of it get what `canary` says
    CanarySpec canary;
    std::optional<MaintenanceSpec> maintenance = std::nullopt;  // on
    Bytes replay = mib(5);  // of a request's body, kept for sending it again
    RetryMode retry = RetryMode::idempotent;
    // How long an endpoint may be silent that is to take a request or to begin its answer.
    Milliseconds answer_timeout = minutes(5);
    std::optional<EdgeSite> site = std::nullopt;  // of k_site_process: there are no endpoints
    friend bool operator==(const EdgeApp&, const EdgeApp&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeApp, (),
                      (app, process, health, endpoints, hold_requests_max, hold_limit, hold,
                       concurrency, balance, affinity, slow_start, canary_release, canary,
                       maintenance, replay, retry, answer_timeout, site))

struct EdgeRoute {
    std::string
        host;  // lower case, no port; "*" matches every host; "*.example.org" one or more labels
    std::string path = "/";  // prefix by whole segments; the longest wins
    AppId app;
    std::string process;
    bool redirect = false;  // what comes without TLS is answered with 308 to the same over TLS
    Milliseconds hsts{0};   // over TLS: Strict-Transport-Security for so long (RFC 6797); 0: none
    std::optional<CacheSpec> cache = std::nullopt;               // none: nothing is kept
    std::optional<RateSpec> rate = std::nullopt;                 // none: as many as come
    std::optional<AuthSpec> auth = std::nullopt;                 // none: anybody
    std::optional<ForwardAuthSpec> forward_auth = std::nullopt;  // of a process of `app`
    std::optional<ClientCertSpec> client_cert = std::nullopt;
    friend bool operator==(const EdgeRoute&, const EdgeRoute&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeRoute, (),
                      (host, path, app, process, redirect, hsts, cache, rate, auth, forward_auth,
                       client_cert))

// What is passed on without HTTP.
struct EdgeStream {
    std::string listen;      // "tcp:5432", "udp:53"
    std::string host = "*";  // of the ClientHello; "*": whatever no other host of this listen takes
    AppId app;
    std::string process;
    std::uint16_t port = 0;     // of the instances; 0: the endpoint's own
    bool accept_proxy = false;  // the same for all of one listen
    SendProxy send_proxy = SendProxy::none;
    Milliseconds idle{0};      // 0: no limit
    bool keep_source = false;  // the instance sees the client's own address
    friend bool operator==(const EdgeStream&, const EdgeStream&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeStream, (),
                      (listen, host, app, process, port, accept_proxy, send_proxy, idle,
                       keep_source))

// What the edge proves with that it speaks for these hosts. The key stays sealed on its way and on
// the edge's disk: with the node's key for the purpose "certificates", bound to seal_context(id).
struct EdgeCertificate {
    CertificateId id;
    std::vector<std::string> hosts;  // "shop.example.org", "*.example.org" (one label); lower case
    std::string chain;               // PEM, leaf first, without the root
    std::string sealed_key;          // PEM of the private key, sealed
    std::string staple;              // base64 of the OCSP response (RFC 6066, 8); "": none
    friend bool operator==(const EdgeCertificate&, const EdgeCertificate&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeCertificate, (), (id, hosts, chain, sealed_key, staple))

// What session tickets are made and opened with, the same at all edges. The first makes them.
struct EdgeTicketKey {
    std::string id;
    std::string sealed_key;  // as EdgeCertificate::sealed_key, bound to ticket_context(id)
    friend bool operator==(const EdgeTicketKey&, const EdgeTicketKey&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeTicketKey, (), (id, sealed_key))

inline std::string ticket_context(const std::string& id) {
    return "ticket/" + id;
}

inline std::string seal_context(const CertificateId& id) {
    return "certificate/" + id.text;
}

// By what a certificate authority (ACME, RFC 8555) sees that we speak for a host.
enum class ChallengeKind {
    http_01,      // asks for a text under a path, without TLS (RFC 8555, 8.3)
    tls_alpn_01,  // asks for a certificate of its own in a handshake (RFC 8737)
};
BOOST_DESCRIBE_ENUM(ChallengeKind, http_01, tls_alpn_01)

// What the edges answer an authority with while it looks. No secret but the throw-away key.
struct EdgeChallenge {
    std::string host;  // lower case, no wildcard
    ChallengeKind kind = ChallengeKind::http_01;
    std::string token;          // http_01: the last segment of the path
    std::string authorization;  // http_01: the answer to it
    // tls_alpn_01: shown to who offers the protocol acme-tls/1 and nothing else, to nobody besides.
    CertificateId id;        // what its key is sealed for
    std::string chain;       // PEM, self-signed
    std::string sealed_key;  // as EdgeCertificate::sealed_key
    friend bool operator==(const EdgeChallenge&, const EdgeChallenge&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeChallenge, (), (host, kind, token, authorization, id, chain, sealed_key))

// What the edge has stored of answers, and what it did with requests that met its cache. Counts are
// since the edge started.
struct EdgeCacheReport {
    std::int64_t objects = 0;
    Bytes size;
    Bytes size_max;
    std::int64_t hits_total = 0;
    std::int64_t stale_hits_total = 0;  // of them
    std::int64_t misses_total = 0;      // that led a fetch
    std::int64_t collapsed_total = 0;   // that waited for another's fetch
    std::int64_t passes_total = 0;      // that went to the app without being kept
    std::int64_t revalidations_total = 0;
    std::int64_t fetch_failures_total = 0;
    std::int64_t evictions_total = 0;
    std::int64_t purges_total = 0;
    std::int64_t disk_objects = 0;
    Bytes disk_size;
    Bytes disk_size_max;               // 0: there is no disk tier, or it is off
    std::int64_t disk_hits_total = 0;  // read from the disk and found good
    std::int64_t disk_writes_total = 0;
    std::int64_t disk_drops_total = 0;  // went with their segment, or could not be written
    std::int64_t disk_errors_total = 0;
    std::int64_t coded_total = 0;    // answers given compressed
    Bytes coded_saved;               // that they were smaller by
    std::int64_t codings_total = 0;  // made
    friend bool operator==(const EdgeCacheReport&, const EdgeCacheReport&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeCacheReport, (),
                      (objects, size, size_max, hits_total, stale_hits_total, misses_total,
                       collapsed_total, passes_total, revalidations_total, fetch_failures_total,
                       evictions_total, purges_total, disk_objects, disk_size, disk_size_max,
                       disk_hits_total, disk_writes_total, disk_drops_total, disk_errors_total,
                       coded_total, coded_saved, codings_total))

enum class CachePurgeScope {
    url,      // one URL, with its query
    path,     // a host, or a path and all below it
    tag,      // answers with that Cache-Tag, of the project
    app,      // of one app
    project,  // of all apps of the project
};
BOOST_DESCRIBE_ENUM(CachePurgeScope, url, path, tag, app, project)

// What is stored is not to be used any more. `name`: "shop.example.org/a?b", "shop.example.org/a",
// the tag, "project/app" or the project.
struct CachePurge {
    CachePurgeScope scope = CachePurgeScope::url;
    std::string project;  // of a tag
    std::string name;
    friend bool operator==(const CachePurge&, const CachePurge&) = default;
};
BOOST_DESCRIBE_STRUCT(CachePurge, (), (scope, project, name))

struct EdgeSnapshot {
    std::int64_t version =
        0;  // strictly rising; an edge never goes back to a lower one of the same epoch
    std::int64_t epoch = 0;         // leadership epoch of the sender; a higher epoch always wins
    std::vector<EdgeRoute> routes;  // sorted by (host, path)
    std::vector<EdgeApp> apps;      // sorted by (app, process)
    // Sorted by id. Of several for a host an exact name goes before a wildcard, then the later one.
    std::vector<EdgeCertificate> certificates;
    std::vector<EdgeChallenge> challenges;   // sorted by host, one a host
    std::vector<EdgeStream> streams;         // sorted by (listen, host)
    std::vector<EdgeTicketKey> ticket_keys;  // none: the edge makes its own
    friend bool operator==(const EdgeSnapshot&, const EdgeSnapshot&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeSnapshot, (),
                      (version, epoch, routes, apps, certificates, challenges, streams,
                       ticket_keys))

enum class EndpointHealth { unknown, healthy, unhealthy };
BOOST_DESCRIBE_ENUM(EndpointHealth, unknown, healthy, unhealthy)

struct EndpointReport {
    InstanceId instance;
    EndpointHealth health = EndpointHealth::unknown;
    std::string health_reason;       // of the last failed probe: "connection refused on port 3000"
    std::int64_t requests_open = 0;  // begun, not finished
    std::int64_t tunnels_open = 0;   // WebSocket and other upgraded connections
    Milliseconds oldest_open;        // age of the oldest of both, 0 if none
    std::int64_t requests_total = 0;
    std::int64_t errors_total = 0;  // 5xx and broken responses
    friend bool operator==(const EndpointReport&, const EndpointReport&) = default;
};
BOOST_DESCRIBE_STRUCT(EndpointReport, (),
                      (instance, health, health_reason, requests_open, tunnels_open, oldest_open,
                       requests_total, errors_total))

struct EdgeAppReport {
    AppId app;
    std::string process;
    std::int64_t held = 0;        // requests waiting for an endpoint
    std::int64_t held_total = 0;  // that ever waited, and for how long in all
    std::int64_t queue_us_total = 0;
    std::int64_t requests_total = 0;
    std::int64_t errors_total = 0;
    // Latency histogram since the edge started: counts of requests by upper bound in microseconds,
    // bounds are k_latency_bounds_us, the last count is everything above.
    std::vector<std::int64_t> latency_counts;
    friend bool operator==(const EdgeAppReport&, const EdgeAppReport&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeAppReport, (),
                      (app, process, held, held_total, queue_us_total, requests_total, errors_total,
                       latency_counts))

inline constexpr std::int64_t k_latency_bounds_us[] = {
    250,     500,     1'000,   2'500,     5'000,     10'000,    25'000,     50'000,
    100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 30'000'000};

// One `listen` of the snapshot's streams. The edge may not open sockets of its own: the daemon does
// when it reads here that one is not open, and hands it over or says what is in the way.
struct EdgeListenReport {
    std::string listen;
    std::vector<std::string> addresses;  // "127.0.0.1:5432", as bound; none: it is not open
    std::string problem;                 // why not; "" while nobody has tried
    friend bool operator==(const EdgeListenReport&, const EdgeListenReport&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeListenReport, (), (listen, addresses, problem))

// The daemon's answer, with one descriptor per address beside its line.
using EdgeListenOffer = EdgeListenReport;

// An edge that was replaced and has not ended yet.
struct EdgeProcessReport {
    std::int64_t pid = 0;
    std::int64_t requests_open = 0;
    std::int64_t tunnels_open = 0;
    Milliseconds oldest_open;
    friend bool operator==(const EdgeProcessReport&, const EdgeProcessReport&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeProcessReport, (), (pid, requests_open, tunnels_open, oldest_open))

// Sent after every applied snapshot, when a draining endpoint becomes idle or an endpoint's health
// changes (at once), and otherwise every second.
struct EdgeReport {
    std::int64_t acked_version = 0;
    std::int64_t acked_epoch = 0;
    std::int64_t pid = 0;
    bool leaving = false;  // another has taken its place: it ends when what it began is over
    std::vector<std::string> listens;      // "127.0.0.1:8080", as bound
    std::vector<std::string> tls_listens;  // the same, over TLS
    std::vector<EndpointReport> endpoints;
    std::vector<EdgeAppReport> apps;
    std::vector<EdgeListenReport> streams;
    EdgeCacheReport cache;
    // Not of an edge: the daemon's, when it has added up what several processes report.
    std::vector<EdgeProcessReport> leaving_processes;
    friend bool operator==(const EdgeReport&, const EdgeReport&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeReport, (),
                      (acked_version, acked_epoch, pid, leaving, listens, tls_listens, endpoints,
                       apps, streams, cache, leaving_processes))

}  // namespace moln
