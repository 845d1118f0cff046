// What lies in the trash: settles, comes back, and goes for good when its time is over, when there
// is too much of it, or when the user says so. Nothing else destroys data.
#pragma once

#include <set>
#include <string>

#include "plan/scope.h"

namespace moln::plan {

// All of the trash together, if the size of the disk is not known; else a tenth of the disk.
inline constexpr Bytes k_trash_bytes_default = gib(10);

void advance_trash(Draft& draft);

// Releases past k_releases_kept go, the oldest first, and with them layers that nobody else needs.
void trim_releases(Draft& draft, const AppScope& scope);

// The layers that a release, or an app in the trash, still names.
std::set<std::string> layers_in_use(const Draft& draft);

}  // namespace moln::plan
