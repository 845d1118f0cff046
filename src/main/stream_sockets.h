// Opens what the edge is to pass on streams from, and hands it over: the edge has no right to bind,
// so that one in wrong hands listens nowhere but where it was told, and ports below 1024 need no
// right of its own. Driven by the edge's reports: what is not open there is tried after each.
#pragma once

#include <string>
#include <vector>

#include "base/units.h"
#include "io/host/edge_links.h"
#include "io/net/address.h"
#include "model/edge.h"

namespace moln {

class StreamSockets {
public:
    explicit StreamSockets(EdgeLinks& link) : link_(link) {}

    // Streams are taken on the addresses that requests are. `received` tells one report from the
    // next.
    void serve(const EdgeReport& report, MonoTime received);

private:
    void open(std::int64_t pid, const std::string& listen,
              const std::vector<net::SocketAddress>& addresses);

    EdgeLinks& link_;
    MonoTime served_{-1};
};

}  // namespace moln
