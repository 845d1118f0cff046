// What detection sees of an unpacked source folder, and which programs a platform can run.
#pragma once

#include <string>

#include "base/result.h"
#include "recipe/detect.h"

namespace moln {

// Names of the two top levels and the contents of manifests. Links are listed, never followed.
Result<SourceListing> list_source(const std::string& folder);

// Looks for platform_programs() below `root` ("/" for the host's own userland). `digest` tells one
// state of these programs from another, so that a build can know whether it is the same again.
struct PlatformState {
    PlatformTools tools;
    std::string digest;
};
PlatformState look_at_platform(const std::string& name, const std::string& root);

}  // namespace moln
