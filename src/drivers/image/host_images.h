// The Images port on a real host. See ports/images.h for the contract.
//
//   DATA/images/layers/app-<hash>   one deployed folder after its build, at app/
//   DATA/sites/site-<hash>         the published files of a site: model/site.h
//   DATA/images/layers/oci-<hash>   one layer of an OCI image, as an overlay lower layer
//   DATA/platforms/<name>/rootfs    a platform image, with manifest.json beside it
//   DATA/builds                     whatever is in the making
//   DATA/trash/<id>/layers          layers that no release uses
#pragma once

#include <functional>
#include <string>

#include "drivers/data_dir.h"
#include "drivers/image/platform_images.h"
#include "drivers/image/source_build.h"
#include "drivers/image/workspace.h"
#include "ports/images.h"
#include "ports/one_shots.h"

namespace moln {

struct HostImagesOptions {
    BuildCaps caps;
    std::string platform_recipes;        // folder with debian.toml
    std::function<WallTime()> wall_now;  // names and dates platform images, dates sites
    // How builds reach registries; called before each. Without it they are told nothing.
    std::function<Result<BuildSettings>()> build_settings;
};

class HostImages final : public Images {
public:
    // `one_shots` must outlive this.
    HostImages(DataDir data, OneShots& one_shots, HostImagesOptions options);

    Status recover() override;
    Result<BuildResult> build(const BuildRequest& request, const ImageProgress& progress) override;
    Result<BuildResult> import(const ImportRequest& request,
                               const ImageProgress& progress) override;
    Result<PlatformInfo> build_platform(const std::string& recipe,
                                        const ImageProgress& progress) override;
    Result<std::vector<PlatformInfo>> platforms() override;
    Result<Bytes> to_trash(const std::vector<std::string>& layers, const TrashId& trash) override;
    Status from_trash(const TrashId& trash) override;

private:
    std::string folder_of(const std::string& layer) const {
        const auto path = layer_path(data_, layer);
        return path.substr(0, path.rfind('/'));
    }
    std::string trashed_layers(const TrashId& trash) const {
        return data_.trash(trash) + "/layers";
    }

    DataDir data_;
    OneShots& one_shots_;
    HostImagesOptions options_;
    PlatformImages platforms_;
};

}  // namespace moln
