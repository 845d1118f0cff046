// Volumes and trash on this host. A volume is a folder <data>/volumes/<id> with the image of a file
// system of its own size (volume.img), mounted on its `data`; where loop devices cannot be had,
// `data` is a plain folder and the size is not enforced, which VolumeSeen says. (Project quotas
// would be lighter, but no file system has them unless it was made for it.)
// What is in the trash: <data>/trash/<id>/{volume,layer,…}, moved there by rename.
#pragma once

#include "drivers/data_dir.h"
#include "ports/volumes.h"

namespace moln {

enum class SizeLimit { enforced, only_noted };

struct VolumeOptions {
    DataDir data;
    SizeLimit limit = SizeLimit::enforced;  // only_noted: plain folders, even where loops work
};

class RealVolumes final : public Volumes {
public:
    explicit RealVolumes(VolumeOptions options) : options_(std::move(options)) {}

    // Also mounts again what a reboot unmounted. A volume whose file system cannot be mounted is
    // listed with size_enforced false and nothing used; inspect() says why.
    Result<std::vector<VolumeSeen>> recover() override;
    Status create(const Volume& volume) override;
    Result<VolumeSeen> inspect(const VolumeId& volume) override;
    Result<Bytes> to_trash(const VolumeId& volume, const TrashId& trash) override;
    Status from_trash(const TrashId& trash, const VolumeId& volume) override;
    Status purge(const TrashId& trash) override;
    Status extract(const TrashId& trash, const std::string& target) override;

private:
    std::string folder(const VolumeId& id) const { return options_.data.volume(id); }
    std::string image(const VolumeId& id) const { return folder(id) + "/volume.img"; }
    std::string data(const VolumeId& id) const { return folder(id) + "/data"; }
    // One trash item may hold several: those of an instance's own lifetime lie beside its layer.
    std::string trashed(const TrashId& trash, const VolumeId& id) const {
        return options_.data.trash(trash) + "/" + id.text;
    }
    Status mount(const VolumeId& id);

    const VolumeOptions options_;
};

}  // namespace moln
