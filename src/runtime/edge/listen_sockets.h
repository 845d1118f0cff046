// The sockets that streams are accepted on, as the control thread keeps them. It cannot open any:
// the daemon hands them over, so that an edge in wrong hands listens nowhere but where it was told.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "edge/compiled.h"
#include "io/file/fd.h"
#include "model/edge.h"
#include "model/listen.h"

namespace moln::edge_loop {

inline constexpr std::size_t k_listen_addresses_max = 8;  // of one `listen`

// Closed once no worker waits on it any more.
struct ListenSocket {
    Listen listen;
    std::vector<Fd> fds;  // one an address
    std::vector<std::string> addresses;
};

using ListenSockets = std::vector<std::shared_ptr<const ListenSocket>>;

class ListenShelf {
public:
    // What the snapshot listens on. True: the set of open sockets is another one now.
    bool want(const std::vector<edge::StreamListen>& streams);

    // The daemon's answer to a report. One that nobody wants any more, or that is open already, is
    // dropped. `invalid` when the descriptors are not sockets of that protocol, one per address.
    // True: the set of open sockets is another one now.
    Result<bool> take(const EdgeListenOffer& offer, std::vector<Fd> fds);

    ListenSockets open() const;
    std::vector<EdgeListenReport> report() const;

private:
    struct Place {
        std::shared_ptr<const ListenSocket> socket;  // null: not open
        std::string problem;
    };
    std::map<Listen, Place> places_;
};

}  // namespace moln::edge_loop
