#include "plan/acme.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "model/certificate.h"
#include "model/certificate_advice.h"
#include "model/limits.h"
#include "model/words.h"
#include "plan/certificates.h"

namespace moln::plan {
namespace {

constexpr std::int64_t k_lead_share = 30;  // a certificate's life over how far renewals lie apart
// RFC 8555, 6.7: the type of the problem stands in the reason.
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

enum class Blame {
    host,
    away,   // the authority cannot be talked with
    clock,  // ours, it seems
};

struct Fault {
    Blame blame = Blame::host;
    std::string reason;  // "": there is none
};

constexpr WallTime k_no_end{std::numeric_limits<std::int64_t>::max()};

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
        account_->retry = outcome->fault == AcmeFault::authority
                              ? after_about(away_pause())
                              : after_failure(account_->failures);
        if (account_->failures > 1) return;
        draft_.tell(EventLevel::warning, "acme.failed", {}, authority(),
                    fmt::format("{} does not take this cloud: {}; it is tried again", authority(),
                                outcome->reason));
    }

    // A quarter longer at most, so that not all come back at once.
    SteadyTime after_about(Milliseconds pause) {
        return steady() + pause + draft_.chance_below({pause.count / 4});
    }

    SteadyTime after_failure(std::int64_t failures) { return after_about(pause_after(failures)); }

    // Of one that is away: it is to be found well soon after it is.
    Milliseconds away_pause() const {
        return std::min(pause_after(account_->failures), k_away_pause_max);
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
    static Fault fault_of(const AcmeOutcome& outcome, const std::string& host, WallTime now) {
        if (!outcome.reason.empty()) {
            const bool away = outcome.fault == AcmeFault::authority;
            return {away ? Blame::away : Blame::host, outcome.reason};
        }
        if (!outcome.certificate) return {Blame::host, "the authority gave no certificate"};
        const auto& certificate = *outcome.certificate;
        if (std::ranges::find(certificate.hosts, host) == certificate.hosts.end()) {
            return {Blame::host, "the authority gave a certificate of other names"};
        }
        const bool good =
            certificate.not_before <= now + k_acme_clock_skew && now < certificate.not_after;
        if (good) return {Blame::host, ""};
        return {Blame::clock,
                "the authority gave a certificate that is not valid now: look at this machine's "
                "clock"};
    }

    void write_down(const std::string& host, const AcmeAttempt& attempt) {
        const auto fault = fault_of(*attempt.outcome, host, now());
        if (!fault.reason.empty()) return fail_order(host, attempt, fault);
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
        if (is_of_account(attempt)) is_back();
    }

    bool is_of_account(const AcmeAttempt& attempt) const {
        return account_ && attempt.directory == account_->directory;
    }

    // It is past what it complained of, or can be talked with again.
    void is_back() {
        if (is_rate_limit(account_->reason) && account_->retry > steady()) return;
        if (account_->failures > 0) {
            draft_.tell(EventLevel::info, "acme.reached", {}, authority(),
                        fmt::format("{} can be asked for certificates again", authority()));
        }
        account_->failures = 0;
        account_->retry = {};
        account_->reason.clear();
    }

    // No host would go well: all wait, and one is told of it. Attempts that were under way at once
    // find out together, and are one failure.
    void pause_all(const Fault& fault) {
        if (account_->retry > steady() && is_rate_limit(account_->reason)) return;
        account_->reason = fault.reason;
        if (account_->retry > steady()) return;
        ++account_->failures;
        // Every certificate that is got under a wrong clock is one of the few in a week.
        account_->retry =
            after_about(fault.blame == Blame::clock ? k_rate_limited_pause : away_pause());
        if (account_->failures > 1) return;
        draft_.tell(EventLevel::warning, "acme.failed", {}, authority(),
                    fmt::format("{} gives no certificates: {}; it is tried again", authority(),
                                fault.reason));
    }

    void limit_rate(const std::string& reason, CertificateOrder& order) {
        account_->retry = after_about(k_rate_limited_pause);
        account_->reason = reason;
        order.retry = std::max(order.retry, account_->retry);
        // That is of this host, or of its domain: others may go well before.
        const auto again = time_to_ask_again(reason);
        if (!again) return;
        const auto wait = std::min(*again - now(), k_rate_limit_believed);
        order.retry = std::max(order.retry, steady() + wait);
    }

    void fail_order(const std::string& host, const AcmeAttempt& attempt, const Fault& fault) {
        const auto found = world_.orders.find(host);
        settled_.push_back(host);
        if (found == world_.orders.end()) return;
        // What was refused by one authority is not known of another.
        if (!is_of_account(attempt)) return draft_.drop_order(host);
        CertificateOrder order = found->second;
        order.reason = fault.reason;
        if (fault.blame != Blame::host) {
            pause_all(fault);
            order.attempts = std::max<std::int64_t>(order.attempts - 1, 0);  // the host's are
            order.retry =
                std::max(std::min(order.retry, steady() + k_away_pause_max), account_->retry);
            return draft_.put(std::move(order));
        }
        if (account_->failures > 0) is_back();  // it answers
        if (is_rate_limit(fault.reason)) limit_rate(fault.reason, order);
        if (fault.reason.find(k_no_account) != std::string::npos) {
            account_->registered = false;  // it is made known again first
        }
        draft_.tell(EventLevel::warning, "certificate.failed", {}, host,
                    fmt::format("no certificate for {} from {} by {}: {}; it is tried again in {}",
                                host, authority(), challenge_words(attempt.kind), fault.reason,
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
        auto due = acme_renewal_time(*serving);
        if (is_key_lost(world_, *serving)) due = now();
        if (is_revoked(*serving)) due = std::min(due, serving->created + k_revoked_pause);
        const auto left = due - now();
        if (left.count > 0) draft_.wake_in(std::min(left, k_certificates_look_interval));
        return left.count <= 0;
    }

    bool is_revoked(const Certificate& certificate) const {
        const auto seen = world_.staples.find(certificate.id);
        return seen != world_.staples.end() && seen->second.revoked &&
               seen->second.fingerprint == certificate.fingerprint;
    }

    void begin() {
        if (account_->retry > steady()) return draft_.wake_at(account_->retry);
        if (!account_->registered) {
            if (world_.registering || world_.registration) return;
            steps_.push_back({.verb = AcmeVerb::register_account, .host = {}, .id = {}});
            return;
        }
        auto under_way = world_.attempts.size();
        if (under_way >= k_attempts_at_once_max) return;  // its end wakes us
        for (const auto& due : due_hosts()) {
            if (begin(due.host, due.before)) ++under_way;
            if (under_way >= k_attempts_at_once_max) return;
        }
    }

    struct Due {
        SteadyTime refused;  // until when one of its domain is, for the rate; 0: none
        SteadyTime since;    // 0: it was not tried yet
        WallTime ends;       // what it serves with
        std::string host;
        const CertificateOrder* before;
    };

    // Those that one may be ordered for now, in their turn.
    std::vector<Due> due_hosts() {
        std::vector<Due> all;
        for (const auto& host : hosts_) {
            if (!needs(host) || world_.attempts.contains(host) || is_settled(host)) continue;
            const auto found = world_.orders.find(host);
            const auto* before = found == world_.orders.end() ? nullptr : &found->second;
            if (before != nullptr && before->retry > steady()) continue;  // tidy() wakes us
            const auto* own = own_of(host);
            all.push_back({.refused = refused_until(host),
                           .since = before == nullptr ? SteadyTime{} : before->retry,
                           .ends = own == nullptr ? k_no_end : own->not_after,
                           .host = host,
                           .before = before});
        }
        std::ranges::sort(all, {}, [](const Due& due) {
            return std::tie(due.refused, due.since, due.ends, due.host);
        });
        return all;
    }

    // Rates are limited by registered domain most of all. Where one begins is not known here: its
    // last two labels are near enough for a turn.
    static std::string_view domain_of(std::string_view host) {
        const auto last = host.rfind('.');
        if (last == std::string_view::npos || last == 0) return host;
        const auto dot = host.rfind('.', last - 1);
        return dot == std::string_view::npos ? host : host.substr(dot + 1);
    }

    SteadyTime refused_until(const std::string& host) {
        if (!refused_) {
            refused_.emplace();
            for (const auto& [name, order] : world_.orders) {
                if (!is_rate_limit(order.reason)) continue;
                auto& until = (*refused_)[domain_of(name)];
                until = std::max(until, order.retry);
            }
        }
        const auto found = refused_->find(domain_of(host));
        return found == refused_->end() ? SteadyTime{} : found->second;
    }

    const Certificate* own_of(const std::string& host) const {
        const auto own = own_.find(host);
        return own == own_.end() ? nullptr : &world_.certificates.at(own->second);
    }

    // Near the end of what it serves with there is no time for long pauses.
    SteadyTime next_attempt(const std::string& host, std::int64_t attempts) {
        const auto retry = after_failure(attempts);
        const auto* own = own_of(host);
        if (own == nullptr) return retry;
        const auto left = own->not_after - now();
        const bool urgent = left <= k_urgent && Milliseconds{-left.count} <= k_urgent;
        return urgent ? std::min(retry, steady() + k_urgent_pause_max) : retry;
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
        order.retry = next_attempt(host, order.attempts);
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
    std::optional<std::map<std::string_view, SteadyTime>> refused_;  // by domain; when asked for
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
