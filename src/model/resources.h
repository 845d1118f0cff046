// The nouns that the store keeps: what is wanted (spec) and what was decided. What is merely seen
// is observed.h and never touches the store unless a decision needs it to be durable.
//
// Store keys, one JSON value each:
//   project/<id>                       Project
//   app/<project>/<name>               App
//   release/<project>/<name>/<number>  Release (number padded to 10 digits)
//   instance/<id>                      Instance
//   volume/<id>                        Volume
//   trash/<id>                         TrashItem
//   event/<number>                     Event (padded to 12 digits)
//   certificate/<id>                   Certificate
//   authority                          Authority
//   ticket/<id>                        TicketKey
//   leader                             Leadership
//   acme, order/<host>                 see model/acme.h
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

// ---- project --------------------------------------------------------------------------------

struct Project {
    ProjectId id;
    std::int64_t network =
        0;  // number of its private network, 1..; projects cannot reach one another
    WallTime created;
    friend bool operator==(const Project&, const Project&) = default;
};
BOOST_DESCRIBE_STRUCT(Project, (), (id, network, created))

// ---- app ------------------------------------------------------------------------------------

enum class AppRun {
    running,
    stopped,   // by the user: no instances, routes answer 503, data stays
    removing,  // by the user: as stopped; once nothing of it runs it goes to the trash
};
BOOST_DESCRIBE_ENUM(AppRun, running, stopped, removing)

enum class RolloutState {
    none,       // nothing was deployed yet
    switching,  // the wanted release is being started, proved or switched to
    canary,     // it is proved and gets its part of the requests, until it is promoted
    settled,    // all wanted instances are of the wanted release and healthy
    failed,     // the wanted release did not become healthy; the one before serves again
};
BOOST_DESCRIBE_ENUM(RolloutState, none, switching, canary, settled, failed)

struct Rollout {
    RolloutState state = RolloutState::none;
    std::int64_t from = 0;  // release that served when the switch began, 0 if none
    std::int64_t to = 0;
    WallTime began;
    WallTime ended;
    std::string reason;  // why it failed, in words for the user, with the last log lines' place
    friend bool operator==(const Rollout&, const Rollout&) = default;
};
BOOST_DESCRIBE_STRUCT(Rollout, (), (state, from, to, began, ended, reason))

struct App {
    AppId id;                     // "project/name"
    std::int64_t generation = 0;  // counts changes of the wanted state
    AppRun run = AppRun::running;
    std::int64_t release = 0;         // wanted; 0: none yet
    std::int64_t release_served = 0;  // the last that settled: where an automatic roll-back goes
    std::int64_t releases_made = 0;   // the highest number ever given
    std::int64_t restart_count =
        0;                      // `moln restart` raises it: instances of a lower one are replaced
    std::int64_t uid_base = 0;  // first host uid of its user namespace; 65,536 from there
    std::map<std::string, std::int64_t>
        scale;                               // process -> instances, over the release's own number
    std::vector<RouteSpec> routes;           // by `moln route add`, beside the release's own
    std::map<std::string, std::string> env;  // by `moln env set`; each change makes a release
    std::map<std::string, std::string> secrets;  // name -> sealed (encrypted) value, base64
    Rollout rollout;
    WallTime created;
    // Cron process -> when it last fired or began to be watched: what is due is counted from there.
    std::map<std::string, WallTime> cron_fired;
    // While it is there the wanted release, once proved, gets some requests and does not replace
    // the one that serves.
    std::optional<CanarySpec> canary = std::nullopt;
    std::optional<MaintenanceSpec> maintenance = std::nullopt;
    friend bool operator==(const App&, const App&) = default;
};
BOOST_DESCRIBE_STRUCT(App, (),
                      (id, generation, run, release, release_served, releases_made, restart_count,
                       uid_base, scale, routes, env, secrets, rollout, created, cron_fired, canary,
                       maintenance))

// ---- release --------------------------------------------------------------------------------

enum class ImageKind {
    platform,  // a platform image below, the app's own files on top at /app
    oci,       // layers of an OCI image
};
BOOST_DESCRIBE_ENUM(ImageKind, platform, oci)

// What the root file system of an instance is stacked from; all of it read-only, kept under
// DATA/images and DATA/platforms, named by content or version and never changed once named.
struct ImageRef {
    ImageKind kind = ImageKind::platform;
    std::string platform;             // "host" or "debian-12-20261122"
    std::vector<std::string> layers;  // directory names below DATA/images/layers, bottom first
    std::string source;               // for people: "folder shop", "docker://127.0.0.1:5000/shop:2"
    std::string digest;               // sha256:… of the whole
    friend bool operator==(const ImageRef&, const ImageRef&) = default;
};
BOOST_DESCRIBE_STRUCT(ImageRef, (), (kind, platform, layers, source, digest))

struct Release {
    AppId app;
    std::int64_t number = 0;
    ImageRef image;
    AppConfig config;  // moln.toml and defaults, with the app's env of that moment merged in
    std::map<std::string, std::string> secrets;  // sealed, of that moment
    std::string description;  // "deploy of shop", "env set COLOR", "rollback to 3"
    WallTime created;
    std::map<std::string, std::string> own_env;  // config.env before the app's was laid over it
    friend bool operator==(const Release&, const Release&) = default;
};
BOOST_DESCRIBE_STRUCT(Release, (),
                      (app, number, image, config, secrets, description, created, own_env))

// ---- instance -------------------------------------------------------------------------------

enum class InstanceGoal {
    prepare,  // make its root file system and volumes ready, do not start yet
    run,      // be running; restarted in place with back-off if it ends
    drain,    // goes on running, gets no new request; not restarted if it ends
    stop,     // stop signal; after drain.limit if there is one, kill
    kill,     // kill at once
    remove,   // ended; give up address and cgroup, writable layer to the trash
};
BOOST_DESCRIBE_ENUM(InstanceGoal, prepare, run, drain, stop, kill, remove)

enum class InstanceKind {
    service,  // one of a process's wanted number
    cron,     // one run of a cron process
    run,      // one-off of `moln run`
};
BOOST_DESCRIBE_ENUM(InstanceKind, service, cron, run)

// The assignment of one running copy to a node: written by the leader, carried out by the agent.
struct Instance {
    InstanceId id;
    AppId app;
    std::int64_t release = 0;
    std::string process;
    InstanceKind kind = InstanceKind::service;
    NodeId node;
    std::int64_t restart_count = 0;  // App::restart_count when it was made
    InstanceGoal goal = InstanceGoal::run;
    std::int64_t generation = 1;       // raised with every change of goal
    std::uint32_t address_slot = 0;    // which address of the project's network; 0 is none
    std::vector<std::string> command;  // of a one-off, else empty: the process's own
    std::vector<VolumeId> volumes;     // it holds these; exclusive ones nobody else does
    bool terminal = false;             // a one-off with a TTY
    bool in_edge = false;  // once true its endpoint has been active: leaving needs drain and ack
    WallTime created;
    SteadyTime goal_since;  // when the goal was set, for "draining since" and drain.limit
    std::optional<std::int64_t> drained_version;  // edge snapshot version that first said draining
    TrashId trash;                                // goal remove: where its writable layer goes
    std::int64_t crashes_told = 0;                // crashes that an event tells of
    friend bool operator==(const Instance&, const Instance&) = default;
};
BOOST_DESCRIBE_STRUCT(Instance, (),
                      (id, app, release, process, kind, node, restart_count, goal, generation,
                       address_slot, command, volumes, terminal, in_edge, created, goal_since,
                       drained_version, trash, crashes_told))

// ---- volume and trash -----------------------------------------------------------------------

struct Volume {
    VolumeId id;
    AppId app;         // that it was made for; an independent one outlives it
    std::string name;  // VolumeSpec::name
    Lifetime lifetime = Lifetime::app;
    Sharing sharing = Sharing::exclusive;
    Bytes size;
    NodeId node;            // where the bytes are
    InstanceId instance;    // lifetime instance: whose
    TrashId restored_from;  // its bytes come from this trash item, which is gone once they are here
    WallTime created;
    std::int64_t uid_base = 0;  // App::uid_base that its files belong to
    friend bool operator==(const Volume&, const Volume&) = default;
};
BOOST_DESCRIBE_STRUCT(Volume, (),
                      (id, app, name, lifetime, sharing, size, node, instance, restored_from,
                       created, uid_base))

enum class TrashKind {
    writable_layer,  // what an instance wrote outside its volumes
    volume,
    image,  // layers and config of a replaced release
    app,    // the spec of a removed app with its releases, so that it can come back whole
};
BOOST_DESCRIBE_ENUM(TrashKind, writable_layer, volume, image, app)

struct TrashItem {
    TrashId id;
    TrashKind kind = TrashKind::writable_layer;
    AppId app;
    std::string what;     // for people: "writable layer of web-7f3k2m (release 4)"
    std::string subject;  // instance id, volume id, app id or "project/name#release"
    NodeId node;          // where its bytes are; empty: it has none
    Bytes size;
    WallTime dropped;
    SteadyTime expires;
    bool purging = false;  // the node destroys the bytes, then the record goes
    // kind volume: the Volume; kind app: {"app", "releases", "volumes": trash ids that go with it};
    // kind image: {"release", "layers": those that no other release uses}
    json::value content;
    bool settled = false;    // its bytes are in the trash (kind app: has none)
    bool restoring = false;  // kind image: the node moves the layers back, then the record goes
    friend bool operator==(const TrashItem&, const TrashItem&) = default;
};
BOOST_DESCRIBE_STRUCT(TrashItem, (),
                      (id, kind, app, what, subject, node, size, dropped, expires, purging, content,
                       settled, restoring))

// ---- certificate ----------------------------------------------------------------------------

enum class CertificateSource {
    file,   // added by a person
    local,  // issued by the cloud's own Authority for a host that only this network knows
    acme,   // issued by a public authority that looked at the host (model/acme.h)
};
BOOST_DESCRIBE_ENUM(CertificateSource, file, local, acme)

// What the edges prove with that they speak for these hosts. The key is sealed for
// seal_context(id) of model/edge.h.
struct Certificate {
    CertificateId id;
    std::vector<std::string> hosts;  // of the leaf's subjectAltName: sorted, lower case
    CertificateSource source = CertificateSource::file;
    std::string chain;  // PEM, leaf first, without the root
    std::string sealed_key;
    WallTime not_before;
    WallTime not_after;
    std::string issuer;       // for people: the common name of who signed the leaf
    std::string key_type;     // "EC P-256", "RSA 2048", "Ed25519"
    std::string fingerprint;  // SHA-256 of the leaf, 64 hexadecimal digits
    WallTime created;         // added or issued; of a renewed one the renewal
    bool expiry_told = false;
    // What its authority says of it (OCSP, RFC 6960), for the edges to staple.
    std::string staple;  // base64 of the response; "": none
    WallTime staple_until;
    friend bool operator==(const Certificate&, const Certificate&) = default;
};
BOOST_DESCRIBE_STRUCT(Certificate, (),
                      (id, hosts, source, chain, sealed_key, not_before, not_after, issuer,
                       key_type, fingerprint, created, expiry_told, staple, staple_until))

// What session tickets are sealed with at all edges, for one after another; the newest makes them,
// all open them. The key is sealed for ticket_context(id) of model/edge.h.
struct TicketKey {
    std::string id;
    std::string sealed_key;
    WallTime created;
    friend bool operator==(const TicketKey&, const TicketKey&) = default;
};
BOOST_DESCRIBE_STRUCT(TicketKey, (), (id, sealed_key, created))

// The cloud's own certificate authority. Its key is sealed for k_authority_key.
struct Authority {
    std::string certificate;  // PEM
    std::string sealed_key;
    WallTime not_before;
    WallTime not_after;
    std::string fingerprint;  // SHA-256, 64 hexadecimal digits
    friend bool operator==(const Authority&, const Authority&) = default;
};
BOOST_DESCRIBE_STRUCT(Authority, (), (certificate, sealed_key, not_before, not_after, fingerprint))

inline constexpr const char* k_authority_key = "authority";  // in the store, and what it seals for

// ---- event ----------------------------------------------------------------------------------

enum class EventLevel { info, warning, error };
BOOST_DESCRIBE_ENUM(EventLevel, info, warning, error)

struct Event {
    std::int64_t number = 0;
    WallTime at;
    EventLevel level = EventLevel::info;
    std::string name;     // stable and greppable: "instance.crashed", "release.rolled_back"
    AppId app;            // may be empty
    std::string subject;  // instance, volume, release …
    std::string text;     // what happened and why, one sentence
    friend bool operator==(const Event&, const Event&) = default;
};
BOOST_DESCRIBE_STRUCT(Event, (), (number, at, level, name, app, subject, text))

struct Leadership {
    std::int64_t epoch = 0;
    NodeId node;
    std::int64_t edge_version = 0;  // highest edge snapshot version that may have been sent
    // One moment by two clocks, the last that was written down; 0: none was.
    SteadyTime steady;
    WallTime wall;
    friend bool operator==(const Leadership&, const Leadership&) = default;
};
BOOST_DESCRIBE_STRUCT(Leadership, (), (epoch, node, edge_version, steady, wall))

}  // namespace moln
