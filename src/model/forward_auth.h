// What a route's forward_auth may say: ForwardAuthSpec of model/traffic.h.
#pragma once

#include "model/traffic.h"

namespace moln {

// Invalid: a process or path that is none, too many fields, or one that is not a process's to say,
// because it belongs to the connection, the body or the edge.
Status validate_forward_auth(const ForwardAuthSpec& auth);

}  // namespace moln
