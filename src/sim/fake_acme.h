// A public authority that looks at what the simulated edge answers. It refuses, takes its time and
// gives short lives, as the faults have it. Attempts end with the daemon, as the real driver's do.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "ports/acme.h"

namespace moln::sim {

class FakeAcme final : public Acme {
public:
    // Whether an edge answers for it at this moment; without one nobody does.
    std::function<bool(const EdgeChallenge&)> answers;
    // A moment of trouble at the authority, and a draw of how long a certificate lives.
    std::function<WallTime()> clock = [] { return WallTime{}; };
    std::function<bool()> refuses = [] { return false; };
    std::function<Milliseconds()> life = [] { return days(90); };
    // Told when it was sent to look and nothing answered: the plan was wrong to send it.
    std::function<void(const std::string& host)> looked_in_vain = [](const std::string&) {};

    std::int64_t registrations = 0;
    std::int64_t looks = 0;
    bool trusts_us_still = false;  // needs no challenge

    void daemon_died() { attempts_.clear(); }

    Status register_account(const AcmeAccount&) override {
        ++registrations;
        if (refuses()) return fail(ErrorCode::unavailable, "serverInternal: come back later");
        return {};
    }
    Result<AcmeBegun> begin(const AcmeAccount&, const AcmeOrder& order) override {
        if (refuses()) return fail(ErrorCode::unavailable, "serverInternal: come back later");
        AcmeBegun begun;
        if (trusts_us_still) {
            begun.certificate = certificate(order);
            return begun;
        }
        begun.challenge = EdgeChallenge{.host = order.host,
                                        .kind = order.challenge,
                                        .token = fmt::format("token-{}", ++tokens_),
                                        .authorization = fmt::format("token-{}.thumb", tokens_),
                                        .id = CertificateId("challenge-" + order.id.text),
                                        .chain = "challenge",
                                        .sealed_key = "sealed"};
        attempts_[order.host] = {order, *begun.challenge};
        return begun;
    }
    Result<Certificate> finish(const std::string& host, AcmeAnswer answer) override {
        const auto found = attempts_.extract(host);
        if (!found) return fail(ErrorCode::not_found, "no attempt is under way");
        const auto& [order, challenge] = found.mapped();
        if (answer == AcmeAnswer::decline) return fail(ErrorCode::failed, "declined");
        ++looks;
        if (!answers || !answers(challenge)) {
            looked_in_vain(host);
            return fail(ErrorCode::failed, "connection: nothing answers");
        }
        if (refuses()) return fail(ErrorCode::failed, "unauthorized: another answers");
        return certificate(order);
    }

private:
    Certificate certificate(const AcmeOrder& order) {
        const auto now = clock();
        return {.id = order.id,
                .hosts = {order.host},
                .source = CertificateSource::acme,
                .chain = fmt::format("chain of {} at {} number {}", order.host, now.ms, ++issued_),
                .sealed_key = "sealed for " + order.id.text,
                .not_before = now,
                .not_after = now + life(),
                .issuer = "A public authority",
                .key_type = "EC P-256",
                .fingerprint = "acme"};
    }

    std::map<std::string, std::pair<AcmeOrder, EdgeChallenge>> attempts_;
    std::int64_t tokens_ = 0;
    std::int64_t issued_ = 0;
};

}  // namespace moln::sim
