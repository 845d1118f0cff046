// The bodies of API requests, one struct each: what the CLI sends and the API takes. Unknown fields
// are refused.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "model/app_config.h"
#include "model/codec.h"

namespace moln {

struct DeployImageBody {
    std::string image;  // docker://…, oci:path[:tag], docker-archive:path; a bare name is docker://
    bool plain_http = false;
    friend bool operator==(const DeployImageBody&, const DeployImageBody&) = default;
};
BOOST_DESCRIBE_STRUCT(DeployImageBody, (), (image, plain_http))

struct ScaleBody {
    std::map<std::string, std::int64_t> instances;  // by process
    friend bool operator==(const ScaleBody&, const ScaleBody&) = default;
};
BOOST_DESCRIBE_STRUCT(ScaleBody, (), (instances))

struct EnvBody {
    std::map<std::string, std::string> set;
    std::vector<std::string> unset;
    friend bool operator==(const EnvBody&, const EnvBody&) = default;
};
BOOST_DESCRIBE_STRUCT(EnvBody, (), (set, unset))

struct RouteBody {
    std::string host;
    std::string path = "/";
    std::string process = "web";
    Https https = Https::automatic;
    Milliseconds hsts{0};
    std::string listen;  // "tcp:5432", "udp:53": a route without HTTP; `host` may be left out then
    std::uint16_t port = 0;
    bool accept_proxy = false;
    SendProxy send_proxy = SendProxy::none;
    Milliseconds idle{0};
    std::optional<CacheSpec> cache = std::nullopt;
    std::optional<RateSpec> rate = std::nullopt;
    std::optional<AuthSpec> auth = std::nullopt;
    std::optional<ForwardAuthSpec> forward_auth = std::nullopt;
    std::optional<ClientCertSpec> client_cert = std::nullopt;
    bool keep_source = false;
    friend bool operator==(const RouteBody&, const RouteBody&) = default;
};
BOOST_DESCRIBE_STRUCT(RouteBody, (),
                      (host, path, process, https, hsts, listen, port, accept_proxy, send_proxy,
                       idle, cache, rate, auth, forward_auth, client_cert, keep_source))

// One of the four.
struct PurgeCacheBody {
    std::string url;   // "https://shop.example.org/news?page=2": of any scheme and port
    std::string path;  // "shop.example.org/news": and all below it
    std::string tag;   // of Cache-Tag or Surrogate-Key
    bool all = false;  // of the app, or of the project
    friend bool operator==(const PurgeCacheBody&, const PurgeCacheBody&) = default;
};
BOOST_DESCRIBE_STRUCT(PurgeCacheBody, (), (url, path, tag, all))

// What is left out stays as it is.
struct AcmeBody {
    std::string directory;  // "letsencrypt", "letsencrypt-staging" or a URL
    std::optional<std::string> email;
    std::optional<std::string> ca_bundle;  // PEM; "": the system's
    bool agree_tos = false;
    friend bool operator==(const AcmeBody&, const AcmeBody&) = default;
};
BOOST_DESCRIBE_STRUCT(AcmeBody, (), (directory, email, ca_bundle, agree_tos))

struct RollbackBody {
    std::int64_t release = 0;  // 0: the one that served before
    friend bool operator==(const RollbackBody&, const RollbackBody&) = default;
};
BOOST_DESCRIBE_STRUCT(RollbackBody, (), (release))

struct RunBody {
    std::vector<std::string> command;
    bool terminal = false;
    friend bool operator==(const RunBody&, const RunBody&) = default;
};
BOOST_DESCRIBE_STRUCT(RunBody, (), (command, terminal))

struct StopInstanceBody {
    bool now = false;  // kill instead of drain and stop signal
    friend bool operator==(const StopInstanceBody&, const StopInstanceBody&) = default;
};
BOOST_DESCRIBE_STRUCT(StopInstanceBody, (), (now))

struct ExtractBody {
    std::string target;  // absolute; a new folder on the node
    friend bool operator==(const ExtractBody&, const ExtractBody&) = default;
};
BOOST_DESCRIBE_STRUCT(ExtractBody, (), (target))

struct PlatformBody {
    std::string recipe;
    friend bool operator==(const PlatformBody&, const PlatformBody&) = default;
};
BOOST_DESCRIBE_STRUCT(PlatformBody, (), (recipe))

struct ShutdownBody {
    bool now = false;  // without draining
    friend bool operator==(const ShutdownBody&, const ShutdownBody&) = default;
};
BOOST_DESCRIBE_STRUCT(ShutdownBody, (), (now))

// Text frames of a terminal's WebSocket; binary frames are the bytes themselves.
struct ResizeBody {
    std::vector<std::int64_t> resize;  // columns, rows
    friend bool operator==(const ResizeBody&, const ResizeBody&) = default;
};
BOOST_DESCRIBE_STRUCT(ResizeBody, (), (resize))

struct ErrorBody {
    std::string code;
    std::string reason;
    friend bool operator==(const ErrorBody&, const ErrorBody&) = default;
};
BOOST_DESCRIBE_STRUCT(ErrorBody, (), (code, reason))

}  // namespace moln
