// Views of the World: what a reply says, as pure functions. Lists are in the order of names.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/views.h"
#include "model/words.h"
#include "model/world.h"

namespace moln::api {

struct ServiceInfo;

// Instances of one app in the order of their ids; an index, so that lists of apps stay linear.
using InstanceIndex = std::map<AppId, std::vector<const Instance*>>;
InstanceIndex index_instances(const World& world);

// Which apps a list is of: one app, or all of a project.
struct AppFilter {
    std::string project;
    AppId app;  // empty: all of the project
    bool takes(const AppId& id) const;
};

std::string project_of(const AppId& id);
std::string name_of(const AppId& id);

const Release* find_release(const World& world, const AppId& app, std::int64_t number);
// What an app is: the wanted release, or the one that serves beside a canary. Null before a first.
const Release* shown_release(const World& world, const App& app);
const InstanceSeen* find_seen(const World& world, const Instance& instance);
const EndpointReport* find_endpoint(const World& world, const InstanceId& instance);
bool is_web(const World& world, const Instance& instance);

StatusView status_view(const World& world, const ServiceInfo& info, Now now);

AppView app_view(const World& world, const App& app, const std::vector<const Instance*>& instances);
AppView app_view(const World& world, const App& app);
std::vector<AppView> app_views(const World& world, const std::string& project);
// How many instances of a process the app is to have now.
std::int64_t wanted_instances(const App& app, const std::string& process, const ProcessSpec& spec);

InstanceView instance_view(const World& world, const Instance& instance);
std::vector<InstanceView> instance_views(const World& world, const AppFilter& filter);
// Counts for `wanted`: to run, running, and healthy where the edge probes it.
bool is_ready(const InstanceView& view);

ReleaseView release_view(const App& app, const Release& release);
std::vector<ReleaseView> release_views(const World& world, const App& app);

std::vector<RouteView> route_views(const World& world, const App& app);
// "http://127.0.0.1:8080/"; "" while no edge listens or for a host of a wildcard's.
// Of a route that sends on to https, the URL that it sends to, where an edge listens for TLS.
enum class UrlScheme { http, https };
BOOST_DESCRIBE_ENUM(UrlScheme, http, https)
std::string route_url(const World& world, const std::string& host, const std::string& path,
                      UrlScheme scheme = UrlScheme::http);

std::vector<EnvView> env_views(const World& world, const App& app);
std::vector<SecretView> secret_views(const App& app);

VolumeView volume_view(const World& world, const Volume& volume);
std::vector<VolumeView> volume_views(const World& world, const AppFilter& filter);
TrashView trash_view(const TrashItem& item, const Now& now);
std::vector<TrashView> trash_views(const World& world, const AppFilter& filter, const Now& now);

// `chain` is left out of both.
CertificateView certificate_view(const World& world, const Certificate& certificate,
                                 const Now& now);
// By host; with those public hosts of routes that have none.
std::vector<CertificateView> certificate_views(const World& world, const Now& now);
AcmeView acme_view(const World& world, const Now& now);

ChangeView change_view(const World& world, const CommandReply& reply,
                       std::vector<std::string> warnings);

}  // namespace moln::api
