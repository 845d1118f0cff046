#include <algorithm>

#include "api/view.h"

namespace moln::api {
namespace {

// A route to any host, or to any below one, uses every added certificate that such a host may need.
bool may_lead(const std::string& route_host, const std::string& name) {
    if (route_host == "*") return true;
    if (!route_host.starts_with("*.")) return false;
    const std::string_view below = std::string_view(route_host).substr(1);
    return name.ends_with(below);
}

using Users = std::map<CertificateId, std::vector<std::string>>;

// "host/path" of the routes that each certificate serves, by what the edges were given.
Users users_of(const World& world) {
    std::map<std::string_view, CertificateId> bearers;
    for (const auto& certificate : world.edge.certificates) {
        for (const auto& host : certificate.hosts) bearers[host] = certificate.id;
    }
    Users users;
    for (const auto& route : world.edge.routes) {
        auto found = bearers.find(route.host);
        const auto dot = route.host.find('.');
        if (found == bearers.end() && dot != std::string::npos) {
            found = bearers.find("*" + route.host.substr(dot));
        }
        const auto words = route.host + route.path;
        if (found != bearers.end()) users[found->second].push_back(words);
        if (!route.host.starts_with("*")) continue;
        for (const auto& [id, certificate] : world.certificates) {
            const auto leads = [&](const auto& name) { return may_lead(route.host, name); };
            const bool serves = found != bearers.end() && found->second == id;
            if (serves || certificate.source != CertificateSource::file) continue;
            if (std::ranges::any_of(certificate.hosts, leads)) users[id].push_back(words);
        }
    }
    return users;
}

CertificateView view_of(const Certificate& certificate, const Users& users, WallTime now) {
    const auto used = users.find(certificate.id);
    return {.id = certificate.id,
            .hosts = certificate.hosts,
            .source = certificate.source,
            .issuer = certificate.issuer,
            .key_type = certificate.key_type,
            .fingerprint = certificate.fingerprint,
            .not_before = certificate.not_before,
            .not_after = certificate.not_after,
            .expires_in = certificate.not_after - now,
            .used_by = used == users.end() ? std::vector<std::string>{} : used->second,
            .created = certificate.created,
            .chain = std::nullopt};
}

}  // namespace

CertificateView certificate_view(const World& world, const Certificate& certificate, WallTime now) {
    return view_of(certificate, users_of(world), now);
}

std::vector<CertificateView> certificate_views(const World& world, WallTime now) {
    const auto users = users_of(world);
    std::vector<CertificateView> views;
    for (const auto& [id, certificate] : world.certificates) {
        views.push_back(view_of(certificate, users, now));
    }
    std::ranges::stable_sort(views, {}, &CertificateView::hosts);
    return views;
}

}  // namespace moln::api
