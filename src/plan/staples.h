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
// An authority may say the very same again until shortly before it ends: it is asked again so late
// at most.
inline constexpr Milliseconds k_staple_pause_max = minutes(60);

// Keeps good answers, drops those that have ended, and returns the certificates to be asked about
// now. At most k_certificate_changes_at_once_max are changed in one plan.
std::vector<CertificateId> tend_staples(Draft& draft);

// What is noted of a certificate after a good answer. Whatever that says, nobody is asked before
// half of what is left of it, within the limits above.
void staple_came(StapleSeen& seen, Staple answer, const Now& now);

// Its authority says that it is revoked. One of a public authority is replaced by itself (see
// plan/acme.h), one that a person brought is a person's to replace.
void staple_revoked(StapleSeen& seen, const std::string& reason, MonoTime now,
                    Milliseconds by_chance);
// Its private key cannot be opened any more.
Event key_lost_event(const Certificate& certificate, WallTime now);
Event revoked_event(const Certificate& certificate, WallTime now);

// What is noted of a certificate after one more failure.
void staple_failed(StapleSeen& seen, const std::string& reason, MonoTime now,
                   Milliseconds by_chance);

}  // namespace moln::plan
