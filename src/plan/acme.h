// Certificates from a public authority in the plan, pure: which hosts get one by themselves, when
// it is asked for and by which challenge, when it is renewed, and what follows from a failure. Not
// how the authority is talked to: that is ports/acme.h, and the leader's to call.
//
// An attempt is written down as a CertificateOrder before it begins. Its challenge goes to the
// edges with a snapshot; only when all of them have acknowledged that is the authority told to
// look.
#pragma once

#include <string>
#include <vector>

#include "model/acme.h"
#include "plan/draft.h"
#include "plan/plan.h"
#include "plan/scope.h"

namespace moln::plan {

// Attempts under way: each has a thread of the pool for most of its time.
inline constexpr std::size_t k_attempts_at_once_max = 2;
// The edges must have a challenge by then, or the attempt ends.
inline constexpr Milliseconds k_challenge_shown_max = seconds(60);
// Pauses after the first, second … failure in a row, each with up to a quarter on top. Let's
// Encrypt takes five failures of a host in an hour: four attempts fit into one here.
inline constexpr Milliseconds k_order_pauses[] = {
    minutes(1), minutes(15), minutes(30), minutes(60), minutes(120), minutes(240), minutes(480)};
// An order that nobody needs any more is remembered so long: the authority does, too.
inline constexpr Milliseconds k_order_kept = minutes(60);
// It said that we ask too often (RFC 8555, 6.6): nothing is asked for any host.
inline constexpr Milliseconds k_rate_limited_pause = minutes(60);
// It said until when it wants not to be asked for a host: that is believed for so long at most.
inline constexpr Milliseconds k_rate_limit_believed = days(7);
// It cannot be talked with: pauses for all hosts are k_order_pauses, and end here, so that one that
// was away for days is soon found again.
inline constexpr Milliseconds k_away_pause_max = minutes(60);
// So near the end of a certificate, before and after it, a host's pauses end at k_urgent_pause_max.
inline constexpr Milliseconds k_urgent = days(1);
inline constexpr Milliseconds k_urgent_pause_max = minutes(60);
// A person may have a host tried again so long after it was last tried. Together with the pauses
// above that makes five attempts in an hour at most.
inline constexpr Milliseconds k_order_retry_min = minutes(15);
// One that its authority has revoked is replaced at once, if it is not younger than this: an
// authority that revokes all that it gives is not asked all the time.
inline constexpr Milliseconds k_revoked_pause = minutes(60);
// However short its life is.
inline constexpr Milliseconds k_renewal_pause_min = seconds(10);

// At two thirds of its life, a little sooner by its id, so that those issued together are not
// renewed together; never before half of what was left of its life when it was issued.
WallTime acme_renewal_time(const Certificate& certificate);

// How the authority is to look in the attempt of this number, from 1. First over the listener that
// has the port the authority comes to (80, 443), the other with every second attempt.
ChallengeKind choose_challenge(const World& world, std::int64_t attempt);

// What the edges are to answer authorities with now, by host.
std::vector<EdgeChallenge> draw_challenges(const World& world);

// Notes that `world.edge` has been published: it is the first to show what it shows.
void note_shown(World& world);

// `routes` are sorted by host. Of those that are due the ones go first of whose domain none was
// refused for its rate, then those that were not tried yet, then those that have waited longest, so
// that hosts which fail keep no other from its turn; of equal ones those whose certificates end
// first.
std::vector<AcmeStep> tend_orders(Draft& draft, const std::vector<EdgeRoute>& routes,
                                  const Sight& sight);

}  // namespace moln::plan
