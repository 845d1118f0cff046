#include "plan/staples.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "plan/certificates.h"

namespace moln::plan {
namespace {

class Tending {
public:
    explicit Tending(Draft& draft) : draft_(draft), world_(draft.world()) {}

    std::vector<CertificateId> run() {
        for (const auto& [id, seen] : world_.staples) under_way_ += seen.asking ? 1 : 0;
        for (const auto& [id, seen] : world_.staples) {
            const auto* certificate = draft_.certificate(id);
            const bool known =
                certificate != nullptr && certificate->fingerprint == seen.fingerprint;
            if (known) tend(*certificate, seen);
        }
        return std::move(due_);
    }

private:
    WallTime now() const { return draft_.now().wall; }

    void tend(const Certificate& certificate, const StapleSeen& seen) {
        if (certificate.not_after <= now()) return;
        const auto id = certificate.id;
        const auto left = renewal(certificate, seen) - now();
        keep(certificate, seen);
        if (seen.asking || seen.facts.responder.empty()) return;
        if (left.count > 0) return draft_.wake_in(std::min(left, k_certificates_look_interval));
        const auto wait = seen.retry - draft_.now().mono;
        if (wait.count > 0) return draft_.wake_in(wait);
        if (under_way_ >= k_staples_asked_at_once_max) return;  // an answer wakes us
        ++under_way_;
        due_.push_back(id);
    }

    // At half of the time of what there is; 0: there is nothing.
    WallTime renewal(const Certificate& certificate, const StapleSeen& seen) const {
        auto from = seen.facts.staple_from;
        auto until = certificate.staple.empty() ? WallTime{} : certificate.staple_until;
        if (seen.answer.until.ms != 0 && seen.answer.until >= until) {
            from = seen.answer.from;
            until = seen.answer.until;
        }
        if (until <= now()) return {};
        return from + std::max(Milliseconds{(until - from).count / 2}, k_staple_renewal_min);
    }

    void keep(const Certificate& certificate, const StapleSeen& seen) {
        const bool newer =
            seen.answer.until > now() && seen.answer.until > certificate.staple_until;
        const bool ended = !certificate.staple.empty() && certificate.staple_until <= now();
        if (!certificate.staple.empty()) draft_.wake_at(certificate.staple_until);
        if (!newer && !ended) return;
        if (changes_ >= k_certificate_changes_at_once_max) return draft_.wake_in({});
        ++changes_;
        Certificate next = certificate;
        next.staple = newer ? seen.answer.response : "";
        next.staple_until = newer ? seen.answer.until : WallTime{};
        if (!newer && seen.facts.must_staple) {
            draft_.tell(EventLevel::warning, "certificate.staple_ended", {}, certificate.id.text,
                        fmt::format("the certificate of {} wants what its authority says of it "
                                    "(must-staple), and there is nothing valid any more: some "
                                    "clients will not connect",
                                    hosts_words(certificate.hosts)));
        }
        draft_.put(std::move(next));
    }

    Draft& draft_;
    const World& world_;
    std::size_t under_way_ = 0;
    std::size_t changes_ = 0;
    std::vector<CertificateId> due_;
};

}  // namespace

std::vector<CertificateId> tend_staples(Draft& draft) {
    return Tending(draft).run();
}

void staple_came(StapleSeen& seen, Staple answer, const Now& now) {
    const auto half = Milliseconds{(answer.until - now.wall).count / 2};
    seen.retry = now.mono + std::clamp(half, k_staple_renewal_min, k_staple_pause_max);
    seen.answer = std::move(answer);
    seen.failures = 0;
    seen.reason.clear();
    seen.revoked = false;  // it was on hold
}

void staple_revoked(StapleSeen& seen, const std::string& reason, MonoTime now,
                    Milliseconds by_chance) {
    staple_failed(seen, reason, now, by_chance);
    seen.revoked = true;
}

Event key_lost_event(const Certificate& certificate, WallTime now) {
    Event event;
    event.at = now;
    event.level = EventLevel::warning;
    event.name = "certificate.key_lost";
    event.subject = certificate.id.text;
    event.text = fmt::format(
        "the private key of the certificate of {} cannot be opened any more, "
        "nobody is served with it: {}",
        hosts_words(certificate.hosts),
        certificate.source == CertificateSource::acme ? "another is ordered"
                                                      : "`moln cert add` it again with its key");
    return event;
}

Event revoked_event(const Certificate& certificate, WallTime now) {
    Event event;
    event.at = now;
    event.level = EventLevel::warning;
    event.name = "certificate.revoked";
    event.subject = certificate.id.text;
    event.text = fmt::format("the certificate of {} was revoked by {}: {}",
                             hosts_words(certificate.hosts), certificate.issuer,
                             certificate.source == CertificateSource::acme
                                 ? "another is ordered"
                                 : "get another and `moln cert add` it");
    return event;
}

void staple_failed(StapleSeen& seen, const std::string& reason, MonoTime now,
                   Milliseconds by_chance) {
    constexpr std::int64_t k_doublings_max = 8;  // 1 min · 2^8 is past four hours
    const auto doublings = std::min(seen.failures, k_doublings_max);
    const auto pause =
        std::min(k_staple_retry_first * (std::int64_t{1} << doublings), k_staple_retry_max);
    ++seen.failures;
    seen.retry = now + pause + by_chance;
    seen.reason = reason;
}

}  // namespace moln::plan
