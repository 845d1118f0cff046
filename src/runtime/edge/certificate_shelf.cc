#include "runtime/edge/certificate_shelf.h"

#include <utility>

#include "runtime/edge/say.h"

namespace moln::edge_loop {

Result<std::shared_ptr<const tls::Certificate>> CertificateShelf::open(
    const EdgeCertificate& source) const {
    if (!seal_) return fail(ErrorCode::refused, "the edge was started without a key to open it");
    MOLN_ASSIGN(const auto key, seal_->unseal(source.sealed_key, seal_context(source.id)));
    return tls::Certificate::parse(source.chain, key);
}

std::shared_ptr<const tls::Sites> CertificateShelf::sites_of(
    const std::vector<EdgeCertificate>& certificates) {
    auto before = std::exchange(opened_, {});
    auto sites = std::make_shared<tls::Sites>();
    for (const auto& source : certificates) {
        auto known = before.find(source.id);
        if (known == before.end() || known->second.source != source) {
            auto opened = open(source);
            if (!opened) {
                say("certificate_ignored", "id={} reason={}", source.id.text,
                    opened.error().reason);
                continue;
            }
            known = before.insert_or_assign(source.id, Opened{source, std::move(*opened)}).first;
        }
        sites->add(source.hosts, known->second.certificate);
        opened_.insert(before.extract(known));
    }
    return sites;
}

}  // namespace moln::edge_loop
