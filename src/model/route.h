// What a route is called, when two are in each other's way, and what is wrong with one by itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/validate.h"

namespace moln {

// Without HTTP: `listen` is said.
inline bool is_stream(const RouteSpec& route) {
    return !route.listen.empty();
}

// Of two such routes only one can be answered: the same host and path, or the same listen and host.
bool same_place(const RouteSpec& a, const RouteSpec& b);

// "shop.example.org/api", "tcp:5432", "tcp:8443 for db.example.org".
std::string route_words(const RouteSpec& route);

// Fields are the members' names. That its process is there and web is the caller's to look at.
std::vector<Problem> find_problems(const RouteSpec& route);

// The first of them as an error: "listen: expected …".
Status validate(const RouteSpec& route);

// Does a route of that host ("*" and "*.example.org" too) lead requests for `host`?
bool is_host_of_route(std::string_view route_host, std::string_view host);

// The process of `config` that a route to `process` leads to: a web process, or k_site_process of
// an app with a site. Routes to "web" lead to the site of an app that has no such process: they
// need not be changed when an app becomes one. "": to none.
std::string served_process(const AppConfig& config, const std::string& process);

// The same of a whole route: a stream leads to a web process alone.
bool leads_somewhere(const AppConfig& config, const RouteSpec& route);

// The processes of `config` that are reached by streams alone, with `added` beside its own routes:
// they are not spoken HTTP to. Not `web`, which every app's own host leads to.
bool is_stream_only(const AppConfig& config, const std::vector<RouteSpec>& added,
                    const std::string& process);

// Why `process` cannot be asked by the forward_auth of a route of the same app: "expected …, found
// …", "" if it can. One that is reached by streams alone can if they lead to a port of their own.
std::string not_asked_why(const AppConfig& config, const std::vector<RouteSpec>& added,
                          const std::string& process);

// Why no request of a route, one of `config` or of `added`, gets to an instance: its process is not
// there, or whom it asks cannot be asked; "" if nothing is in the way.
std::string route_problem(const AppConfig& config, const std::vector<RouteSpec>& added,
                          const RouteSpec& route);

// How instances of `process` are probed: as its release says, but for one that does not speak HTTP
// and so is probed by a connection, or not at all if it has none to offer.
HealthSpec probe_of(const AppConfig& config, const std::vector<RouteSpec>& added,
                    const std::string& process);

}  // namespace moln
