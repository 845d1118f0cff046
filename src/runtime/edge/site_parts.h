// What a request has of a site: see site_flow.h. Plain state; the flow changes it.
#pragma once

#include <cstdint>
#include <memory>

#include "edge/list.h"
#include "runtime/edge/site_reader.h"

namespace moln::edge_loop {

struct Exchange;
struct BySite;

// It holds the site: a switch does not reach what was begun.
struct SiteVisit : edge::ListLink<BySite> {
    Exchange* exchange = nullptr;
    std::shared_ptr<const OpenSite> site;
    std::uint64_t at = 0;            // in the content: what was not yet taken from there
    std::uint64_t end = 0;           // what is sent ends before it
    bool filled = false;             // to_client has some of it
    std::shared_ptr<SiteRead> read;  // that is waited for
};

}  // namespace moln::edge_loop
