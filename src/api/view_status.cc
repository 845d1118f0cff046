#include <algorithm>

#include <fmt/format.h>

#include "api/call.h"
#include "api/view.h"
#include "model/certificate.h"
#include "model/certificate_advice.h"

namespace moln::api {
namespace {

constexpr Bytes k_disk_free_low = gib(1);
constexpr std::int64_t k_restarts_of_crash_loop = 3;
constexpr std::size_t k_warnings_max = 20;

void count_apps(const World& world, StatusView& view) {
    const auto index = index_instances(world);
    static const std::vector<const Instance*> k_none;
    for (const auto& [id, app] : world.apps) {
        const auto found = index.find(id);
        const auto seen = app_view(world, app, found == index.end() ? k_none : found->second);
        ++view.counts.apps;
        for (const auto& process : seen.processes) {
            view.counts.instances_wanted += process.wanted;
            view.counts.instances_ready += process.ready;
            view.counts.instances_canary += process.canary_ready;
            view.counts.instances_draining += process.draining;
        }
        if (seen.state == AppState::failed) {
            view.warnings.push_back(fmt::format(
                "app {}: release {} did not become healthy, {}; see `moln events --app "
                "{}`",
                seen.name, app.rollout.to,
                app.release_served == 0 ? "there is no other to go back to"
                                        : fmt::format("release {} serves", app.release_served),
                seen.name));
        }
    }
}

void warn_of_crash_loops(const World& world, StatusView& view) {
    for (const auto& [id, instance] : world.instances) {
        const auto* seen = find_seen(world, instance);
        if (seen == nullptr || seen->phase != InstancePhase::backing_off) continue;
        if (seen->restarts < k_restarts_of_crash_loop) continue;
        view.warnings.push_back(
            fmt::format("instance {}: keeps crashing ({}), {} restarts; see `moln logs --app {}`",
                        id.text, seen->last_exit ? exit_words(*seen->last_exit) : "not started",
                        seen->restarts, name_of(instance.app)));
    }
}

void warn_of_node(const World& world, StatusView& view) {
    if (!view.edge.connected) {
        view.warnings.push_back(
            "edge: not connected to the daemon; if its process is gone no request is served, "
            "otherwise it serves from its last snapshot");
    }
    const auto node = world.nodes.find(world.self);
    if (node == world.nodes.end() || !node->second.connected) {
        view.warnings.push_back("node: has not reported its instances yet");
    } else if (view.disk_free < k_disk_free_low) {
        view.warnings.push_back(
            fmt::format("disk: {} free under the data directory; `moln trash purge` makes room",
                        size_words(view.disk_free)));
    }
}

void warn_of_certificates(const World& world, Now now, StatusView& view) {
    const CertificateIndex index(world.certificates, now.wall);
    for (const auto& [id, certificate] : world.certificates) {
        const auto left = certificate.not_after - now.wall;
        if (left > k_expiry_warning) continue;
        const bool by_file = certificate.source == CertificateSource::file;
        if (by_file && !index.is_best(certificate)) continue;  // others were added in its place
        if (!by_file && certificate_view(world, certificate, now).used_by.empty()) continue;
        auto what =
            by_file ? "renew it and `moln cert add` it again" : renewal_trouble(world, certificate);
        // Of a short life, and its renewal is not long due.
        const auto due = certificate.not_after - renewal_time(certificate);
        if (what.empty() && left.count > due.count / 2) continue;
        if (what.empty()) what = "it is being renewed";
        const auto when = left.count > 0 ? "ends in " + duration_words(left) : "has ended";
        view.warnings.push_back(fmt::format("certificate {} of {}: {}; {}", id.text,
                                            certificate.hosts.front(), when, what));
    }
    for (const auto& [id, seen] : world.staples) {
        const auto found = world.certificates.find(id);
        if (found == world.certificates.end()) continue;
        const auto& certificate = found->second;
        if (certificate.source != CertificateSource::file &&
            certificate_view(world, certificate, now).used_by.empty()) {
            continue;  // nobody is served with it any more
        }
        if (is_key_lost(world, certificate) && index.is_best(certificate)) {
            view.warnings.push_back(fmt::format(
                "certificate {} of {}: its private key cannot be opened any more, nobody is served "
                "with it; see `moln cert ls`",
                id.text, certificate.hosts.front()));
        }
        if (!seen.revoked || seen.fingerprint != certificate.fingerprint ||
            !index.is_best(certificate))
            continue;
        const bool acme = certificate.source == CertificateSource::acme;
        view.warnings.push_back(
            fmt::format("certificate {} of {}: revoked by {}; {}", id.text,
                        certificate.hosts.front(), certificate.issuer,
                        acme ? "another is ordered" : "get another and `moln cert add` it"));
    }
    for (const auto& [host, order] : world.orders) {
        const bool routed =
            std::ranges::binary_search(world.edge.routes, host, {}, &EdgeRoute::host);
        if (!routed || order.reason.empty()) continue;
        view.warnings.push_back(fmt::format("certificate of {}: {}; tried {}, see `moln cert ls`",
                                            host, order.reason,
                                            count_words(order.attempts, "time")));
    }
    if (world.acme && world.acme->enabled && !world.acme->reason.empty()) {
        view.warnings.push_back(fmt::format("certificates from {}: {}",
                                            acme_name(world.acme->directory), world.acme->reason));
    }
    for (const auto& [host, seen] : world.issuing) {
        if (!std::ranges::binary_search(world.edge.routes, host, {}, &EdgeRoute::host)) continue;
        view.warnings.push_back(fmt::format("certificate of {}: could not be issued {}: {}", host,
                                            count_words(seen.failures, "time"), seen.reason));
    }
}

}  // namespace

StatusView status_view(const World& world, const ServiceInfo& info, Now now) {
    StatusView view;
    view.node = world.self.text;
    view.version = info.version;
    view.uptime = now.mono - info.started;
    if (const auto node = world.nodes.find(world.self); node != world.nodes.end()) {
        view.memory = node->second.memory;
        view.cpu_millis = node->second.cpu_millis;
        view.disk_free = node->second.disk_free;
    }
    if (const auto edge = world.edges.find(world.self); edge != world.edges.end()) {
        view.edge.connected = edge->second.connected;
        view.edge.listens = edge->second.report.listens;
        view.edge.tls_listens = edge->second.report.tls_listens;
        view.edge.pid = edge->second.report.pid;
        view.edge.leaving = edge->second.report.leaving_processes;
        view.edge.version_acked = edge->second.report.acked_version;
    }
    view.counts.volumes = static_cast<std::int64_t>(world.volumes.size());
    view.counts.trash_items = static_cast<std::int64_t>(world.trash.size());
    for (const auto& [id, item] : world.trash) {
        view.counts.trash_size = view.counts.trash_size + item.size;
    }
    warn_of_node(world, view);
    count_apps(world, view);
    warn_of_crash_loops(world, view);
    warn_of_certificates(world, now, view);
    if (view.warnings.size() > k_warnings_max) {
        const auto more = view.warnings.size() - k_warnings_max;
        view.warnings.resize(k_warnings_max);
        view.warnings.push_back(fmt::format("and {} more", more));
    }
    return view;
}

}  // namespace moln::api
