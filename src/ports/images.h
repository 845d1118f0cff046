// Images: building a source folder, importing OCI images, making platform images. Blocking, slow
// (seconds to minutes), cancellable; progress goes to a callback line by line.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/resources.h"

namespace moln {

struct ImageProgress {
    std::function<void(std::string)> line;   // called from the job's thread
    std::atomic<bool>* cancelled = nullptr;  // looked at between steps and while a child runs
};

struct BuildRequest {
    AppId app;
    std::string archive;    // path of a tar file with the source folder; stays the caller's
    std::string platform;   // "" is the default platform
    std::string base_name;  // for messages: the folder's name
    bool dry_run = false;   // detect and validate only: image stays empty
    // What is wrong with the configuration that its text alone does not tell: asked, in a thread
    // that may block, before anything is built.
    std::function<Status(const AppConfig&)> check = {};
};

struct BuildResult {
    ImageRef image;
    AppConfig config;
    std::string detected;               // "Node.js (package.json)", "Procfile", …
    std::vector<std::string> warnings;  // each a sentence
};

struct ImportRequest {
    AppId app;
    std::string
        reference;  // docker://…, oci:path[:tag], docker-archive:path; bare names are docker://
    bool plain_http = false;  // allowed for loopback registries only
    bool dry_run = false;     // read its configuration only: image stays empty
};

struct PlatformInfo {
    std::string name;     // "host", "debian-12-20261122"
    std::string summary;  // for people
    Bytes size;
    WallTime made;
    bool is_default = false;
};
BOOST_DESCRIBE_STRUCT(PlatformInfo, (), (name, summary, size, made, is_default))

class Images {
public:
    virtual ~Images() = default;

    // Removes half-made builds and unpacks of an earlier run.
    virtual Status recover() = 0;
    // Source folder -> release image; the build runs in a capped sandbox. ErrorCode::invalid with
    // file and line for a bad moln.toml; `failed` with the last output lines when a step failed.
    virtual Result<BuildResult> build(const BuildRequest& request,
                                      const ImageProgress& progress) = 0;
    virtual Result<BuildResult> import(const ImportRequest& request,
                                       const ImageProgress& progress) = 0;
    virtual Result<PlatformInfo> build_platform(const std::string& recipe,
                                                const ImageProgress& progress) = 0;
    virtual Result<std::vector<PlatformInfo>> platforms() = 0;
    // Moves layers that no release uses any more to the trash; the caller says which are used.
    virtual Result<Bytes> to_trash(const std::vector<std::string>& layers,
                                   const TrashId& trash) = 0;
    virtual Status from_trash(const TrashId& trash) = 0;
};

}  // namespace moln
