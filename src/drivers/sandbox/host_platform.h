// The platform "host": the host's own /usr, read-only, and a skeleton of everything else, made once
// for each state of the host's /etc. What an instance must not see is not there: of /etc only an
// allow-list, and of that only what all users may read; no /home, /root, /var, /srv, /opt.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"

namespace moln {

struct HostPlatform {
    std::string skeleton;  // folder: the lowest overlay layer
    std::string usr;       // the host's, to be mounted at /usr
};

// Makes `platforms`/host-<hash> if it is not there. From one thread at a time.
Result<HostPlatform> make_host_platform(const std::string& platforms);

// Skeletons below `platforms` that are neither today's nor in `used`.
Result<std::vector<std::string>> unused_skeletons(const std::string& platforms,
                                                  const std::set<std::string>& used);

// `platforms`/base-<version>: only mount points and homes, below any other platform or image, so
// that what is missing in an image need not be written to an instance's own layer.
Result<std::string> make_base_layer(const std::string& platforms);

}  // namespace moln
