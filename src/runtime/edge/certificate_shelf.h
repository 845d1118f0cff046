// The snapshot's certificates, opened and ready to be shown, and those that only a certificate
// authority is shown while it looks whether we speak for a host (tls-alpn-01). Those that did not
// change from one snapshot to the next are kept. Control thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edge/compiled.h"
#include "io/host/seal.h"
#include "io/tls/shared_key.h"
#include "io/tls/sites.h"
#include "model/edge.h"

namespace moln::edge_loop {

class CertificateShelf {
public:
    // Without a seal no key can be opened: then there are no certificates.
    explicit CertificateShelf(std::optional<SealBox> seal) : seal_(std::move(seal)) {}

    // One that cannot be used is told of in the edge's output and left out: the others still serve.
    // `compiled`: of the same snapshot.
    std::shared_ptr<const tls::Sites> sites_of(const EdgeSnapshot& snapshot,
                                               const edge::CompiledSnapshot& compiled);

    // Those that all edges share, the one that makes tickets first. One that cannot be opened is
    // left out.
    std::vector<tls::TicketKey> ticket_keys_of(const EdgeSnapshot& snapshot, Now now);

    // Of what is sealed as the keys are.
    Result<Secret> unseal(std::string_view text, std::string_view context) const;

private:
    struct Opened {
        EdgeCertificate source;
        std::shared_ptr<const tls::Certificate> certificate;
    };
    using Shelf = std::map<CertificateId, Opened>;
    Result<std::shared_ptr<const tls::Certificate>> open(const EdgeCertificate& source) const;
    // Null: it cannot be used.
    std::shared_ptr<const tls::Certificate> take(Shelf& before, Shelf& after,
                                                 const EdgeCertificate& source) const;

    void add_clients(tls::Sites& sites, const edge::CompiledSnapshot& compiled);

    std::optional<SealBox> seal_;
    Shelf opened_;
    Shelf challenges_;
    std::map<std::string, tls::SharedKey> ticket_keys_;  // by what they are sealed as
    // Of clients, by their PEM; null: they cannot be read.
    std::map<std::string, std::shared_ptr<const tls::ClientAuthorities>> authorities_;
};

}  // namespace moln::edge_loop
