#include "plan/certificates.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "model/certificate_advice.h"
#include "model/limits.h"
#include "model/words.h"

namespace moln::plan {
namespace {

class Tending {
public:
    Tending(Draft& draft, const std::vector<EdgeRoute>& routes)
        : draft_(draft),
          hosts_(hosts_of(routes)),
          index_(draft.world().certificates, draft.now().wall) {}

    std::vector<IssueOrder> run() {
        for (const auto& [id, certificate] : draft_.world().certificates) {
            if (changes_ >= k_certificate_changes_at_once_max) {
                draft_.wake_in({});
                break;
            }
            tend(certificate);
        }
        if (is_clock_doubtful()) return {};
        for (const auto& host : hosts_) {
            if (is_local_host(host)) order(host);
        }
        return std::move(orders_);
    }

private:
    WallTime now() const { return draft_.now().wall; }

    // When time alone changes something. A timer for months would outlast many a clock.
    void look_at(WallTime time) {
        const auto delay = time - now();
        if (delay.count > 0) draft_.wake_in(std::min(delay, k_certificates_look_interval));
    }

    bool is_used(const Certificate& certificate) const {
        // One whose names others bear by now, that were added later, is there for no host.
        if (certificate.source == CertificateSource::file) return index_.is_best(certificate);
        return std::ranges::any_of(certificate.hosts, [&](const std::string& host) {
            return std::ranges::binary_search(hosts_, host) && index_.find(host) == &certificate;
        });
    }

    void tend(const Certificate& certificate) {
        look_at(certificate.not_after);
        if (!is_used(certificate)) {
            const bool by_file = certificate.source == CertificateSource::file;
            if (certificate.not_after <= now() && !by_file) forget(certificate);
            return;
        }
        look_at({certificate.not_after.ms - k_expiry_warning.count});
        if (certificate.source == CertificateSource::local) look_at(renewal_time(certificate));
        const auto left = certificate.not_after - now();
        const bool by_file = certificate.source == CertificateSource::file;
        if (left > k_expiry_warning) return note(certificate, false);
        const auto what = by_file ? "renew it and `moln cert add` it again"
                                  : renewal_trouble(draft_.world(), certificate);
        if (certificate.expiry_told || what.empty()) return;
        note(certificate, true);
        const auto when = left.count > 0 ? "ends in " + duration_words(left) : "has ended";
        draft_.tell(EventLevel::warning, "certificate.expiring", {}, certificate.id.text,
                    fmt::format("the certificate of {} {}: {}", hosts_words(certificate.hosts),
                                when, what));
    }

    // One that was told under a clock that was ahead is told again when its time has come.
    void note(const Certificate& certificate, bool told) {
        if (certificate.expiry_told == told) return;
        Certificate next = certificate;
        next.expiry_told = told;
        draft_.put(std::move(next));
        ++changes_;
    }

    void forget(const Certificate& certificate) {
        draft_.drop(certificate.id);
        ++changes_;
        draft_.tell(EventLevel::info, "certificate.removed", {}, certificate.id.text,
                    fmt::format("the certificate of {} has ended and no route needs it",
                                hosts_words(certificate.hosts)));
    }

    // Ours for this host alone, valid or not.
    const Certificate* own_of(const std::string& host) const {
        const auto* found = index_.bearer(host);
        const bool ours = found != nullptr && found->source == CertificateSource::local;
        if (ours || found == nullptr) return found;
        for (const auto& [id, certificate] : draft_.world().certificates) {
            if (certificate.source == CertificateSource::local &&
                certificate.hosts == std::vector<std::string>{host}) {
                return &certificate;
            }
        }
        return nullptr;
    }

    // An authority that begins later or has ended is one made under a clock that was wrong, and is
    // of no use, or this clock is wrong, as after a boot without a battery: then it must not be
    // lost, since clients trust it. The boot clock tells for how long the second is the likelier.
    bool is_clock_doubtful() {
        const auto& authority = draft_.world().authority;
        const auto left = k_clock_found_max - (draft_.now().mono - MonoTime{});
        if (!authority || has_authority() || left.count <= 0) return false;
        draft_.wake_in(left);
        return true;
    }

    void order(const std::string& host) {
        const auto* serving = index_.find(host);
        const bool serves = serving != nullptr && is_valid(*serving, now());
        if (serves && serving->source != CertificateSource::local) return;
        const bool lost = serves && is_key_lost(draft_.world(), *serving);
        if (serves && !lost && now() < renewal_time(*serving)) return;
        const auto& world = draft_.world();
        if (const auto trouble = world.issuing.find(host); trouble != world.issuing.end()) {
            const auto wait = trouble->second.retry - draft_.now().mono;
            if (wait.count > 0) return draft_.wake_in(wait);
        }
        const auto* own = own_of(host);
        if (own == nullptr && !has_room()) return;
        if (orders_.size() >= k_issues_at_once_max) return draft_.wake_in({});
        orders_.push_back({.id = own == nullptr ? fresh() : own->id,
                           .host = host,
                           .new_authority = !has_authority()});
    }

    CertificateId fresh() {
        for (;;) {
            auto id = draft_.fresh_certificate();
            if (std::ranges::find(orders_, id, &IssueOrder::id) == orders_.end()) return id;
        }
    }

    bool has_room() {
        if (!own_count_) {
            own_count_ = std::ranges::count_if(draft_.world().certificates, [](const auto& entry) {
                return entry.second.source == CertificateSource::local;
            });
        }
        if (*own_count_ >= static_cast<std::int64_t>(k_local_certificates_max)) return false;
        ++*own_count_;
        return true;
    }

    // One that ends before what it would sign, or that begins later, as one made under a wrong
    // clock, is of no use to anybody.
    bool has_authority() const {
        const auto& authority = draft_.world().authority;
        return authority && authority->not_before <= now() &&
               now() + k_local_certificate_life <= authority->not_after;
    }

    Draft& draft_;
    std::vector<std::string> hosts_;
    CertificateIndex index_;
    std::vector<IssueOrder> orders_;
    std::size_t changes_ = 0;
    std::optional<std::int64_t> own_count_;
};

}  // namespace

bool redirects(const RouteSpec& route, const CertificateIndex& certificates) {
    if (route.client_cert) return true;
    if (route.https != Https::automatic) return route.https == Https::redirect;
    const auto* serving = certificates.find(route.host);
    return serving != nullptr && serving->source != CertificateSource::local;
}

std::vector<std::string> hosts_of(const std::vector<EdgeRoute>& routes) {
    std::vector<std::string> hosts;
    for (const auto& route : routes) {
        if (hosts.empty() || hosts.back() != route.host) hosts.push_back(route.host);
    }
    return hosts;
}

std::vector<EdgeCertificate> draw_certificates(const CertificateIndex& certificates,
                                               const std::vector<EdgeRoute>& routes) {
    std::map<CertificateId, EdgeCertificate> drawn;
    for (const auto& [host, certificate] : certificates.names()) {
        if (certificates.find(host) != certificate) continue;
        if (certificate->source != CertificateSource::file &&
            !std::ranges::binary_search(routes, host, {}, &EdgeRoute::host)) {
            continue;
        }
        auto& one = drawn[certificate->id];
        if (one.hosts.empty()) {
            one.id = certificate->id;
            one.chain = certificate->chain;
            one.sealed_key = certificate->sealed_key;
            one.staple = certificate->staple;
        }
        one.hosts.push_back(host);
    }
    std::vector<EdgeCertificate> list;
    list.reserve(drawn.size());
    for (auto& [id, one] : drawn) list.push_back(std::move(one));
    return list;
}

std::vector<IssueOrder> tend_certificates(Draft& draft, const std::vector<EdgeRoute>& routes) {
    return Tending(draft, routes).run();
}

Changes issued(const World& world, Certificate certificate, WallTime now) {
    const bool renewed = world.certificates.contains(certificate.id);
    Event event;
    event.at = now;
    event.name = renewed ? "certificate.renewed" : "certificate.issued";
    event.subject = certificate.id.text;
    event.text =
        fmt::format("the local certificate of {} was {} for {}", hosts_words(certificate.hosts),
                    renewed ? "renewed" : "issued", duration_words(certificate.not_after - now));
    return {PutCertificate{std::move(certificate)}, PutEvent{std::move(event)}};
}

Changes due_for_new_authority(const World& world) {
    Changes changes;
    for (const auto& [id, certificate] : world.certificates) {
        if (certificate.source != CertificateSource::local) continue;
        Certificate due = certificate;
        due.not_before = {};  // so that more than two thirds of its life are over, whatever is left
        changes.emplace_back(PutCertificate{std::move(due)});
    }
    return changes;
}

IssuingSeen issue_failed(const IssuingSeen& before, const std::string& reason, MonoTime now) {
    constexpr std::int64_t k_doublings_max = 7;  // 30 s · 2^7 is past the hour
    const auto doublings = std::min(before.failures, k_doublings_max);
    const auto delay =
        std::min(k_issue_retry_first * (std::int64_t{1} << doublings), k_issue_retry_max);
    return {.failures = before.failures + 1, .retry = now + delay, .reason = reason};
}

Event issue_failed_event(const IssueOrder& order, const std::string& reason, WallTime now) {
    Event event;
    event.at = now;
    event.level = EventLevel::warning;
    event.name = "certificate.failed";
    event.subject = order.host;
    event.text = fmt::format("no local certificate could be issued for {}: {}; it is tried again",
                             order.host, reason);
    return event;
}

std::string hosts_words(const std::vector<std::string>& hosts) {
    if (hosts.empty()) return "no host";
    if (hosts.size() == 1) return hosts.front();
    return fmt::format("{} and {} more", hosts.front(), hosts.size() - 1);
}

}  // namespace moln::plan
