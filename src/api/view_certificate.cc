#include <algorithm>
#include <functional>
#include <map>
#include <span>
#include <utility>

#include "api/view.h"
#include "model/acme.h"
#include "model/certificate.h"
#include "model/certificate_advice.h"
#include "model/route.h"

namespace moln::api {
namespace {

// What the edges were given, by every name that it bears.
class Bearers {
public:
    explicit Bearers(const EdgeSnapshot& edge) {
        for (const auto& certificate : edge.certificates) {
            for (const auto& host : certificate.hosts) all_[host] = certificate.id;
        }
    }
    // As serving_certificate(): that of the host's own name, else that of the star above it.
    const CertificateId* find(const std::string& host) const {
        auto found = all_.find(host);
        const auto dot = host.find('.');
        if (found == all_.end() && dot != std::string::npos && !host.starts_with("*")) {
            found = all_.find("*" + host.substr(dot));
        }
        return found == all_.end() ? nullptr : &found->second;
    }

private:
    std::map<std::string, CertificateId, std::less<>> all_;
};

using Users = std::map<CertificateId, std::vector<std::string>>;

// "host/path" of the routes that each certificate serves.
Users users_of(const World& world, const Bearers& bearers) {
    Users users;
    for (const auto& route : world.edge.routes) {
        const auto* found = bearers.find(route.host);
        const auto words = route.host + route.path;
        if (found != nullptr) users[*found].push_back(words);
        // Of any host, or any below one: each added certificate that such a host may need.
        if (!route.host.starts_with("*")) continue;
        for (const auto& [id, certificate] : world.certificates) {
            const auto leads = [&](const auto& name) { return is_host_of_route(route.host, name); };
            const bool serves = found != nullptr && *found == id;
            if (serves || certificate.source != CertificateSource::file) continue;
            if (std::ranges::any_of(certificate.hosts, leads)) users[id].push_back(words);
        }
    }
    return users;
}

Milliseconds left_until(SteadyTime time, const Now& now) {
    return std::max(time - now.steady, Milliseconds{0});
}

void add_order(const World& world, const CertificateOrder& order, const Now& now,
               CertificateView& view) {
    view.trouble = order.reason;
    if (!world.attempts.contains(order.host)) view.retry_in = left_until(order.retry, now);
}

void add_staple(const World& world, const Certificate& certificate, WallTime now,
                CertificateView& view) {
    if (!certificate.staple.empty() && certificate.staple_until > now) {
        view.stapled_until = certificate.staple_until;
    }
    const auto seen = world.staples.find(certificate.id);
    if (seen == world.staples.end() || seen->second.fingerprint != certificate.fingerprint) return;
    view.ocsp = seen->second.facts.responder;
    view.must_staple = seen->second.facts.must_staple;
    view.staple_trouble = seen->second.reason;
    if (view.must_staple && view.ocsp.empty()) {
        view.staple_trouble = "it names nobody who could be asked by plain HTTP";
    }
}

CertificateView view_of(const World& world, const Certificate& certificate, const Users& users,
                        const Now& clock) {
    const auto now = clock.wall;
    const auto used = users.find(certificate.id);
    CertificateView view = {
        .id = certificate.id,
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
    add_staple(world, certificate, now, view);
    if (!is_valid(certificate, now)) view.state = CertificateState::ended;
    const bool lost = is_key_lost(world, certificate);
    if (lost) {
        view.state = CertificateState::failing;
        view.trouble = certificate.source == CertificateSource::file
                           ? "its private key cannot be opened any more: `moln cert add` it again "
                             "with its key"
                           : "its private key cannot be opened any more";
    }
    if (certificate.source != CertificateSource::acme) return view;
    for (const auto& host : certificate.hosts) {
        const auto order = world.orders.find(host);
        if (order == world.orders.end() || (lost && order->second.reason.empty())) continue;
        add_order(world, order->second, clock, view);
    }
    return view;
}

// A host that has no certificate, by its routes: what is done about it, or what is to be done.
CertificateView view_without(const World& world, std::span<const EdgeRoute> routes,
                             const CertificateAdvice& advices, const Now& now) {
    const auto& host = routes.front().host;
    CertificateView view;
    view.hosts = {host};
    view.source = CertificateSource::acme;
    view.state = CertificateState::ordered;
    for (const auto& route : routes) view.used_by.push_back(route.host + route.path);
    if (const auto order = world.orders.find(host); order != world.orders.end()) {
        view.id = order->second.id;
        if (!order->second.reason.empty()) view.state = CertificateState::failing;
        add_order(world, order->second, now, view);
    }
    const auto advice = advices.of(host);
    if (!advice.empty()) {
        view.state = CertificateState::missing;
        view.trouble = advice;
        view.retry_in = {};
    } else if (view.trouble.empty() && world.acme && !world.acme->reason.empty()) {
        view.trouble = world.acme->reason;
        view.retry_in = left_until(world.acme->retry, now);
        view.state = CertificateState::failing;
    }
    return view;
}

}  // namespace

CertificateView certificate_view(const World& world, const Certificate& certificate,
                                 const Now& now) {
    return view_of(world, certificate, users_of(world, Bearers(world.edge)), now);
}

// Of tens of thousands of hosts, too: nothing here looks at all of them for each.
std::vector<CertificateView> certificate_views(const World& world, const Now& now) {
    const Bearers bearers(world.edge);
    const auto users = users_of(world, bearers);
    std::vector<CertificateView> views;
    for (const auto& [id, certificate] : world.certificates) {
        views.push_back(view_of(world, certificate, users, now));
    }
    const CertificateAdvice advices(world, now.wall);
    const std::span routes(world.edge.routes);
    for (std::size_t begin = 0, end = 0; begin < routes.size(); begin = end) {
        const auto& host = routes[begin].host;
        while (end < routes.size() && routes[end].host == host) ++end;
        if (host == "*" || is_local_host(host) || bearers.find(host) != nullptr) continue;
        views.push_back(view_without(world, routes.subspan(begin, end - begin), advices, now));
    }
    std::ranges::stable_sort(views, {}, &CertificateView::hosts);
    return views;
}

AcmeView acme_view(const World& world, const Now& now) {
    if (!world.acme) return {};
    const auto& account = *world.acme;
    AcmeView view{.enabled = account.enabled,
                  .authority = acme_name(account.directory),
                  .directory = account.directory,
                  .email = account.email,
                  .own_ca = !account.ca_bundle.empty(),
                  .registered = account.registered,
                  .agreed = account.agreed,
                  .trouble = account.reason,
                  .retry_in = left_until(account.retry, now)};
    for (const auto& one : certificate_views(world, now)) {
        const bool waits =
            one.state == CertificateState::ordered || one.state == CertificateState::failing;
        if (waits) ++view.waiting;
    }
    return view;
}

}  // namespace moln::api
