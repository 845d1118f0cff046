// What the API answers and the CLI shows: one set of shapes for both, and for `--json`. Fields are
// added, never renamed or given another meaning. Times are milliseconds since 1970 UTC, durations
// milliseconds, sizes bytes. Words for people are fields beside the facts that they are made of.
// Made from the World by api/view.h; nothing here is stored.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/command.h"
#include "model/edge.h"
#include "model/observed.h"
#include "model/resources.h"

namespace moln {

// A list as a reply, an object so that it can grow.
template <typename T>
struct Items {
    std::vector<T> items;
    friend bool operator==(const Items&, const Items&) = default;
    BOOST_DESCRIBE_CLASS(Items, (), (items), (), ())
};

struct CountsView {
    std::int64_t apps = 0;
    std::int64_t instances_wanted = 0;  // without those of canaries
    std::int64_t instances_ready = 0;   // of these: running and, behind the edge, healthy
    std::int64_t instances_canary = 0;  // ready ones of canaries
    std::int64_t instances_draining = 0;
    std::int64_t volumes = 0;
    std::int64_t trash_items = 0;
    Bytes trash_size;
    friend bool operator==(const CountsView&, const CountsView&) = default;
};
BOOST_DESCRIBE_STRUCT(CountsView, (),
                      (apps, instances_wanted, instances_ready, instances_canary,
                       instances_draining, volumes, trash_items, trash_size))

struct EdgeView {
    bool connected = false;
    std::vector<std::string> listens;
    std::vector<std::string> tls_listens;
    std::int64_t pid = 0;
    std::int64_t version_acked = 0;
    std::vector<EdgeProcessReport> leaving;  // replaced, and not done with what they began
    friend bool operator==(const EdgeView&, const EdgeView&) = default;
};
BOOST_DESCRIBE_STRUCT(EdgeView, (), (connected, listens, tls_listens, pid, version_acked, leaving))

struct StatusView {
    std::string node;
    std::string version;
    Milliseconds uptime;  // of the daemon; instances and edge live on through its restarts
    Bytes memory;
    std::int64_t cpu_millis = 0;
    Bytes disk_free;
    EdgeView edge;
    CountsView counts;
    std::vector<std::string> warnings;  // what needs a person, each one sentence
    friend bool operator==(const StatusView&, const StatusView&) = default;
};
BOOST_DESCRIBE_STRUCT(StatusView, (),
                      (node, version, uptime, memory, cpu_millis, disk_free, edge, counts,
                       warnings))

struct ProcessView {
    std::string name;
    ProcessKind kind = ProcessKind::worker;
    std::vector<std::string> command;
    std::string schedule;
    std::int64_t wanted = 0;  // of the release that serves; of the first: of that
    std::int64_t ready = 0;
    std::int64_t canary_wanted = 0;  // of the release that is a canary beside it
    std::int64_t canary_ready = 0;
    std::int64_t draining = 0;
    Bytes memory;  // limit of one instance
    std::int64_t cpu_millis = 0;
    std::uint16_t port = 0;
    friend bool operator==(const ProcessView&, const ProcessView&) = default;
};
BOOST_DESCRIBE_STRUCT(ProcessView, (),
                      (name, kind, command, schedule, wanted, ready, canary_wanted, canary_ready,
                       draining, memory, cpu_millis, port))

// One word for how an app is doing.
enum class AppState {
    empty,        // nothing was deployed yet
    running,      // as wanted
    switching,    // to another release
    canary,       // another release gets a part of the requests
    maintenance,  // the edge answers with a page
    degraded,     // fewer instances ready than wanted
    failed,       // the last release did not become healthy
    stopped,      // by the user
};
BOOST_DESCRIBE_ENUM(AppState, empty, running, switching, canary, maintenance, degraded, failed,
                    stopped)

struct AppView {
    std::string project;
    std::string name;
    std::int64_t generation = 0;  // for If-Match
    AppState state = AppState::empty;
    std::int64_t release = 0;         // wanted
    std::int64_t release_served = 0;  // the last that was proved healthy
    Rollout rollout;
    std::vector<ProcessView> processes;
    bool site = false;  // it has files that the edge serves by itself
    std::vector<std::string> urls;
    std::string source;  // of the wanted release
    std::int64_t volumes = 0;
    std::optional<CanarySpec> canary = std::nullopt;  // what the wanted release gets meanwhile
    bool maintenance = false;
    WallTime created;
    friend bool operator==(const AppView&, const AppView&) = default;
};
BOOST_DESCRIBE_STRUCT(AppView, (),
                      (project, name, generation, state, release, release_served, rollout,
                       processes, site, urls, source, volumes, canary, maintenance, created))

// One word for how an instance is doing: goal and phase and health seen as one.
enum class InstanceState {
    preparing,
    starting,  // runs, is not healthy yet
    running,   // and healthy, where the edge probes it
    unhealthy,
    draining,
    stopping,
    backing_off,  // crashed, waits before the next start
    ended,
    failed,
};
BOOST_DESCRIBE_ENUM(InstanceState, preparing, starting, running, unhealthy, draining, stopping,
                    backing_off, ended, failed)

struct InstanceView {
    InstanceId id;
    AppId app;
    std::string process;
    InstanceKind kind = InstanceKind::service;
    std::int64_t release = 0;
    bool canary = false;  // of a release that is a canary beside the one that serves
    NodeId node;
    InstanceState state = InstanceState::preparing;
    InstanceGoal goal = InstanceGoal::run;
    InstancePhase phase = InstancePhase::absent;
    EndpointHealth health = EndpointHealth::unknown;
    std::string address;
    std::int64_t pid = 0;
    WallTime created;
    WallTime started;
    std::int64_t restarts = 0;
    Bytes memory;
    std::optional<InstanceExit> last_exit;
    std::string last_exit_text;  // "exited with code 1"
    std::int64_t requests_open = 0;
    std::int64_t tunnels_open = 0;  // WebSockets and other upgraded connections
    Milliseconds oldest_open;
    std::string text;  // for people: "draining: 3 requests, 2 websockets, oldest 14 min"
    friend bool operator==(const InstanceView&, const InstanceView&) = default;
};
BOOST_DESCRIBE_STRUCT(InstanceView, (),
                      (id, app, process, kind, release, canary, node, state, goal, phase, health,
                       address, pid, created, started, restarts, memory, last_exit, last_exit_text,
                       requests_open, tunnels_open, oldest_open, text))

enum class ReleaseState {
    kept,       // can be rolled back to
    serving,    // the wanted one, settled
    switching,  // being started or switched to
    canary,     // gets a part of the requests
    failed,     // did not become healthy
};
BOOST_DESCRIBE_ENUM(ReleaseState, kept, serving, switching, canary, failed)

struct ReleaseView {
    AppId app;
    std::int64_t number = 0;
    ReleaseState state = ReleaseState::kept;
    std::string description;
    std::string source;
    ImageKind image = ImageKind::platform;
    std::string platform;
    std::string digest;
    WallTime created;
    AppConfig config;
    std::vector<std::string> secrets;  // names only
    friend bool operator==(const ReleaseView&, const ReleaseView&) = default;
};
BOOST_DESCRIBE_STRUCT(ReleaseView, (),
                      (app, number, state, description, source, image, platform, digest, created,
                       config, secrets))

enum class RouteOrigin {
    release,    // stands in moln.toml
    added,      // by `moln route add`
    automatic,  // what every app has: its name below localhost
};
BOOST_DESCRIBE_ENUM(RouteOrigin, release, added, automatic)

struct RouteView {
    AppId app;
    std::string host;
    std::string path;
    std::string process;
    RouteOrigin origin = RouteOrigin::release;
    std::string url;  // that a browser on this machine can open; "" while no edge listens
    Https https = Https::automatic;  // as asked for
    bool redirect = false;           // what comes without TLS is sent on to https
    Milliseconds hsts{0};
    CertificateId certificate;  // that serves its host; empty: none
    std::string listen;         // "tcp:5432": without HTTP; its url is "tcp://127.0.0.1:5432"
    std::uint16_t port = 0;     // of the instances; 0: the process's own
    bool accept_proxy = false;
    SendProxy send_proxy = SendProxy::none;
    Milliseconds idle{0};
    bool keep_source = false;
    std::string via;      // with `listen`: "kernel" or "edge", whoever passes it on; "" if unknown
    std::string via_why;  // it is the edge
    std::string problem;  // why nothing gets through by it; "" if something does
    std::optional<CacheSpec> cache = std::nullopt;  // none: the edge keeps nothing of it
    std::optional<RateSpec> rate = std::nullopt;
    std::vector<std::string> users;  // whose password opens it; none: it is open to anybody
    std::optional<ForwardAuthSpec> forward_auth = std::nullopt;  // who is asked first
    std::optional<ClientCertNeed> client_cert = std::nullopt;  // what is asked of clients; none: no
    friend bool operator==(const RouteView&, const RouteView&) = default;
};
BOOST_DESCRIBE_STRUCT(RouteView, (),
                      (app, host, path, process, origin, url, https, redirect, hsts, certificate,
                       listen, port, accept_proxy, send_proxy, idle, keep_source, via, via_why,
                       problem, cache, rate, users, forward_auth, client_cert))

struct CacheView {
    NodeId node;
    EdgeCacheReport cache;
    friend bool operator==(const CacheView&, const CacheView&) = default;
};
BOOST_DESCRIBE_STRUCT(CacheView, (), (node, cache))

struct PurgeView {
    std::string text;  // "purged tag news on every edge"
    friend bool operator==(const PurgeView&, const PurgeView&) = default;
};
BOOST_DESCRIBE_STRUCT(PurgeView, (), (text))

enum class CertificateState {
    valid,
    ended,    // or not begun
    ordered,  // none yet: an authority is asked at this moment, or soon
    failing,  // none yet: it was asked and refused; see trouble
    missing,  // a host of a route that gets none by itself; see trouble
};
BOOST_DESCRIBE_ENUM(CertificateState, valid, ended, ordered, failing, missing)

struct CertificateView {
    CertificateId id;  // empty: of `missing`
    std::vector<std::string> hosts;
    CertificateSource source = CertificateSource::file;
    std::string issuer;
    std::string key_type;
    std::string fingerprint;  // SHA-256 of the leaf
    WallTime not_before;
    WallTime not_after;
    Milliseconds expires_in;           // below 0: it has ended
    std::vector<std::string> used_by;  // "host/path" of the routes that it serves
    WallTime created;
    std::optional<std::string> chain;  // PEM, leaf first; only of a single one
    CertificateState state = CertificateState::valid;
    std::string trouble;         // why there is none, or why it could not be renewed
    Milliseconds retry_in;       // when the authority is asked again; 0: it is not waited for
    std::string ocsp;            // whom it names to ask whether it is revoked; "": nobody
    bool must_staple = false;    // some clients take it with that answer alone
    WallTime stapled_until;      // the edges show that answer until then; 0: they have none
    std::string staple_trouble;  // why not, or why there is no newer one
    friend bool operator==(const CertificateView&, const CertificateView&) = default;
};
BOOST_DESCRIBE_STRUCT(CertificateView, (),
                      (id, hosts, source, issuer, key_type, fingerprint, not_before, not_after,
                       expires_in, used_by, created, chain, state, trouble, retry_in, ocsp,
                       must_staple, stapled_until, staple_trouble))

// Whom public hosts of routes get their certificates from by themselves.
struct AcmeView {
    bool enabled = false;
    std::string authority;  // for people: "letsencrypt", else the host of the directory
    std::string directory;  // URL; "" while it was never set
    std::string email;
    bool own_ca = false;       // the directory is believed by a bundle that was given
    bool registered = false;   // the authority knows this cloud
    WallTime agreed;           // to its terms of service
    std::string trouble;       // why it does not know it, or is left alone
    Milliseconds retry_in;     // for how long
    std::int64_t waiting = 0;  // hosts that have no valid certificate of it yet
    friend bool operator==(const AcmeView&, const AcmeView&) = default;
};
BOOST_DESCRIBE_STRUCT(AcmeView, (),
                      (enabled, authority, directory, email, own_ca, registered, agreed, trouble,
                       retry_in, waiting))

// What clients must trust so that they take the local certificates.
struct AuthorityView {
    std::string certificate;  // PEM
    std::string fingerprint;  // SHA-256
    WallTime not_before;
    WallTime not_after;
    friend bool operator==(const AuthorityView&, const AuthorityView&) = default;
};
BOOST_DESCRIBE_STRUCT(AuthorityView, (), (certificate, fingerprint, not_before, not_after))

struct VolumeView {
    VolumeId id;
    AppId app;
    std::string name;
    Lifetime lifetime = Lifetime::app;
    Sharing sharing = Sharing::exclusive;
    NodeId node;
    std::string place;  // "local disk of node a"
    std::string path;   // inside the instances; "" if the wanted release does not mount it
    Bytes size;
    std::optional<Bytes> used;
    std::vector<InstanceId> held_by;
    std::string reset_text;  // what a restart resets, and when it is dropped
    std::int64_t copies = 1;
    std::optional<WallTime> restore_point;  // the last moment it can be restored to; null: none
    WallTime created;
    friend bool operator==(const VolumeView&, const VolumeView&) = default;
};
BOOST_DESCRIBE_STRUCT(VolumeView, (),
                      (id, app, name, lifetime, sharing, node, place, path, size, used, held_by,
                       reset_text, copies, restore_point, created))

struct TrashView {
    TrashId id;
    TrashKind kind = TrashKind::writable_layer;
    AppId app;
    std::string what;
    NodeId node;
    Bytes size;
    WallTime dropped;
    WallTime expires;
    bool purging = false;
    friend bool operator==(const TrashView&, const TrashView&) = default;
};
BOOST_DESCRIBE_STRUCT(TrashView, (), (id, kind, app, what, node, size, dropped, expires, purging))

enum class EnvOrigin {
    release,  // stands in moln.toml
    set,      // by `moln env set`
};
BOOST_DESCRIBE_ENUM(EnvOrigin, release, set)

struct EnvView {
    std::string name;
    std::string value;
    EnvOrigin origin = EnvOrigin::set;
    friend bool operator==(const EnvView&, const EnvView&) = default;
};
BOOST_DESCRIBE_STRUCT(EnvView, (), (name, value, origin))

// Values are never shown, not even their length.
struct SecretView {
    std::string name;
    friend bool operator==(const SecretView&, const SecretView&) = default;
};
BOOST_DESCRIBE_STRUCT(SecretView, (), (name))

struct LogView {
    WallTime at;
    InstanceId instance;
    std::string process;
    std::string stream;  // "stdout" or "stderr"
    std::string text;
    std::string position;  // of its end, for a reader that goes on later
    friend bool operator==(const LogView&, const LogView&) = default;
};
BOOST_DESCRIBE_STRUCT(LogView, (), (at, instance, process, stream, text, position))

struct TopInstanceView {
    InstanceId id;
    AppId app;
    std::string process;
    std::int64_t release = 0;
    bool canary = false;
    InstanceState state = InstanceState::running;
    double cpu_percent = 0;  // of one core
    Bytes memory;
    Bytes memory_max;
    double requests_per_s = 0;
    double errors_per_s = 0;
    std::int64_t requests_open = 0;
    std::int64_t tunnels_open = 0;
    friend bool operator==(const TopInstanceView&, const TopInstanceView&) = default;
};
BOOST_DESCRIBE_STRUCT(TopInstanceView, (),
                      (id, app, process, release, canary, state, cpu_percent, memory, memory_max,
                       requests_per_s, errors_per_s, requests_open, tunnels_open))

struct TopAppView {
    AppId app;
    std::string process;
    double requests_per_s = 0;
    double errors_per_s = 0;
    // Upper bounds of the histogram's buckets, so estimates; null: no request in the interval.
    std::optional<std::int64_t> p50_us;
    std::optional<std::int64_t> p99_us;
    std::int64_t held = 0;  // requests that wait for an instance
    // How long those waited, on average, that had to and no longer do; null: none had to.
    std::optional<std::int64_t> queue_us;
    friend bool operator==(const TopAppView&, const TopAppView&) = default;
};
BOOST_DESCRIBE_STRUCT(TopAppView, (),
                      (app, process, requests_per_s, errors_per_s, p50_us, p99_us, held, queue_us))

// Rates are over `interval`, since the sample before.
struct TopView {
    WallTime at;
    Milliseconds interval;
    std::vector<TopAppView> apps;
    std::vector<TopInstanceView> instances;
    friend bool operator==(const TopView&, const TopView&) = default;
};
BOOST_DESCRIBE_STRUCT(TopView, (), (at, interval, apps, instances))

// What a deploy would do, nothing done.
struct PlanView {
    AppId app;
    std::string detected;
    std::vector<std::string> effects;  // what would happen, and what it would drop
    std::vector<std::string> warnings;
    AppConfig config;
    friend bool operator==(const PlanView&, const PlanView&) = default;
};
BOOST_DESCRIBE_STRUCT(PlanView, (), (app, detected, effects, warnings, config))

// A change that was carried out, and the app as it is now.
struct ChangeView {
    CommandReply reply;
    std::optional<AppView> app;
    std::vector<std::string> warnings;
    friend bool operator==(const ChangeView&, const ChangeView&) = default;
};
BOOST_DESCRIBE_STRUCT(ChangeView, (), (reply, app, warnings))

enum class WatchChange { put, removed, synced };
BOOST_DESCRIBE_ENUM(WatchChange, put, removed, synced)

// One line of a watch: first every resource there is, then `synced`, then what changes.
struct WatchView {
    std::int64_t revision = 0;  // rises by one a line
    WatchChange change = WatchChange::put;
    std::string kind;  // "app", "instance", "release", "volume", "certificate", "trash"
    std::string id;
    std::int64_t generation = 0;  // of app and instance
    json::value view;             // of that kind; null if removed
    friend bool operator==(const WatchView&, const WatchView&) = default;
};
BOOST_DESCRIBE_STRUCT(WatchView, (), (revision, change, kind, id, generation, view))

struct PlatformView {
    std::string name;
    std::string summary;
    Bytes size;
    WallTime made;
    bool is_default = false;
    friend bool operator==(const PlatformView&, const PlatformView&) = default;
};
BOOST_DESCRIBE_STRUCT(PlatformView, (), (name, summary, size, made, is_default))

}  // namespace moln
