// Platform images: what is below an app's own files. "host" is the host's own userland; the others
// are made by mmdebstrap from a recipe and lie in DATA/platforms/<name>/rootfs, never changed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/data_dir.h"
#include "drivers/image/source_listing.h"
#include "ports/images.h"

namespace moln {

// platforms/<name>.toml: what a platform image is made of.
struct PlatformRecipe {
    std::string summary;
    std::string suite;                  // Debian's, "bookworm"
    std::string version;                // in the name of what is made: "12"
    std::vector<std::string> packages;  // beside the smallest system that has apt
};
Result<PlatformRecipe> parse_platform_recipe(std::string_view text, std::string_view file);

class PlatformImages {
public:
    // `recipes` is the folder with the recipes' files.
    PlatformImages(DataDir data, std::string recipes)
        : data_(std::move(data)), recipes_(std::move(recipes)) {}

    Result<std::vector<PlatformInfo>> list() const;

    // "" is the default one; "debian" is the newest "debian-…". ErrorCode::not_found tells which
    // there are.
    Result<std::string> resolve(const std::string& name) const;
    PlatformState look_at(const std::string& resolved) const;

    // Makes <recipe>-<version>-<today>[-n], `today` being "20261122". Minutes.
    Result<PlatformInfo> build(const std::string& recipe, WallTime now,
                               const ImageProgress& progress) const;

private:
    std::string folder(const std::string& name) const { return data_.platforms() + "/" + name; }
    Result<std::string> fresh_name(const std::string& stem) const;

    DataDir data_;
    std::string recipes_;
};

}  // namespace moln
