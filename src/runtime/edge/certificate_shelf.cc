#include "runtime/edge/certificate_shelf.h"

#include <algorithm>
#include <utility>

#include "runtime/edge/say.h"

namespace moln::edge_loop {

Result<Secret> CertificateShelf::unseal(std::string_view text, std::string_view context) const {
    if (!seal_) return fail(ErrorCode::refused, "the edge was started without a key to open it");
    return seal_->unseal(text, context);
}

Result<std::shared_ptr<const tls::Certificate>> CertificateShelf::open(
    const EdgeCertificate& source) const {
    MOLN_ASSIGN(const auto key, unseal(source.sealed_key, seal_context(source.id)));
    return tls::Certificate::parse(source.chain, key, source.staple);
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

void CertificateShelf::add_clients(tls::Sites& sites, const edge::CompiledSnapshot& compiled) {
    auto before = std::exchange(authorities_, {});
    std::vector<std::shared_ptr<const tls::ClientAuthorities>> all;
    for (const auto& text : compiled.routes->authorities) {
        auto known = before.find(text);
        if (known == before.end()) {
            auto read = tls::ClientAuthorities::parse(text);
            if (!read) say("client_authorities_ignored", "reason={}", read.error().reason);
            known = before.emplace(text, read ? std::move(*read) : nullptr).first;
        }
        all.push_back(known->second);
        authorities_.insert(before.extract(known));
    }
    tls::ClientQuestions questions;
    for (const auto& [host, at] : compiled.routes->asking) {
        if (all[at]) questions.add(host, all[at]);
    }
    questions.settle();
    sites.set_clients(std::move(all), std::move(questions));
}

std::vector<tls::TicketKey> CertificateShelf::ticket_keys_of(const EdgeSnapshot& snapshot,
                                                             Now now) {
    auto before = std::exchange(ticket_keys_, {});
    std::vector<tls::TicketKey> keys;
    for (const auto& source : snapshot.ticket_keys) {
        if (!seal_) break;
        auto known = before.find(source.sealed_key);
        if (known == before.end()) {
            const auto packed = seal_->unseal(source.sealed_key, ticket_context(source.id));
            const auto key = packed ? tls::unpack(*packed) : std::nullopt;
            if (!key) {
                say("ticket_key_ignored", "id={}", source.id);
                continue;
            }
            known = before.emplace(source.sealed_key, *key).first;
        }
        auto key = known->second.key;
        const auto age = std::max(now.wall - known->second.made, Milliseconds{0});
        key.made = now.mono + Milliseconds{-age.count};
        keys.push_back(key);
        ticket_keys_.insert(before.extract(known));
    }
    return keys;
}

std::shared_ptr<const tls::Sites> CertificateShelf::sites_of(
    const EdgeSnapshot& snapshot, const edge::CompiledSnapshot& compiled) {
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
                                     .sealed_key = challenge.sealed_key,
                                     .staple = {}};
        auto certificate = take(challenges_before, challenges_, source);
        if (certificate) sites->add_challenge(challenge.host, std::move(certificate));
    }
    add_clients(*sites, compiled);
    return sites;
}

}  // namespace moln::edge_loop
