#include "drivers/volume/real_volumes.h"

#include <cerrno>
#include <filesystem>

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "drivers/process/mounts.h"
#include "drivers/volume/copy_tree.h"
#include "drivers/volume/loop_image.h"
#include "io/file/files.h"
#include "io/file/tree.h"

namespace moln {
namespace {

std::unexpected<Error> absent(const VolumeId& id) {
    return fail(ErrorCode::not_found, "no volume " + id.text + " on this node");
}

// Of a mounted image: what its user has written, without the file system's own tables.
Bytes used_of_mount(const std::string& path) {
    struct statvfs info{};
    if (statvfs(path.c_str(), &info) != 0) return {};
    return {static_cast<std::int64_t>((info.f_blocks - info.f_bfree) * info.f_frsize)};
}

}  // namespace

Status RealVolumes::mount(const VolumeId& id) {
    if (!path_exists(image(id))) return {};
    return mount_loop_image(image(id), data(id));
}

Status RealVolumes::create(const Volume& volume) {
    const auto& id = volume.id;
    MOLN_TRY(make_folders(folder(id), 0700));
    if (options_.limit == SizeLimit::enforced && loop_images_work() && !path_exists(data(id))) {
        MOLN_TRY(make_loop_image({.path = image(id), .size = volume.size}));
    }
    if (!path_exists(image(id))) return make_folders(data(id), 0755);
    MOLN_TRY(mount(id));
    // mkfs makes it; an app is to find its volume empty.
    if (rmdir((data(id) + "/lost+found").c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY) {
        return fail(error_from_errno(errno, "empty " + data(id)));
    }
    return {};
}

Result<VolumeSeen> RealVolumes::inspect(const VolumeId& id) {
    if (!path_exists(folder(id))) return absent(id);
    VolumeSeen seen{.volume = id};
    struct stat info{};
    if (stat(image(id).c_str(), &info) == 0) {
        MOLN_TRY(mount(id));
        seen.size = {info.st_size};
        seen.used = used_of_mount(data(id));
        seen.size_enforced = true;
    } else {
        seen.used = tree_size(data(id)).bytes;
    }
    return seen;
}

Result<std::vector<VolumeSeen>> RealVolumes::recover() {
    MOLN_TRY(make_folders(options_.data.volumes(), 0700));
    MOLN_TRY(make_folders(options_.data.trash_root(), 0700));
    std::vector<VolumeSeen> found;
    for (const auto& entry : std::filesystem::directory_iterator(options_.data.volumes())) {
        const VolumeId id(entry.path().filename());
        if (!path_exists(image(id)) && !path_exists(data(id))) {
            // Half made: nothing was ever written to it.
            MOLN_TRY(remove_tree(folder(id)));
            continue;
        }
        found.push_back(inspect(id).value_or(VolumeSeen{.volume = id}));
    }
    return found;
}

Result<Bytes> RealVolumes::to_trash(const VolumeId& id, const TrashId& trash) {
    if (path_exists(trashed(trash, id))) return tree_size(trashed(trash, id)).bytes;
    MOLN_ASSIGN(const auto seen, inspect(id));
    MOLN_TRY(unmount(data(id)));
    MOLN_TRY(make_folders(options_.data.trash(trash), 0700));
    MOLN_TRY(rename_path(folder(id), trashed(trash, id)));
    MOLN_TRY(sync_folder(options_.data.trash(trash)));
    MOLN_TRY(sync_folder(options_.data.volumes()));
    return seen.size_enforced ? tree_size(trashed(trash, id)).bytes : seen.used;
}

Status RealVolumes::from_trash(const TrashId& trash, const VolumeId& id) {
    if (!path_exists(trashed(trash, id))) {
        if (path_exists(folder(id))) return mount(id);
        return fail(ErrorCode::not_found, "the trash holds no volume " + trash.text);
    }
    if (path_exists(folder(id))) {
        return fail(ErrorCode::exists,
                    "volume " + id.text + " is there: it cannot be brought back over itself");
    }
    MOLN_TRY(make_folders(options_.data.volumes(), 0700));
    MOLN_TRY(rename_path(trashed(trash, id), folder(id)));
    MOLN_TRY(sync_folder(options_.data.volumes()));
    // Empty now; if something else is in it, that stays.
    (void)rmdir(options_.data.trash(trash).c_str());
    return mount(id);
}

Status RealVolumes::purge(const TrashId& trash) {
    MOLN_TRY(unmount_below(options_.data.trash(trash)));
    return remove_tree(options_.data.trash(trash));
}

Status RealVolumes::extract(const TrashId& trash, const std::string& target) {
    const auto folder = options_.data.trash(trash);
    if (path_exists(folder + "/layer.img")) {
        const auto view = folder + "/view";
        MOLN_TRY(mount_loop_image(folder + "/layer.img", view));
        auto copied = copy_tree(view + "/upper", target);
        MOLN_TRY(unmount(view));
        return copied;
    }
    if (!path_exists(folder + "/layer")) {
        return fail(ErrorCode::not_found, "the trash holds no writable layer " + trash.text);
    }
    return copy_tree(folder + "/layer", target);
}

}  // namespace moln
