// The sockets that an edge listens on when it starts: bound anew, or those of the edge whose place
// it takes. Not those of streams: the daemon opens them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runtime/edge/take_over.h"
#include "runtime/edge/worker.h"

namespace moln::edge_loop {

struct Bound {
    std::vector<std::vector<WorkerListener>> by_worker;
    std::vector<std::string> names;
    std::vector<std::string> tls_names;
    Fd metrics;                    // not open: none is wanted
    std::vector<HeldSocket> held;  // duplicates of all, for whoever takes this edge's place
};

struct BindWish {
    std::vector<std::string> listens;
    std::vector<std::string> tls_listens;
    std::string metrics;  // "": none
    std::size_t workers = 1;
};

// A worker has a socket of its own of each address, or several when the edge before had more
// workers: closing one would reset what waits in its backlog. `inheritance` may be null; what it
// has for none of these addresses stays in it. `refused` when an address is taken by somebody else.
Result<Bound> bind_all(const BindWish& wish, Inheritance* inheritance);

Result<Fd> duplicate(int fd);

}  // namespace moln::edge_loop
