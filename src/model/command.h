// What a user can ask for, as values. The API makes them from requests; plan/command.h decides
// what they change; each is all or nothing.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/resources.h"

namespace moln {

// A new release from a finished image; makes the app if there is none.
struct DeployCommand {
    AppId app;
    ImageRef image;
    AppConfig config;  // of moln.toml and detection, without the app's own env
    std::string description;
    std::optional<CanarySpec> canary = std::nullopt;  // none: it replaces what serves
};
struct RollbackCommand {
    AppId app;
    std::int64_t release = 0;
};  // 0: the one that served before
struct ScaleCommand {
    AppId app;
    std::map<std::string, std::int64_t> instances;
};
struct SetEnvCommand {
    AppId app;
    std::map<std::string, std::string> set;
    std::vector<std::string> unset;
};
struct SetSecretCommand {
    AppId app;
    std::string name;
    std::optional<std::string> sealed;
};  // none: unset
struct AddRouteCommand {
    AppId app;
    RouteSpec route;
    bool replace = false;  // one that was added at the same place is set anew, as a whole
};
struct RemoveRouteCommand {
    AppId app;
    std::string host;
    std::string path = "/";
    std::string listen = {};  // of a route without HTTP
};
// Of the canary that runs: other requests are its own from now on.
struct SetCanaryCommand {
    AppId app;
    CanarySpec canary;
};
// The canary takes the place of the release that serves.
struct PromoteCommand {
    AppId app;
};
struct SetMaintenanceCommand {
    AppId app;
    std::optional<MaintenanceSpec> maintenance;  // none: off
};
struct RestartCommand {
    AppId app;
};
struct StopCommand {
    AppId app;
};
struct StartCommand {
    AppId app;
};
struct RemoveAppCommand {
    AppId app;
};
// One-off instance of the app's wanted release.
struct RunCommand {
    AppId app;
    std::vector<std::string> command;
    bool terminal = false;
};
struct StopInstanceCommand {
    InstanceId instance;
    bool now = false;
};  // now: kill
struct RemoveVolumeCommand {
    VolumeId volume;
};
struct RecoverCommand {
    TrashId trash;
};
struct PurgeCommand {
    TrashId trash;
};

// A chain that was looked at, with its sealed key. Of the same hosts it takes the older one's
// place.
struct AddCertificateCommand {
    Certificate certificate;  // source file
};
struct RemoveCertificateCommand {
    CertificateId certificate;
};

// Public hosts get their certificates from this authority by themselves from now on.
struct SetAcmeCommand {
    std::string directory;                 // "letsencrypt", a URL; "": as it is, else the default
    std::optional<std::string> email;      // none: as it is
    std::optional<std::string> ca_bundle;  // none: as it is
    bool agree_tos = false;                // to the terms of this authority
    std::string sealed_key;                // a fresh one, for a new account
};
// Nothing is ordered or renewed any more; the account stays.
struct StopAcmeCommand {};
// A public host whose certificate failed: the authority is asked now, not when its pause ends.
struct RetryCertificateCommand {
    std::string host;
};

using Command =
    std::variant<DeployCommand, RollbackCommand, ScaleCommand, SetEnvCommand, SetSecretCommand,
                 AddRouteCommand, RemoveRouteCommand, SetCanaryCommand, PromoteCommand,
                 SetMaintenanceCommand, RestartCommand, StopCommand, StartCommand, RemoveAppCommand,
                 RunCommand, StopInstanceCommand, RemoveVolumeCommand, RecoverCommand, PurgeCommand,
                 AddCertificateCommand, RemoveCertificateCommand, SetAcmeCommand, StopAcmeCommand,
                 RetryCertificateCommand>;

// The caller saw the app at this generation and wants no other; none: any.
struct Expected {
    std::optional<std::int64_t> generation;
};

struct CommandReply {
    AppId app;
    std::int64_t release = 0;     // made or chosen, if any
    std::int64_t generation = 0;  // of the app afterwards
    InstanceId instance;          // of RunCommand
    VolumeId volume;              // of RecoverCommand
    CertificateId certificate;    // of AddCertificateCommand
    std::string text;             // one sentence for people
};
BOOST_DESCRIBE_STRUCT(CommandReply, (),
                      (app, release, generation, instance, volume, certificate, text))

}  // namespace moln
