// What authorities say of certificates (OCSP) in the plan, pure: whom to ask about which, when
// again, and what the edges are to staple. How one is asked is ports/certificates.h, and the
// leader's to call; what came of it is World::staples.
#pragma once

#include <string>
#include <vector>

#include "plan/draft.h"
#include "plan/plan.h"

namespace moln::plan {

inline constexpr std::size_t k_staples_asked_at_once_max = 2;
// Pauses after failures in a row: doubled from the first to the last, each a little longer by
// chance.
inline constexpr Milliseconds k_staple_retry_first = minutes(1);
inline constexpr Milliseconds k_staple_retry_max = minutes(4 * 60);
// However short what it said is valid.
inline constexpr Milliseconds k_staple_renewal_min = seconds(10);

// Keeps good answers, drops those that have ended, and returns the certificates to be asked about
// now.
std::vector<CertificateId> tend_staples(Draft& draft);

// What is noted of a certificate after one more failure.
void staple_failed(StapleSeen& seen, const std::string& reason, MonoTime now,
                   Milliseconds by_chance);

}  // namespace moln::plan
