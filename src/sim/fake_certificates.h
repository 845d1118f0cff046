// Certificates that are no more than their host's name, equal for equal arguments. What people
// bring is text "certificate HOST …" and "key WORD", a line each.
#pragma once

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "model/certificate.h"
#include "ports/certificates.h"

namespace moln::sim {

class FakeCertificates final : public Certificates {
public:
    std::int64_t failing = 0;                 // so many next calls of issue()
    std::int64_t issues = 0;                  // calls of it
    std::string sealed_authority = "sealed";  // the key of another cannot be opened

    Result<InspectedCertificate> inspect(const Secret& pem, WallTime now) override {
        InspectedCertificate found;
        std::istringstream lines(pem.reveal());
        for (std::string line; std::getline(lines, line);) {
            std::istringstream words(line);
            std::string what;
            words >> what;
            for (std::string word; words >> word;) {
                if (what == "certificate") found.certificate.hosts.push_back(word);
                if (what == "key") found.key = Secret(word);
            }
        }
        auto& certificate = found.certificate;
        std::ranges::sort(certificate.hosts);
        if (certificate.hosts.empty()) return fail(ErrorCode::invalid, "there is no certificate");
        if (found.key.empty()) return fail(ErrorCode::invalid, "there is no private key");
        certificate.chain = fmt::format("chain of {}\n", fmt::join(certificate.hosts, " "));
        certificate.not_before = now;
        certificate.not_after = now + days(90);
        certificate.issuer = "A public authority";
        certificate.key_type = "EC P-256";
        certificate.fingerprint = "feed";
        return found;
    }
    Result<std::string> seal_key(const CertificateId& id, const Secret& key) override {
        return fmt::format("sealed {} bytes for {}", key.reveal().size(), id.text);
    }
    Result<std::string> make_account_key() override { return "sealed account key"; }
    Status check_ca_bundle(const std::string& pem) override {
        if (pem.find("certificate") != std::string::npos) return {};
        return fail(ErrorCode::invalid, "there is no certificate in it");
    }
    Result<Authority> make_authority(WallTime now) override {
        return Authority{.certificate = fmt::format("root of {}\n", now.ms),
                         .sealed_key = sealed_authority,
                         .not_before = now + Milliseconds{-days(365).count},
                         .not_after = now + k_authority_life,
                         .fingerprint = "f00d"};
    }
    Result<Certificate> issue(const Authority& authority, const CertificateId& id,
                              const std::string& host, WallTime now) override {
        ++issues;
        if (failing > 0) {
            --failing;
            return fail(ErrorCode::internal, "the random numbers ran out");
        }
        if (authority.sealed_key != sealed_authority) {
            return fail(ErrorCode::corrupt, "the secret of authority cannot be opened");
        }
        return Certificate{
            .id = id,
            .hosts = {host},
            .source = CertificateSource::local,
            .chain = fmt::format("chain of {} at {} under {}", host, now.ms, authority.certificate),
            .sealed_key = "sealed for " + id.text,
            .not_before = now + Milliseconds{-days(1).count},
            .not_after = now + k_local_certificate_life,
            .issuer = "Moln local authority",
            .key_type = "EC P-256",
            .fingerprint = "beef",
            .created = now};
    }
    Result<std::string> make_ticket_key(const std::string& id, WallTime now) override {
        return fmt::format("ticket key {} of {}", id, now.ms);
    }
    // Certificates of a public authority name a responder.
    StapleFacts staple_facts(const Certificate& certificate) override {
        StapleFacts facts;
        if (certificate.source != CertificateSource::acme) return facts;
        facts.responder = "http://ocsp.example.org/";
        if (!certificate.staple.empty()) {
            facts.staple_from = certificate.staple_until + Milliseconds{-k_fake_staple_life.count};
        }
        return facts;
    }
    Result<Staple> ask_staple(const Certificate& certificate, WallTime now) override {
        return Staple{.response = fmt::format("{} is good at {}", certificate.fingerprint, now.ms),
                      .from = now,
                      .until = now + k_fake_staple_life};
    }

    static constexpr Milliseconds k_fake_staple_life = minutes(30);
};

}  // namespace moln::sim
