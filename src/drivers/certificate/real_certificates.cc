#include "drivers/certificate/real_certificates.h"

#include <utility>

#include <fmt/format.h>

#include "drivers/certificate/inspect.h"
#include "drivers/certificate/issue.h"
#include "drivers/certificate/ocsp.h"
#include "drivers/certificate/request.h"
#include "io/tls/openssl.h"
#include "io/tls/shared_key.h"
#include "model/acme.h"
#include "model/certificate.h"
#include "model/edge.h"

namespace moln {
namespace {

constexpr Milliseconds k_authority_backdated = days(365);
constexpr Milliseconds k_certificate_backdated = days(1);

// X.509 counts seconds: what is stored is what stands in the certificate. Rounded up, so that the
// life is not short of its promise.
WallTime whole_second(WallTime time) {
    return {(time.ms + 999) / 1000 * 1000};
}

}  // namespace

Result<InspectedCertificate> RealCertificates::inspect(const Secret& pem, WallTime now) {
    return inspect_certificate(pem, now);
}

Result<std::string> RealCertificates::seal_key(const CertificateId& id, const Secret& key) {
    return edge_seals_.seal(key, seal_context(id));
}

Result<std::string> RealCertificates::make_account_key() {
    MOLN_ASSIGN(const auto key, moln::make_account_key());
    return seals_.seal(key, k_acme_key);
}

Status RealCertificates::check_ca_bundle(const std::string& pem) {
    if (pem.size() > k_acme_ca_bundle_bytes_max) {
        return fail(ErrorCode::invalid, fmt::format("it has {} bytes: at most {} are taken",
                                                    pem.size(), k_acme_ca_bundle_bytes_max));
    }
    MOLN_ASSIGN(const auto found, openssl::read_certificates(pem));
    if (!found.empty()) return {};
    return fail(
        ErrorCode::invalid,
        "there is no certificate in it: expected PEM, from \"-----BEGIN CERTIFICATE-----\"");
}

Result<std::string> RealCertificates::make_ticket_key(const std::string& id, WallTime now) {
    const auto key = tls::fresh_shared_key(now);
    if (!key) return fail(ErrorCode::internal, "the system has no random numbers");
    return edge_seals_.seal(tls::pack(*key), ticket_context(id));
}

StapleFacts RealCertificates::staple_facts(const Certificate& certificate) {
    auto facts = read_staple_facts(certificate.chain, certificate.staple);
    facts.key_lost =
        !edge_seals_.unseal(certificate.sealed_key, seal_context(certificate.id)).has_value();
    return facts;
}

Result<Staple> RealCertificates::ask_staple(const Certificate& certificate, WallTime) {
    return ask_responder(certificate.chain);
}

Result<Authority> RealCertificates::make_authority(WallTime now) {
    const auto today = whole_second(now);
    const Validity validity{today + Milliseconds{-k_authority_backdated.count},
                            today + k_authority_life};
    MOLN_ASSIGN(auto made, make_root(validity));
    return Authority{.certificate = std::move(made.certificate),
                     .sealed_key = seals_.seal(made.key, k_authority_key),
                     .not_before = validity.from,
                     .not_after = validity.until,
                     .fingerprint = std::move(made.fingerprint)};
}

Result<Certificate> RealCertificates::issue(const Authority& authority, const CertificateId& id,
                                            const std::string& host, WallTime now) {
    const auto today = whole_second(now);
    const Validity validity{today + Milliseconds{-k_certificate_backdated.count},
                            today + k_local_certificate_life};
    MOLN_ASSIGN(const auto key, seals_.unseal(authority.sealed_key, k_authority_key));
    MOLN_ASSIGN(auto made, sign_server(authority.certificate, key, host, validity));
    return Certificate{.id = id,
                       .hosts = {host},
                       .source = CertificateSource::local,
                       .chain = std::move(made.certificate),
                       .sealed_key = edge_seals_.seal(made.key, seal_context(id)),
                       .not_before = validity.from,
                       .not_after = validity.until,
                       .issuer = std::move(made.issuer),
                       .key_type = std::move(made.key_type),
                       .fingerprint = std::move(made.fingerprint),
                       .created = now};
}

}  // namespace moln
