// The published sites that a snapshot names, opened and ready to be served. One that is open is
// found again by its name; one that is gone lives on until the last request for it is over. Control
// thread.
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

class SiteShelf {
public:
    // Without a folder there are none. It is held open: as the edge's own user there is no other
    // way to it, nor from it to anything else, and only what is called like a site is opened there.
    explicit SiteShelf(std::optional<Folder> folder) : folder_(std::move(folder)) {}

    // Null: the app has none, or it cannot be read, which is told of in the edge's output.
    std::shared_ptr<const OpenSite> site_of(const EdgeApp& app);

private:
    Result<std::shared_ptr<const OpenSite>> open(const std::string& name) const;

    std::optional<Folder> folder_;
    std::map<std::string, std::weak_ptr<const OpenSite>> opened_;
};

}  // namespace moln::edge_loop
