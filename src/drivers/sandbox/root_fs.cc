#include "drivers/sandbox/root_fs.h"

#include <cerrno>
#include <filesystem>
#include <mutex>
#include <set>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/process/mounts.h"
#include "drivers/sandbox/host_platform.h"
#include "drivers/sandbox/passwd.h"
#include "drivers/volume/loop_image.h"
#include "io/file/files.h"
#include "io/file/tree.h"
#include "model/site.h"

namespace moln {
namespace {

namespace fs = std::filesystem;

// Platforms are made by the first instance that needs them, whichever thread that is on.
std::mutex platform_mutex;

Status own(const std::string& path, std::int64_t owner, mode_t mode) {
    MOLN_TRY(make_folders(path, mode));
    if (chown(path.c_str(), static_cast<uid_t>(owner), static_cast<gid_t>(owner)) != 0) {
        return fail(error_from_errno(errno, "chown " + path));
    }
    return {};
}

}  // namespace

// Bottom first.
Result<std::vector<std::string>> RootFiles::layers(const RootFsInput& input) {
    const auto& image = input.image;
    std::vector<std::string> out;
    const std::lock_guard lock(platform_mutex);
    MOLN_TRY(make_folders(paths_.data.platforms(), 0700));
    if (image.platform == k_host_platform) {
        MOLN_ASSIGN(auto host, make_host_platform(paths_.data.platforms()));
        // So that drop_unused() knows, whatever mounts say. As durable as the mount itself.
        MOLN_TRY(
            write_file(paths_.skeleton(input.instance), host.skeleton, 0600, Durability::unsynced));
        out.push_back(std::move(host.skeleton));
    } else {
        MOLN_ASSIGN(auto base, make_base_layer(paths_.data.platforms()));
        out.push_back(std::move(base));
        if (!image.platform.empty()) {
            out.push_back(paths_.data.platforms() + "/" + image.platform + "/rootfs");
        }
    }
    for (const auto& layer : image.layers) {
        // Its files are the edges', and lie in the app's own layer as well.
        if (!is_site_name(layer)) out.push_back(paths_.data.layers() + "/" + layer);
    }
    for (const auto& path : out) {
        if (!path_exists(path)) {
            return fail(
                ErrorCode::not_found,
                fmt::format("{} needs {}, which is not there any more", input.instance.text, path));
        }
    }
    return out;
}

// An empty file system, made once and copied for every instance: thin, a few hundred KiB.
Result<std::string> RootFiles::layer_template() const {
    auto path =
        fmt::format("{}/layer-{}.img", paths_.data.platforms(), layer_bytes_.count / mib(1).count);
    const std::lock_guard lock(platform_mutex);
    MOLN_TRY(make_loop_image({.path = path, .size = layer_bytes_, .allocation = Allocation::thin}));
    return path;
}

Status RootFiles::mount_writable_layer(const InstanceId& id) const {
    if (!path_exists(paths_.layer_image(id))) return make_folders(paths_.layer(id), 0711);
    return mount_loop_image(paths_.layer_image(id), paths_.layer(id));
}

Result<TreeSize> RootFiles::written(const InstanceId& id) const {
    if (!path_exists(paths_.home(id))) return TreeSize{};
    MOLN_TRY(mount_writable_layer(id));
    return tree_size(paths_.upper(id));
}

Status RootFiles::move_writable_layer(const InstanceId& id, const std::string& trash) const {
    const bool image = path_exists(paths_.layer_image(id));
    const auto from = image ? paths_.layer_image(id) : paths_.upper(id);
    if (!path_exists(from)) return {};
    MOLN_TRY(make_folders(trash, 0700));
    MOLN_TRY(rename_path(from, trash + (image ? "/layer.img" : "/layer")));
    return sync_folder(trash);
}

Status RootFiles::make_writable_layer(const RootFsInput& input) const {
    const auto& id = input.instance;
    MOLN_TRY(make_folders(paths_.home(id), 0700));
    if (loop_images_work()) {
        MOLN_ASSIGN(const auto empty, layer_template());
        MOLN_TRY(copy_loop_image(empty, paths_.layer_image(id)));
    }
    MOLN_TRY(mount_writable_layer(id));
    // The root of an overlay has the owner and mode of its upper layer's.
    MOLN_TRY(own(paths_.upper(id), input.uid_base, 0755));
    MOLN_TRY(own(paths_.work(id), 0, 0700));
    MOLN_TRY(own(paths_.tmp(id), input.uid_base, 01777));
    return own(paths_.tmp(id) + "/var", input.uid_base, 01777);
}

Status RootFiles::mount(const RootFsInput& input) {
    const auto& id = input.instance;
    if (is_mount_point(paths_.root(id)) && mounts_below(paths_.lowers(id)).empty()) return {};
    MOLN_TRY(unmount_all(id));
    MOLN_ASSIGN(const auto stacked, layers(input));
    MOLN_TRY(make_writable_layer(input));
    MOLN_TRY(make_folders(paths_.root(id), 0755));
    OverlaySpec overlay{.lowers = {},
                        .upper = paths_.upper(id),
                        .work = paths_.work(id),
                        .target = paths_.root(id)};
    if (path_exists(paths_.names_layer(id))) overlay.lowers.push_back(paths_.names_layer(id));
    for (std::size_t i = stacked.size(); i-- > 0;) {
        const auto lower = fmt::format("{}/{}", paths_.lowers(id), i);
        MOLN_TRY(make_folders(lower, 0700));
        MOLN_TRY(id_maps_.mount(
            {.from = stacked[i], .to = lower, .uid_base = input.uid_base, .read_only = true}));
        overlay.lowers.push_back(lower);
    }
    MOLN_TRY(mount_overlay(overlay));
    // The overlay keeps its own view of its layers; the mapped ones were only needed to name them.
    return unmount_below(paths_.lowers(id));
}

Status RootFiles::drop_unused() const {
    const std::lock_guard lock(platform_mutex);
    std::error_code error;
    std::set<std::string> used;
    for (const auto& entry : fs::directory_iterator(paths_.data.instances(), error)) {
        const InstanceId id(entry.path().filename());
        const auto skeleton = read_file(paths_.skeleton(id));
        // Begun by a moln that wrote nothing of it: it may stand on any.
        if (!skeleton && is_mount_point(paths_.root(id))) return {};
        if (skeleton) used.insert(*skeleton);
    }
    MOLN_ASSIGN(const auto unused, unused_skeletons(paths_.data.platforms(), used));
    for (const auto& path : unused) MOLN_TRY(remove_tree(path));
    return {};
}

std::vector<OciBind> RootFiles::binds(const RootFsInput& input) const {
    std::vector<OciBind> out;
    if (input.image.platform == k_host_platform) {
        out.push_back({.from = "/usr", .to = "/usr", .read_only = true});
    }
    out.push_back({.from = paths_.tmp(input.instance), .to = "/tmp"});
    out.push_back({.from = paths_.tmp(input.instance) + "/var", .to = "/var/tmp"});
    return out;
}

Status RootFiles::mount_volume(const InstanceId& instance, std::size_t index,
                               const std::string& folder, std::int64_t uid_base) {
    const auto target = paths_.volume(instance, index);
    if (is_mount_point(target)) return {};
    MOLN_TRY(make_folders(target, 0700));
    return id_maps_.mount({.from = folder, .to = target, .uid_base = uid_base});
}

Status RootFiles::unmount_all(const InstanceId& instance) const {
    MOLN_TRY(unmount_below(paths_.run(instance)));
    return unmount(paths_.layer(instance));
}

Result<SandboxUser> RootFiles::find_user(const InstanceId& instance,
                                         const std::string& user) const {
    return find_user_in(paths_.root(instance), user);
}

}  // namespace moln
