// The brain of the cluster, pure: from all that is known to what is to be done next. Called again
// after every change; each call returns the next steps only, never waits, and returns nothing for
// a World that is as wanted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "model/change.h"
#include "model/world.h"

namespace moln::plan {

// A certificate that the local authority is to sign. The one who carries it out commits issued() of
// plan/certificates.h with the plan's own changes, or notes issue_failed(): until then every plan
// asks for it again.
struct IssueOrder {
    CertificateId id;  // a fresh one, or that of the certificate that is renewed
    std::string host;
    bool new_authority = false;  // there is none yet, or it ends too soon
    friend bool operator==(const IssueOrder&, const IssueOrder&) = default;
};

// What is to be said to the public authority (ACME), or noted of it. It follows once `changes` are
// committed; until then, and until it is noted, every plan asks for it again.
enum class AcmeVerb {
    register_account,  // then World::registering, and at its end World::registration
    begin,             // an attempt for `host`: then World::attempts has it
    answer,   // all edges hold the challenge: the authority may look; AcmeAttempt::answered
    decline,  // they do not in time: the attempt is to end; AcmeAttempt::answered
    forget,   // what became of the attempt is written down: World::attempts loses it
    forget_registration,
};
struct AcmeStep {
    AcmeVerb verb = AcmeVerb::begin;
    std::string host;
    CertificateId id;                                  // of begin: what the certificate is to be
    ChallengeKind challenge = ChallengeKind::http_01;  // of begin
    friend bool operator==(const AcmeStep&, const AcmeStep&) = default;
};

struct Plan {
    Changes changes;                   // to commit in one transaction before anything else
    std::optional<EdgeSnapshot> edge;  // to publish once `changes` are committed
    std::optional<MonoTime> wake;      // call again then, even if nothing has changed
    std::vector<IssueOrder> issue;
    std::vector<AcmeStep> acme;
    // A key of session tickets that is to be made and put with this id; until it is, every plan
    // asks for one. "": none.
    std::string ticket_key;
    std::vector<CertificateId> staples;  // their authorities are to be asked: StapleSeen::asking
};

// `seed` makes the fresh ids: equal arguments give equal plans, byte for byte.
Plan plan(const World& world, Now now, std::uint64_t seed);

// What the edges are to know, from the stored nouns and what is seen: the routing half of plan().
// The version is world.edge.version + 1 if it differs from world.edge, else world.edge itself.
EdgeSnapshot edge_view(const World& world, Now now);

}  // namespace moln::plan
