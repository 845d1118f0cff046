// What a person is told of a host that no certificate serves. Words only, pure.
#pragma once

#include <string>

#include "model/world.h"

namespace moln {

// Why the host of a route has no certificate and gets none by itself, and what to do; "" when it
// has a valid one or will have.
std::string certificate_advice(const World& world, const std::string& host, WallTime now);

}  // namespace moln
