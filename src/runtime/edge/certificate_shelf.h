// The snapshot's certificates, opened and ready to be shown, and those that only a certificate
// authority is shown while it looks whether we speak for a host (tls-alpn-01). Those that did not
// change from one snapshot to the next are kept. Control thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "io/host/seal.h"
#include "io/tls/sites.h"
#include "model/edge.h"

namespace moln::edge_loop {

class CertificateShelf {
public:
    // Without a seal no key can be opened: then there are no certificates.
    explicit CertificateShelf(std::optional<SealBox> seal) : seal_(std::move(seal)) {}

    // One that cannot be used is told of in the edge's output and left out: the others still serve.
    std::shared_ptr<const tls::Sites> sites_of(const EdgeSnapshot& snapshot);

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

    std::optional<SealBox> seal_;
    Shelf opened_;
    Shelf challenges_;
};

}  // namespace moln::edge_loop
