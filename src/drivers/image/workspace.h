// Folders for things in the making, and the one step that makes them real: a layer or a platform
// gets its name by a rename, after its bytes are on the disk. Whatever a crash leaves in the
// making is in DATA/builds and goes when the daemon starts again.
#pragma once

#include <string>

#include "base/result.h"
#include "drivers/data_dir.h"

namespace moln {

// A folder of its own below DATA/builds (0700), removed with all below it at the end.
class Workspace {
public:
    static Result<Workspace> make(const DataDir& data);
    Workspace(Workspace&& other) noexcept;
    Workspace& operator=(Workspace&&) = delete;
    ~Workspace();

    const std::string& path() const { return path_; }
    // The last part of the path: unique among those of one daemon's life.
    std::string name() const;
    // A new folder in it (0755, root's), to become a layer.
    Result<std::string> make_layer(const std::string& name) const;

private:
    explicit Workspace(std::string path) : path_(std::move(path)) {}
    std::string path_;
};

// Moves a finished folder to `target` and makes that durable. If `target` is there already, made
// from the same content by somebody else, `folder` is left for the workspace to remove.
Status publish(const std::string& folder, const std::string& target);

// The same of what is there already and no good: the two change places at once, so that there is
// one at any time, and the old one is the workspace's to remove.
Status publish_anew(const std::string& folder, const std::string& target);

// Of one of the names in ImageRef::layers: where it lies.
std::string layer_path(const DataDir& data, const std::string& layer);

}  // namespace moln
