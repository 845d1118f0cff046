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

std::string certificate_advice(const World& world, const std::string& host, WallTime now) {
    return CertificateAdvice(world, now).of(host);
}

}  // namespace moln
