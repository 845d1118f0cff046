#include "plan/acme.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "model/certificate.h"
#include "model/limits.h"
#include "model/words.h"
#include "plan/certificates.h"

namespace moln::plan {
namespace {

constexpr std::int64_t k_lead_share = 30;  // a certificate's life over how far renewals lie apart
// RFC 8555, 6.7: the type of the problem stands in the reason.
constexpr std::string_view k_rate_limited = "rateLimited";
constexpr std::string_view k_no_account = "accountDoesNotExist";

// FNV-1a, so that the same id gives the same number in every build.
std::uint32_t spread(std::string_view text) {
    std::uint32_t hash = 2166136261U;
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return hash;
}

bool has_port(const std::vector<std::string>& listens, std::string_view port) {
    return std::ranges::any_of(listens, [&](const std::string& listen) {
        const auto colon = listen.rfind(':');
        return colon != std::string::npos && std::string_view(listen).substr(colon + 1) == port;
    });
}

Milliseconds pause_after(std::int64_t attempts) {
    const auto last = static_cast<std::int64_t>(std::size(k_order_pauses)) - 1;
    return k_order_pauses[std::clamp<std::int64_t>(attempts - 1, 0, last)];
}

class Tending {
public:
    Tending(Draft& draft, const std::vector<EdgeRoute>& routes, const Sight& sight)
        : draft_(draft),
          world_(draft.world()),
          sight_(sight),
          hosts_(hosts_of(routes)),
          index_(world_.certificates, draft.now().wall) {
        if (world_.acme) account_ = *world_.acme;
        for (const auto& [id, certificate] : world_.certificates) {
            if (certificate.source != CertificateSource::acme) continue;
            if (certificate.hosts.size() == 1) own_.try_emplace(certificate.hosts.front(), id);
            ++own_count_;
        }
    }

    std::vector<AcmeStep> run() {
        write_down_registration();
        for (const auto& [host, attempt] : world_.attempts) advance(host, attempt);
        for (const auto& [host, order] : world_.orders) tidy(host, order);
        if (account_ && account_->enabled) begin();
        if (account_ && account_ != world_.acme) draft_.put(std::move(*account_));
        return std::move(steps_);
    }

private:
    WallTime now() const { return draft_.now().wall; }
    SteadyTime steady() const { return draft_.now().steady; }
    std::string authority() const { return account_ ? acme_name(account_->directory) : "nobody"; }

    void write_down_registration() {
        const auto& outcome = world_.registration;
        if (!outcome || !account_) return;
        steps_.push_back({.verb = AcmeVerb::forget_registration, .host = {}, .id = {}});
        account_->reason = outcome->reason;
        account_->registered = outcome->reason.empty();
        if (account_->registered) {
            account_->failures = 0;
            account_->retry = {};
            draft_.tell(EventLevel::info, "acme.registered", {}, authority(),
                        fmt::format("{} knows this cloud now: hosts of routes get their "
                                    "certificates from it by themselves",
                                    authority()));
            return;
        }
        ++account_->failures;
        account_->retry = after_failure(account_->failures);
        if (account_->failures > 1) return;
        draft_.tell(EventLevel::warning, "acme.failed", {}, authority(),
                    fmt::format("{} does not take this cloud: {}; it is tried again", authority(),
                                outcome->reason));
    }

    SteadyTime after_failure(std::int64_t failures) {
        const auto pause = pause_after(failures);
        return steady() + pause + draft_.chance_below({pause.count / 4});
    }

    void advance(const std::string& host, const AcmeAttempt& attempt) {
        if (attempt.outcome) {
            steps_.push_back({.verb = AcmeVerb::forget, .host = host, .id = attempt.id});
            return write_down(host, attempt);
        }
        if (!attempt.challenge || attempt.answered) return;
        if (attempt.shown_version && sight_.edges_connected &&
            sight_.edges_acked >= *attempt.shown_version) {
            steps_.push_back({.verb = AcmeVerb::answer, .host = host, .id = attempt.id});
            return;
        }
        const auto left = k_challenge_shown_max - (draft_.now().mono - attempt.since);
        if (left.count > 0) return draft_.wake_in(left);
        steps_.push_back({.verb = AcmeVerb::decline, .host = host, .id = attempt.id});
    }

    // What it gave is looked at: nobody is served with what does not speak for the host.
    static std::string fault_of(const AcmeOutcome& outcome, const std::string& host, WallTime now) {
        if (!outcome.reason.empty()) return outcome.reason;
        if (!outcome.certificate) return "the authority gave no certificate";
        const auto& certificate = *outcome.certificate;
        if (std::ranges::find(certificate.hosts, host) == certificate.hosts.end()) {
            return "the authority gave a certificate of other names";
        }
        const bool good =
            certificate.not_before <= now + k_acme_clock_skew && now < certificate.not_after;
        return good ? ""
                    : "the authority gave a certificate that is not "
                      "valid now: look at this machine's clock";
    }

    void write_down(const std::string& host, const AcmeAttempt& attempt) {
        const auto reason = fault_of(*attempt.outcome, host, now());
        if (!reason.empty()) return fail_order(host, attempt, reason);
        auto certificate = *attempt.outcome->certificate;
        certificate.id = attempt.id;
        certificate.source = CertificateSource::acme;
        certificate.created = now();
        certificate.expiry_told = false;
        const bool renewed = world_.certificates.contains(attempt.id);
        draft_.tell(EventLevel::info, renewed ? "certificate.renewed" : "certificate.issued", {},
                    certificate.id.text,
                    fmt::format("{} {} the certificate of {}: it ends in {}", certificate.issuer,
                                renewed ? "renewed" : "issued", host,
                                duration_words(certificate.not_after - now())));
        draft_.put(std::move(certificate));
        draft_.drop_order(host);
        settled_.push_back(host);
        if (is_of_account(attempt)) account_->reason.clear();  // it is past what it complained of
    }

    bool is_of_account(const AcmeAttempt& attempt) const {
        return account_ && attempt.directory == account_->directory;
    }

    void fail_order(const std::string& host, const AcmeAttempt& attempt,
                    const std::string& reason) {
        const auto found = world_.orders.find(host);
        settled_.push_back(host);
        if (found == world_.orders.end()) return;
        // What was refused by one authority is not known of another.
        if (!is_of_account(attempt)) return draft_.drop_order(host);
        CertificateOrder order = found->second;
        order.reason = reason;
        if (reason.find(k_rate_limited) != std::string::npos) {
            account_->retry = steady() + k_rate_limited_pause +
                              draft_.chance_below({k_rate_limited_pause.count / 4});
            account_->reason = reason;
            order.retry = std::max(order.retry, account_->retry);
        }
        if (reason.find(k_no_account) != std::string::npos) {
            account_->registered = false;  // it is made known again first
        }
        draft_.tell(EventLevel::warning, "certificate.failed", {}, host,
                    fmt::format("no certificate for {} from {} by {}: {}; it is tried again in {}",
                                host, authority(), challenge_words(attempt.kind), reason,
                                duration_words(order.retry - steady())));
        draft_.put(std::move(order));
    }

    bool is_settled(const std::string& host) const {
        return std::ranges::find(settled_, host) != settled_.end();
    }

    // Orders that nobody needs any more, and such that the daemon died over.
    void tidy(const std::string& host, const CertificateOrder& order) {
        if (world_.attempts.contains(host) || is_settled(host)) return;
        if (settled_.size() >= k_certificate_changes_at_once_max) return draft_.wake_in({});
        if (order.retry > steady()) {
            draft_.wake_at(order.retry);
        } else if (!needs(host)) {
            if (order.retry + k_order_kept > steady()) {
                draft_.wake_at(order.retry + k_order_kept);
            } else {
                draft_.drop_order(host);
                settled_.push_back(host);
                return;
            }
        }
        if (!order.reason.empty()) return;
        CertificateOrder ended = order;
        ended.reason = "the daemon ended in the middle of it";
        draft_.put(std::move(ended));
        settled_.push_back(host);
    }

    // One that serves and is not to be renewed yet is enough; one of a person's always.
    bool needs(const std::string& host) {
        if (!is_public_host(host) || !std::ranges::binary_search(hosts_, host)) return false;
        const auto* serving = index_.find(host);
        if (serving == nullptr) return true;
        if (serving->source != CertificateSource::acme) return !is_valid(*serving, now());
        const auto left = acme_renewal_time(*serving) - now();
        if (left.count > 0) draft_.wake_in(std::min(left, k_certificates_look_interval));
        return left.count <= 0;
    }

    void begin() {
        if (account_->retry > steady()) return draft_.wake_at(account_->retry);
        if (!account_->registered) {
            if (world_.registering || world_.registration) return;
            steps_.push_back({.verb = AcmeVerb::register_account, .host = {}, .id = {}});
            return;
        }
        auto under_way = world_.attempts.size();
        for (const auto& host : hosts_) {
            if (!needs(host) || world_.attempts.contains(host) || is_settled(host)) continue;
            const auto found = world_.orders.find(host);
            const auto* before = found == world_.orders.end() ? nullptr : &found->second;
            if (before != nullptr && before->retry > steady()) continue;  // tidy() wakes us
            if (under_way >= k_attempts_at_once_max) return;              // its end wakes us
            if (begin(host, before)) ++under_way;
        }
    }

    bool begin(const std::string& host, const CertificateOrder* before) {
        CertificateOrder order;
        if (before != nullptr) order = *before;
        order.host = host;
        order.id = id_for(host, before);
        if (order.id.empty()) return false;
        ++order.attempts;
        order.challenge = choose_challenge(world_, order.attempts);
        order.begun = now();
        order.retry = after_failure(order.attempts);
        order.reason.clear();
        steps_.push_back(
            {.verb = AcmeVerb::begin, .host = host, .id = order.id, .challenge = order.challenge});
        draft_.put(std::move(order));
        return true;
    }

    // That of the host's own certificate, which is renewed then; empty: there are too many.
    CertificateId id_for(const std::string& host, const CertificateOrder* before) {
        if (const auto own = own_.find(host); own != own_.end()) return own->second;
        if (before != nullptr) return before->id;
        if (own_count_ + world_.orders.size() + fresh_.size() >= k_acme_certificates_max) return {};
        auto id = draft_.fresh_certificate();
        while (std::ranges::find(fresh_, id) != fresh_.end()) id = draft_.fresh_certificate();
        fresh_.push_back(id);
        return id;
    }

    Draft& draft_;
    const World& world_;
    const Sight& sight_;
    std::vector<std::string> hosts_;
    CertificateIndex index_;
    std::map<std::string_view, CertificateId> own_;  // of an authority, by their only host
    std::size_t own_count_ = 0;                      // of an authority at all
    std::optional<AcmeAccount> account_;
    std::vector<AcmeStep> steps_;
    std::vector<std::string> settled_;  // hosts whose order this plan has written already
    std::vector<CertificateId> fresh_;
};

}  // namespace

WallTime acme_renewal_time(const Certificate& certificate) {
    const auto life = certificate.not_after - certificate.not_before;
    const Milliseconds apart{life.count / k_lead_share};
    const auto early = apart.count * (spread(certificate.id.text) % 1'000) / 1'000;
    const auto half = (certificate.not_after - certificate.created).count / 2;
    const auto soonest = std::max(half, k_renewal_pause_min.count);
    return std::max(renewal_time(certificate) + Milliseconds{-early},
                    certificate.created + Milliseconds{soonest});
}

ChallengeKind choose_challenge(const World& world, std::int64_t attempt) {
    bool plain = false;
    bool tls = false;
    bool plain_port = false;
    bool tls_port = false;
    for (const auto& [node, edge] : world.edges) {
        const auto& report = edge.report;
        plain = plain || !report.listens.empty();
        tls = tls || !report.tls_listens.empty();
        plain_port = plain_port || has_port(report.listens, "80");
        tls_port = tls_port || has_port(report.tls_listens, "443");
    }
    if (plain != tls) return plain ? ChallengeKind::http_01 : ChallengeKind::tls_alpn_01;
    const bool tls_first = tls_port && !plain_port;
    return tls_first == (attempt % 2 != 0) ? ChallengeKind::tls_alpn_01 : ChallengeKind::http_01;
}

std::vector<EdgeChallenge> draw_challenges(const World& world) {
    std::vector<EdgeChallenge> challenges;
    for (const auto& [host, attempt] : world.attempts) {
        if (attempt.challenge && !attempt.outcome) challenges.push_back(*attempt.challenge);
    }
    return challenges;
}

void note_shown(World& world) {
    for (const auto& challenge : world.edge.challenges) {
        const auto found = world.attempts.find(challenge.host);
        if (found == world.attempts.end() || found->second.challenge != challenge) continue;
        auto& shown = found->second.shown_version;
        if (!shown) shown = world.edge.version;
    }
}

std::vector<AcmeStep> tend_orders(Draft& draft, const std::vector<EdgeRoute>& routes,
                                  const Sight& sight) {
    return Tending(draft, routes, sight).run();
}

}  // namespace moln::plan
