// What an app is to run: the contents of moln.toml after detection and defaults, and the immutable
// half of a release. Values and limits only; reading moln.toml is recipe/, validation validate.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "model/codec.h"
#include "model/traffic.h"

namespace moln {

enum class ProcessKind {
    web,     // listens on its port, stands behind the edge
    worker,  // runs, is not routed to
    cron,    // started by its schedule, one at a time, ends by itself
};
BOOST_DESCRIBE_ENUM(ProcessKind, web, worker, cron)

// What a web process speaks on its port.
enum class WebProtocol {
    http,  // HTTP/1.1
    h2c,   // HTTP/2 without TLS, with prior knowledge: gRPC servers
};
BOOST_DESCRIBE_ENUM(WebProtocol, http, h2c)

struct ProcessSpec {
    ProcessKind kind = ProcessKind::worker;
    std::vector<std::string>
        command;           // argv; a string in moln.toml or Procfile is {"/bin/sh", "-c", text}
    std::string schedule;  // cron: five fields, UTC
    std::int64_t instances = 1;
    Bytes memory = mib(512);
    std::int64_t cpu_millis = 1000;  // thousandths of a core, a hard limit
    std::int64_t pids = 256;
    std::uint16_t port = 0;  // web: where it listens; given to it as $PORT
    // Web: how many requests an instance has at once (0: any number), how many wait for one, and
    // for how long at most.
    std::int64_t concurrency = 0;
    std::int64_t queue = 256;
    Milliseconds queue_time = seconds(60);
    WebProtocol protocol = WebProtocol::http;
    BalanceSpec balance;         // web: which instance a request goes to
    bool affinity = false;       // web: a client's cookie keeps it with its instance
    Milliseconds slow_start{0};  // web: how long a new instance's share grows to its whole
    // Web: of a request's body so much is kept for sending it again, and which are sent again.
    Bytes replay = mib(5);
    RetryMode retry = RetryMode::idempotent;
    // Web: how long an instance may be silent that is to take or to answer a request.
    Milliseconds answer_timeout = minutes(5);
    friend bool operator==(const ProcessSpec&, const ProcessSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(ProcessSpec, (),
                      (kind, command, schedule, instances, memory, cpu_millis, pids, port,
                       concurrency, queue, queue_time, protocol, balance, affinity, slow_start,
                       replay, retry, answer_timeout))

enum class HealthKind {
    http,
    tcp,      // a connection that is accepted
    running,  // it is not probed: what runs is healthy. Of processes that are reached by UDP alone
};
BOOST_DESCRIBE_ENUM(HealthKind, http, tcp, running)

struct HealthSpec {
    HealthKind kind = HealthKind::tcp;
    std::string path = "/";              // http: GET, 200..399 is healthy
    Milliseconds interval = seconds(2);  // between probes of an active endpoint
    Milliseconds timeout = seconds(2);   // of one probe
    Milliseconds start_grace =
        seconds(60);                   // from start to the first success, else the release failed
    std::int64_t unhealthy_after = 3;  // failed probes in a row
    friend bool operator==(const HealthSpec&, const HealthSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(HealthSpec, (), (kind, path, interval, timeout, start_grace, unhealthy_after))

// What becomes of a request that comes without TLS.
enum class Https {
    automatic,  // redirect where the host's certificate was added by file, else both
    redirect,   // it is sent on to https
    both,       // it is answered
};
BOOST_DESCRIBE_ENUM(Https, automatic, redirect, both)

// What is said ahead of a connection's bytes: who its client is, as HAProxy's PROXY protocol has
// it.
enum class SendProxy {
    none,
    v1,  // a line of text
    v2,  // binary
};
BOOST_DESCRIBE_ENUM(SendProxy, none, v1, v2)

// Answers of a route are kept at the edge and used again as they allow it (RFC 9111). What is here
// counts only for answers that do not say it themselves.
struct CacheSpec {
    Milliseconds ttl{0};  // how long one is fresh; 0: what can be guessed from its Last-Modified
    Milliseconds stale_while_revalidate{0};  // past that, served while a new one is fetched
    Milliseconds stale_if_error{0};          // past that, served when the app fails
    bool compress = true;  // text is stored in the codings that clients take, once for each
    friend bool operator==(const CacheSpec&, const CacheSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(CacheSpec, (), (ttl, stale_while_revalidate, stale_if_error, compress))

struct RouteSpec {
    std::string host;  // "*" for any
    std::string path = "/";
    std::string process = "web";
    Https https = Https::automatic;
    Milliseconds hsts{0};  // Strict-Transport-Security over TLS for so long (RFC 6797); 0: none
    // "" for HTTP. "tcp:5432" or "udp:53" (model/listen.h): what comes there is passed on unread,
    // and `host` is the name that a TLS client asks for (SNI), "*" for every connection. None of
    // path, https and hsts is said of such a route.
    std::string listen;
    std::uint16_t port = 0;     // of the instances; 0: the process's own
    bool accept_proxy = false;  // tcp: every connection begins with a PROXY header; one of a listen
    SendProxy send_proxy = SendProxy::none;  // tcp: to the instance, ahead of all else
    // After so long without a byte a connection or flow is over; 0: never for tcp,
    // k_udp_idle_default for udp.
    Milliseconds idle{0};
    std::optional<CacheSpec> cache = std::nullopt;               // of HTTP; none: nothing is kept
    std::optional<RateSpec> rate = std::nullopt;                 // of HTTP; none: as many as come
    std::optional<AuthSpec> auth = std::nullopt;                 // of HTTP; none: anybody
    std::optional<ForwardAuthSpec> forward_auth = std::nullopt;  // of HTTP; none: nobody is asked
    std::optional<ClientCertSpec> client_cert = std::nullopt;    // of HTTP over TLS
    bool keep_source = false;  // tcp, udp: the instance sees the client's own address
    friend bool operator==(const RouteSpec&, const RouteSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(RouteSpec, (),
                      (host, path, process, https, hsts, listen, port, accept_proxy, send_proxy,
                       idle, cache, rate, auth, forward_auth, client_cert, keep_source))

// How long data lives (PRODUCT.md, promise 3).
enum class Lifetime {
    instance,     // dropped (to the trash) with the instance
    app,          // dropped (to the trash) with the app
    independent,  // dropped only by `moln volume rm`
};
BOOST_DESCRIBE_ENUM(Lifetime, instance, app, independent)

enum class Sharing {
    exclusive,  // one instance at a time: a switch stops the old before it starts the new
    shared,     // all instances of the app at once; the app must cope with other writers
};
BOOST_DESCRIBE_ENUM(Sharing, exclusive, shared)

struct VolumeSpec {
    std::string name;
    std::string path;  // absolute, inside the instance
    Lifetime lifetime = Lifetime::app;
    Sharing sharing = Sharing::exclusive;
    Bytes size = gib(1);
    std::vector<std::string> processes;  // that mount it; empty: all
    friend bool operator==(const VolumeSpec&, const VolumeSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(VolumeSpec, (), (name, path, lifetime, sharing, size, processes))

struct DrainSpec {
    // Without a limit an old instance finishes all it had begun, however long that takes.
    std::optional<Milliseconds> limit;
    friend bool operator==(const DrainSpec&, const DrainSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(DrainSpec, (), (limit))

// Files that the edge serves by itself, without an instance: routes lead to them as to the process
// k_site_process.
struct SiteSpec {
    std::string folder = ".";          // of the app's files
    std::string index = "index.html";  // of a path that ends with a slash
    std::string not_found;             // "404.html": what is shown with a 404; "": a plain text
    std::string fallback;              // "index.html": instead of a 404, with 200; "": none
    friend bool operator==(const SiteSpec&, const SiteSpec&) = default;
};
BOOST_DESCRIBE_STRUCT(SiteSpec, (), (folder, index, not_found, fallback))

inline constexpr const char* k_site_process = "site";

struct AppConfig {
    std::map<std::string, ProcessSpec> processes;
    HealthSpec health;  // of web processes
    std::vector<RouteSpec> routes;
    std::map<std::string, std::string> env;
    std::vector<VolumeSpec> volumes;
    DrainSpec drain;
    std::string stop_signal = "SIGTERM";
    std::string workdir = "/app";
    std::string user;  // of an OCI image, "uid[:gid]" or a name; empty: the unprivileged default
    std::optional<SiteSpec> site = std::nullopt;
    friend bool operator==(const AppConfig&, const AppConfig&) = default;
};
BOOST_DESCRIBE_STRUCT(AppConfig, (),
                      (processes, health, routes, env, volumes, drain, stop_signal, workdir, user,
                       site))

}  // namespace moln
