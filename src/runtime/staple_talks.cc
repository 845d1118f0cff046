#include "runtime/staple_talks.h"

#include <algorithm>
#include <utility>

#include "plan/staples.h"

namespace moln {

void StapleTalks::look() {
    auto& staples = world_.staples;
    std::erase_if(staples, [&](const auto& entry) {
        return !entry.second.asking && !world_.certificates.contains(entry.first);
    });
    for (const auto& [id, certificate] : world_.certificates) {
        auto& seen = staples[id];
        if (seen.asking || (seen.fingerprint == certificate.fingerprint &&
                            seen.sealed_key == certificate.sealed_key)) {
            continue;
        }
        seen = {.fingerprint = certificate.fingerprint,
                .sealed_key = certificate.sealed_key,
                .facts = certificates_.staple_facts(certificate),
                .answer = {},
                .retry = {},
                .reason = {}};
        // One of our own is made anew at once: nothing to tell.
        if (seen.facts.key_lost && certificate.source != CertificateSource::local) {
            tell_(plan::key_lost_event(certificate, loop_.now().wall));
        }
    }
}

void StapleTalks::ask(const std::vector<CertificateId>& due, const Now& now) {
    for (const auto& id : due) {
        const auto found = world_.certificates.find(id);
        if (found == world_.certificates.end()) continue;
        world_.staples[id].asking = true;
        run_blocking<Result<Staple>>(
            loop_, "ocsp " + id.text,
            [&certificates = certificates_, certificate = found->second, wall = now.wall] {
                return certificates.ask_staple(certificate, wall);
            },
            [this, certificate = found->second](Result<Staple> answer) {
                answered(certificate, std::move(answer));
            });
    }
}

bool StapleTalks::asking() const {
    return std::ranges::any_of(world_.staples,
                               [](const auto& entry) { return entry.second.asking; });
}

void StapleTalks::answered(const Certificate& about, Result<Staple> answer) {
    const auto found = world_.staples.find(about.id);
    if (found == world_.staples.end()) return;
    auto& seen = found->second;
    seen.asking = false;
    if (answer) {
        plan::staple_came(seen, std::move(*answer), loop_.now());
    } else {
        const Milliseconds by_chance{static_cast<std::int64_t>(
            entropy_.next() % static_cast<std::uint64_t>(plan::k_staple_retry_first.count / 4))};
        const auto now = loop_.now();
        const auto& reason = answer.error().reason;
        if (answer.error().code == ErrorCode::failed) {
            if (!seen.revoked) tell_(plan::revoked_event(about, now.wall));
            plan::staple_revoked(seen, reason, now.mono, by_chance);
        } else {
            plan::staple_failed(seen, reason, now.mono, by_chance);
        }
    }
    changed_();
}

}  // namespace moln
