#include "model/certificate_advice.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/acme.h"
#include "model/limits.h"

namespace moln {
namespace {

bool has_all_that_may_be(const World& world) {
    const auto count = std::ranges::count_if(world.certificates, [](const auto& one) {
        return one.second.source == CertificateSource::acme;
    });
    return static_cast<std::size_t>(count) + world.orders.size() >= k_acme_certificates_max;
}

}  // namespace

CertificateAdvice::CertificateAdvice(const World& world, WallTime now)
    : world_(world),
      now_(now),
      index_(world.certificates, now),
      is_full_(has_all_that_may_be(world)) {}

std::string CertificateAdvice::of(const std::string& host) const {
    if (host == "*" || is_local_host(host)) return "";
    const auto* serving = index_.find(host);
    if (serving != nullptr && is_valid(*serving, now_)) return "";
    if (host.starts_with("*")) {
        return "no certificate serves it over TLS: one of a wildcard must be added by `moln cert "
               "add`";
    }
    if (!is_public_host(host)) {
        return "no certificate serves it over TLS: add one by `moln cert add`";
    }
    if (!world_.acme || !world_.acme->enabled) {
        return "no certificate serves it over TLS: `moln cert acme --agree-tos` once, and hosts "
               "such as this one get theirs by themselves; or add one by `moln cert add`";
    }
    if (serving != nullptr || !is_full_ || world_.orders.contains(host)) return "";
    return fmt::format(
        "no certificate serves it over TLS, and none is ordered while there are {} of public "
        "authorities: take some away that no route needs by `moln cert rm`, or add one by `moln "
        "cert add`",
        k_acme_certificates_max);
}

bool is_key_lost(const World& world, const Certificate& certificate) {
    const auto seen = world.staples.find(certificate.id);
    return seen != world.staples.end() && seen->second.facts.key_lost &&
           seen->second.sealed_key == certificate.sealed_key;
}

std::string renewal_trouble(const World& world, const Certificate& certificate) {
    const std::string_view not_yet = "it could not be renewed yet: ";
    if (certificate.source == CertificateSource::file) return "";
    const bool acme = certificate.source == CertificateSource::acme;
    if (acme && (!world.acme || !world.acme->enabled)) {
        return "nothing renews it: see `moln cert acme`";
    }
    for (const auto& host : certificate.hosts) {
        const auto issuing = world.issuing.find(host);
        if (!acme && issuing != world.issuing.end()) {
            return fmt::format("{}{}", not_yet, issuing->second.reason);
        }
        const auto order = world.orders.find(host);
        if (acme && order != world.orders.end() && !order->second.reason.empty()) {
            return fmt::format("{}{}", not_yet, order->second.reason);
        }
    }
    // Of those that wait for all the same only a few were tried.
    if (!acme || world.acme->reason.empty()) return "";
    return fmt::format("{}{}", not_yet, world.acme->reason);
}

std::string certificate_advice(const World& world, const std::string& host, WallTime now) {
    return CertificateAdvice(world, now).of(host);
}

}  // namespace moln
