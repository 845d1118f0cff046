#include "model/certificate_advice.h"

#include "model/acme.h"
#include "model/certificate.h"

namespace moln {

std::string certificate_advice(const World& world, const std::string& host, WallTime now) {
    if (host == "*" || is_local_host(host)) return "";
    const CertificateIndex index(world.certificates, now);
    const auto* serving = index.find(host);
    if (serving != nullptr && is_valid(*serving, now)) return "";
    if (host.starts_with("*")) {
        return "no certificate serves it over TLS: one of a wildcard must be added by `moln cert "
               "add`";
    }
    if (!is_public_host(host)) {
        return "no certificate serves it over TLS: add one by `moln cert add`";
    }
    if (world.acme && world.acme->enabled) return "";
    return "no certificate serves it over TLS: `moln cert acme --agree-tos` once, and hosts such "
           "as "
           "this one get theirs by themselves; or add one by `moln cert add`";
}

}  // namespace moln
