// Which addresses a port is to be opened on, to be open wherever others are.
#pragma once

#include <string>
#include <vector>

#include "io/net/address.h"

namespace moln::net {

// The hosts of these listening addresses, each once, with port 0. One that another one includes is
// left out, for the two could not have the same port: 0.0.0.0 has all of IPv4, [::] has both. What
// is no address is passed over.
std::vector<SocketAddress> distinct_hosts(const std::vector<std::vector<std::string>>& listens);

}  // namespace moln::net
