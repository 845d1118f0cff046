// One command being decided: the draft of what it changes and the words for its caller. The
// families of commands are commands_*.cc; command.h is the way in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plan/command.h"
#include "plan/draft.h"

namespace moln::plan {

// Wanted instances of all processes of one app: what a switch changes in one transaction.
inline constexpr std::int64_t k_instances_per_app_max = 1'000;
inline constexpr std::int64_t k_one_offs_per_app_max = 100;
inline constexpr std::int64_t k_uid_base_first = 1'000'000;
inline constexpr std::int64_t k_uids_per_app = 65'536;

struct Decision {
    Draft draft;
    const Expected& expected;
    CommandReply reply = {};
    std::vector<std::string> effects = {};

    const World& world() const { return draft.world(); }
    WallTime now() const { return draft.now().wall; }
};

// The app, as it must be to be changed: there, not on its way out, at the expected generation.
Result<App> app_to_change(const Decision& d, const AppId& id);

// What an app is made of now: the release that serves, and behind it the wanted one if that is
// another, on its way or a canary. Empty before its first.
std::vector<const Release*> releases_at_hand(const Decision& d, const App& app);

// Stores the app with its generation raised and fills the reply.
void change_app(Decision& d, App app, std::string text);

// Makes `app` switch to `release`; the caller stores the app.
void begin_rollout(const Decision& d, App& app, std::int64_t release);

// Another release of the app from `image` and `config`, whose env is without the app's own.
// Returns its number; the caller stores the app.
Result<std::int64_t> add_release(Decision& d, App& app, const ImageRef& image, AppConfig config,
                                 std::string description);

// The same once more with the app's env and secrets of now: for `env` and `secret`. 0 without one.
Result<std::int64_t> renew_release(Decision& d, App& app, std::string description);

// Numbers, volumes and routes of `config` under the app's own scale: what validate() cannot know.
Status fits(const Decision& d, const App& app, const AppConfig& config);

// Two routes of one port agree on PROXY headers.
Status begins_alike(const RouteSpec& route, const RouteSpec& other, const AppId& owner);

// No other app has the route's place, and what it listens on is neither the edge's own nor past
// k_listens_max.
Status route_is_free(const World& world, const AppId& app, const RouteSpec& route);

// What goes when `config` takes the place of what serves: its processes that have no successor.
void explain_lost_processes(Decision& d, const AppId& id, const AppConfig& config);

// And the routes that were added by command and lead nowhere then.
void explain_lost_routes(Decision& d, const App& app, const AppConfig& config, std::int64_t number);

// Whom a route is taken from: every app has a host of its own until another app has a route there.
// Empty if nobody. Who takes it is told.
AppId taken_from(const World& world, const AppId& app, const RouteSpec& route);

// What the routes of `config` take from other apps, as soon as `number` serves; in words for the
// reply: "; shop.localhost/ led to default/shop before".
std::string explain_taken_routes(Decision& d, const App& app, const AppConfig& config,
                                 std::int64_t number);

std::int64_t choose_uid_base(const World& world, const AppId& app);

Status decide_on(Decision& d, const DeployCommand& command);
Status decide_on(Decision& d, const RollbackCommand& command);
Status decide_on(Decision& d, const ScaleCommand& command);
Status decide_on(Decision& d, const SetEnvCommand& command);
Status decide_on(Decision& d, const SetSecretCommand& command);
Status decide_on(Decision& d, const AddRouteCommand& command);
Status decide_on(Decision& d, const RemoveRouteCommand& command);
Status decide_on(Decision& d, const SetCanaryCommand& command);
Status decide_on(Decision& d, const PromoteCommand& command);
Status decide_on(Decision& d, const SetMaintenanceCommand& command);
Status decide_on(Decision& d, const RestartCommand& command);
Status decide_on(Decision& d, const StopCommand& command);
Status decide_on(Decision& d, const StartCommand& command);
Status decide_on(Decision& d, const RemoveAppCommand& command);
Status decide_on(Decision& d, const RunCommand& command);
Status decide_on(Decision& d, const StopInstanceCommand& command);
Status decide_on(Decision& d, const RemoveVolumeCommand& command);
Status decide_on(Decision& d, const RecoverCommand& command);
Status decide_on(Decision& d, const PurgeCommand& command);
Status decide_on(Decision& d, const AddCertificateCommand& command);
Status decide_on(Decision& d, const RemoveCertificateCommand& command);
Status decide_on(Decision& d, const SetAcmeCommand& command);
Status decide_on(Decision& d, const StopAcmeCommand& command);
Status decide_on(Decision& d, const RetryCertificateCommand& command);

}  // namespace moln::plan
