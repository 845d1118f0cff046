// Keys of session tickets in the plan, pure: a new one every few hours, each known to the edges
// before the first ticket is made with it and until the last one has ended. How one is made is
// ports/certificates.h, and the leader's to call.
#pragma once

#include <string>
#include <vector>

#include "plan/draft.h"
#include "plan/plan.h"

namespace moln::plan {

inline constexpr Milliseconds k_ticket_key_rotation = minutes(8 * 60);
// A ticket lasts so long at most: its key goes then, counted from when it was made.
inline constexpr Milliseconds k_ticket_key_kept = minutes(24 * 60);
// So long it only opens tickets, if there is another to make them with: no edge is to get one that
// it does not know yet.
inline constexpr Milliseconds k_ticket_key_lead = minutes(1);
// A key of the future was made under a wrong clock. A little ahead is one that was set.
inline constexpr Milliseconds k_ticket_key_ahead_max = minutes(5);

// Drops those that have ended. The id of one to be made now; "": none is due.
std::string tend_ticket_keys(Draft& draft);

// What the edges get: first the one that makes tickets. Those that have ended are left out.
std::vector<EdgeTicketKey> draw_ticket_keys(Draft& draft);

}  // namespace moln::plan
