// Certificates that people bring and take away.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "model/limits.h"
#include "model/words.h"
#include "plan/certificates.h"
#include "plan/decision.h"

namespace moln::plan {

namespace {

Bytes size_of(const Certificate& certificate) {
    return {static_cast<std::int64_t>(certificate.chain.size() + certificate.sealed_key.size())};
}

// The most frequent mistake: cert.pem in place of fullchain.pem. Browsers that have met the issuer
// elsewhere do not show it. One that is its own issuer bears the name of its host.
std::string chain_advice(const Certificate& certificate) {
    constexpr std::string_view k_begin = "-----BEGIN CERTIFICATE-----";
    if (std::ranges::find(certificate.hosts, certificate.issuer) != certificate.hosts.end()) {
        return "";
    }
    const auto first = certificate.chain.find(k_begin);
    if (certificate.chain.find(k_begin, first + 1) != std::string::npos) return "";
    return fmt::format(
        "; it comes without {}, its issuer: clients that do not know that one refuse "
        "it, unless --cert has both (fullchain.pem)",
        certificate.issuer);
}

// The very same once more, as a script does every night: nothing to tell. It is stored all the
// same, since it may be there because the key that it was sealed with is lost.
Status seal_anew(Decision& d, Certificate certificate, const std::string& sealed_key) {
    d.reply.certificate = certificate.id;
    d.reply.text = fmt::format("{}: was there already, ends in {}", certificate.id.text,
                               duration_words(certificate.not_after - d.now()));
    certificate.sealed_key = sealed_key;
    d.draft.put(std::move(certificate));
    return {};
}

}  // namespace

Status decide_on(Decision& d, const AddCertificateCommand& command) {
    auto certificate = command.certificate;
    if (!is_valid(certificate, d.now())) {
        return fail(ErrorCode::invalid, "the certificate is not valid now");
    }
    certificate.created = d.now();
    certificate.source = CertificateSource::file;
    // The older ones of the same hosts: one, or several when two came at the same moment.
    std::size_t added = 0;
    auto size = size_of(certificate);
    bool renews = false;
    for (const auto& [id, other] : d.world().certificates) {
        if (other.source != CertificateSource::file) continue;
        if (id == certificate.id && other.fingerprint == certificate.fingerprint &&
            other.chain == certificate.chain) {
            return seal_anew(d, other, certificate.sealed_key);
        }
        if (other.hosts == certificate.hosts) {
            renews = true;
            if (id != certificate.id) d.draft.drop(id);
            continue;
        }
        ++added;
        size = size + size_of(other);
    }
    if (added >= k_certificates_max) {
        return fail(ErrorCode::refused, fmt::format("{} certificates were added: no more are "
                                                    "allowed; see `moln cert ls`",
                                                    k_certificates_max));
    }
    if (size > k_certificates_size_max) {
        return fail(ErrorCode::refused,
                    fmt::format("all certificates together would have {}: at most {} are taken; "
                                "shorter chains and EC keys are smaller",
                                size_words(size), size_words(k_certificates_size_max)));
    }
    const auto hosts = hosts_words(certificate.hosts);
    d.reply.certificate = certificate.id;
    d.reply.text = fmt::format(
        "{}: {} {}, ends in {}{}", certificate.id.text, renews ? "renewed for" : "serves", hosts,
        duration_words(certificate.not_after - d.now()), chain_advice(certificate));
    d.effects.push_back(fmt::format("serve {} with this certificate", hosts));
    d.draft.tell(EventLevel::info, renews ? "certificate.renewed" : "certificate.added", {},
                 certificate.id.text,
                 fmt::format("the certificate of {}, from {}, was {}: it ends in {}", hosts,
                             certificate.issuer, renews ? "renewed" : "added",
                             duration_words(certificate.not_after - d.now())));
    d.draft.put(std::move(certificate));
    return {};
}

Status decide_on(Decision& d, const RemoveCertificateCommand& command) {
    const auto* found = d.draft.certificate(command.certificate);
    if (found == nullptr) {
        return fail(ErrorCode::not_found,
                    fmt::format("certificate {}: there is none of this id; see `moln cert ls`",
                                command.certificate.text));
    }
    const auto hosts = hosts_words(found->hosts);
    d.reply.certificate = found->id;
    d.reply.text = fmt::format("{}: the certificate of {} is removed{}", found->id.text, hosts,
                               found->source != CertificateSource::file
                                   ? "; while a route needs one, another is issued"
                                   : "");
    d.effects.push_back(fmt::format("no longer serve {} with {}", hosts, found->id.text));
    d.draft.tell(EventLevel::info, "certificate.removed", {}, found->id.text,
                 fmt::format("the certificate of {} was removed", hosts));
    d.draft.drop(CertificateId(found->id));
    return {};
}

}  // namespace moln::plan
