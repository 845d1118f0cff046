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

struct Plan {
    Changes changes;                   // to commit in one transaction before anything else
    std::optional<EdgeSnapshot> edge;  // to publish once `changes` are committed
    std::optional<MonoTime> wake;      // call again then, even if nothing has changed
    std::vector<IssueOrder> issue;
};

// `seed` makes the fresh ids: equal arguments give equal plans, byte for byte.
Plan plan(const World& world, Now now, std::uint64_t seed);

// What the edges are to know, from the stored nouns and what is seen: the routing half of plan().
// The version is world.edge.version + 1 if it differs from world.edge, else world.edge itself.
EdgeSnapshot edge_view(const World& world, Now now);

}  // namespace moln::plan
