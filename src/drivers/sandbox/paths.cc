#include "drivers/sandbox/paths.h"

#include <cstdint>

#include <fmt/format.h>

namespace moln {

SandboxPaths sandbox_paths(const DataDir& data, const std::string& run_folder) {
    // FNV-1a: two data directories on one machine must not share mount points.
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : data.root) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    }
    return {.data = data, .run_root = fmt::format("{}/{:08x}", run_folder, hash >> 32)};
}

}  // namespace moln
