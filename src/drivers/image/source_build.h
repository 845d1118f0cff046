// A deployed source folder becomes one layer: unpacked, looked at, built in a capped sandbox, and
// named by what it was made from, so that the same folder on the same platform is not built again.
#pragma once

#include "base/result.h"
#include "drivers/data_dir.h"
#include "drivers/image/build_settings.h"
#include "drivers/image/platform_images.h"
#include "ports/images.h"
#include "ports/one_shots.h"

namespace moln {

inline constexpr std::size_t k_error_lines_max = 20;  // of a failed step's output
inline constexpr Bytes k_built_bytes_max = gib(16);   // of a folder after its build

struct BuildCaps {
    std::int64_t uid_base = 0;  // first of the host uids that builds run as
    Bytes memory = gib(2);
    std::int64_t cpu_millis = 2000;
    std::int64_t pids = 1024;
    Milliseconds step_limit = minutes(30);
};

// All of it must outlive the call.
struct BuildParts {
    const DataDir& data;
    const PlatformImages& platforms;
    OneShots& one_shots;
    const BuildCaps& caps;
    const BuildSettings& settings;
    WallTime now;
};

Result<BuildResult> build_source(const BuildParts& parts, const BuildRequest& request,
                                 const ImageProgress& progress);

}  // namespace moln
