// A node's kernel as a passer-on of TCP and UDP: new connections to a listen are sent to one of its
// instances without anybody reading a byte; one that was begun stays where it is, whatever the
// table says later. One table a node; it outlives every process.
//
// All calls block and may come from any thread, one at a time.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/kernel_path.h"

namespace moln {

class PathTable {
public:
    virtual ~PathTable() = default;

    // "" if it can be used; else why not, for people: "this kernel has no NAT of nftables". Leaves
    // nothing behind.
    virtual std::string cannot() = 0;

    // Rules of others that connections would meet here otherwise than in the edge, for people:
    // "rules of another program filter what comes in (table ip filter)". "" if there are none.
    virtual std::string in_the_way() = 0;

    // There is a table: of a daemon before this one.
    virtual bool is_there() = 0;

    // As one: what holds is all of what was before or all of `spec`. Without paths there is no
    // table afterwards.
    virtual Status apply(const PathTableSpec& spec) = 0;

    // Of every listen that is sent on, also by a table of a daemon before this one; sorted. A count
    // goes on over every change of the table that has its listen.
    virtual Result<std::vector<PathCount>> counts() = 0;

    // Lets time pass.
    virtual void wait(Milliseconds time) = 0;

    // Every flow to an instance of this node, also those over. One that began before the last
    // apply() ended is in it.
    virtual Result<std::vector<KernelFlow>> flows() = 0;

    // Forgotten: the next packet of one is taken for the first of another. Ok if one is gone.
    virtual Status end_flows(const std::vector<KernelFlow>& flows) = 0;
};

}  // namespace moln
