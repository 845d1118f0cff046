// Who "www-data" or "1000:33" is in an image. The image is hostile: its files are opened within it,
// whatever symlinks it holds, and read up to a limit.
#pragma once

#include <string>

#include "base/result.h"
#include "drivers/sandbox/oci_config.h"

namespace moln {

// "" is the unprivileged default, 1000:1000. `invalid` if a name is not in the image.
Result<SandboxUser> find_user_in(const std::string& root, const std::string& user);

}  // namespace moln
