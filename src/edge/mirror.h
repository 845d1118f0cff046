// Of which requests a canary may get a copy.
#pragma once

#include <cstdint>

#include "http/method.h"
#include "model/traffic.h"

namespace moln::edge {

// A copy is one more execution, by a release that is being tried, against the same data: only what
// changes nothing may be copied (RFC 9110 9.2.1). Idempotent is not enough: a copied PUT that comes
// late undoes the one after it. An app that says that any of its requests may be repeated
// (RetryMode::all) has said that of its copies, too.
bool may_mirror(http::Method method, RetryMode mode);

}  // namespace moln::edge
