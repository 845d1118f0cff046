// The published sites that a snapshot names, opened and ready to be served. Those that did not
// change from one snapshot to the next are kept; one that is gone lives on until the last request
// for it is over. Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edge/site/site_index.h"
#include "io/file/fd.h"
#include "model/edge.h"
#include "runtime/edge/folder.h"

namespace moln::edge_loop {

// Immutable, shared by all workers.
struct OpenSite {
    edge::SiteIndex index;
    Fd content;
};

// By the index of a snapshot's apps; null, or beyond the end: it has none, or it cannot be read.
using OpenSites = std::vector<std::shared_ptr<const OpenSite>>;

class SiteShelf {
public:
    // Without a folder there are none. It is held open: as the edge's own user there is no other
    // way to it, nor from it to anything else, and only what is called like a site is opened there.
    explicit SiteShelf(std::optional<Folder> folder) : folder_(std::move(folder)) {}

    // One that cannot be read is told of in the edge's output: the others still serve.
    OpenSites sites_of(const EdgeSnapshot& snapshot);

private:
    Result<std::shared_ptr<const OpenSite>> open(const std::string& name) const;

    std::optional<Folder> folder_;
    std::map<std::string, std::shared_ptr<const OpenSite>> opened_;
};

}  // namespace moln::edge_loop
