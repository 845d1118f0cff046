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

std::shared_ptr<const tls::Certificate> CertificateShelf::take(
    Shelf& before, Shelf& after, const EdgeCertificate& source) const {
    auto known = before.find(source.id);
    if (known == before.end() || known->second.source != source) {
        auto opened = open(source);
        if (!opened) {
            say("certificate_ignored", "id={} reason={}", source.id.text, opened.error().reason);
            return nullptr;
        }
        known = before.insert_or_assign(source.id, Opened{source, std::move(*opened)}).first;
    }
    auto certificate = known->second.certificate;
    after.insert(before.extract(known));
    return certificate;
}

std::shared_ptr<const tls::Sites> CertificateShelf::sites_of(const EdgeSnapshot& snapshot) {
    auto before = std::exchange(opened_, {});
    auto challenges_before = std::exchange(challenges_, {});
    auto sites = std::make_shared<tls::Sites>();
    for (const auto& source : snapshot.certificates) {
        auto certificate = take(before, opened_, source);
        if (certificate) sites->add(source.hosts, std::move(certificate));
    }
    for (const auto& challenge : snapshot.challenges) {
        if (challenge.kind != ChallengeKind::tls_alpn_01) continue;
        const EdgeCertificate source{.id = challenge.id,
                                     .hosts = {challenge.host},
                                     .chain = challenge.chain,
                                     .sealed_key = challenge.sealed_key};
        auto certificate = take(challenges_before, challenges_, source);
        if (certificate) sites->add_challenge(challenge.host, std::move(certificate));
    }
    return sites;
}

}  // namespace moln::edge_loop
