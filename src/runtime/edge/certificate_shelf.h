// The snapshot's certificates, opened and ready to be shown. Those that did not change from one
// snapshot to the next are kept. Control thread.
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
    std::shared_ptr<const tls::Sites> sites_of(const std::vector<EdgeCertificate>& certificates);

private:
    struct Opened {
        EdgeCertificate source;
        std::shared_ptr<const tls::Certificate> certificate;
    };
    Result<std::shared_ptr<const tls::Certificate>> open(const EdgeCertificate& source) const;

    std::optional<SealBox> seal_;
    std::map<CertificateId, Opened> opened_;
};

}  // namespace moln::edge_loop
