// Certificates on OpenSSL 3. See ports/certificates.h.
#pragma once

#include "io/host/seal.h"
#include "ports/certificates.h"

namespace moln {

class RealCertificates final : public Certificates {
public:
    // `seals` outlives it and seals the authority's key; the others are of a box for the edge.
    explicit RealCertificates(const SealBox& seals)
        : seals_(seals), edge_seals_(seals.for_purpose(k_seal_certificates)) {}

    Result<InspectedCertificate> inspect(const Secret& pem, WallTime now) override;
    Result<std::string> seal_key(const CertificateId& id, const Secret& key) override;
    Result<std::string> make_account_key() override;
    Status check_ca_bundle(const std::string& pem) override;
    Result<std::string> make_ticket_key(const std::string& id, WallTime now) override;
    StapleFacts staple_facts(const Certificate& certificate) override;
    Result<Staple> ask_staple(const Certificate& certificate, WallTime now) override;
    Result<Authority> make_authority(WallTime now) override;
    Result<Certificate> issue(const Authority& authority, const CertificateId& id,
                              const std::string& host, WallTime now) override;

private:
    const SealBox& seals_;
    SealBox edge_seals_;
};

}  // namespace moln
