#include "drivers/sandbox/stage.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/sandbox/names.h"
#include "io/file/files.h"
#include "io/file/tree.h"

namespace moln {
namespace {

constexpr rlim_t k_files_max = 65'536;  // enough for any server; raises no kernel table by itself

std::int64_t files_max() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    return static_cast<std::int64_t>(std::min(limit.rlim_max, k_files_max));
}

RootFsInput root_input(const SandboxRecord& record) {
    return {.instance = record.instance, .image = record.image, .uid_base = record.uid_base};
}

// Made anew with every start, so it need not outlive a loss of power.
Status write_name(const std::string& path, const std::string& text, uid_t owner) {
    if (read_file(path).value_or("") == text && !text.empty()) return {};
    MOLN_TRY(write_file(path, text, 0644, Durability::unsynced));
    if (chown(path.c_str(), owner, owner) != 0)
        return fail(error_from_errno(errno, "chown " + path));
    return {};
}

SlotOfNetwork slot_of(const SandboxRecord& record) {
    return {.network = static_cast<std::uint32_t>(record.network),
            .slot = static_cast<std::uint32_t>(record.address_slot)};
}

}  // namespace

Result<Subnet> SandboxStage::subnet(const SandboxRecord& record) const {
    return networks_.subnet(slot_of(record));
}

Status SandboxStage::write_names(const SandboxRecord& record) const {
    const auto etc = paths_.names_layer(record.instance) + "/etc";
    std::string address;
    if (record.network != 0) {
        MOLN_ASSIGN(const auto slot, subnet(record));
        address = slot.address;
    }
    const auto& name = record.instance.text;
    MOLN_TRY(make_folders(etc, 0755));
    const auto owner = static_cast<uid_t>(record.uid_base);
    MOLN_TRY(write_name(etc + "/hosts", hosts_text({.hostname = name, .address = address}), owner));
    MOLN_TRY(write_name(etc + "/hostname", name + "\n", owner));
    MOLN_TRY(write_name(etc + "/resolv.conf", host_resolv_text(), owner));
    if (chown(etc.c_str(), owner, owner) != 0) return fail(error_from_errno(errno, "chown " + etc));
    return {};
}

Status SandboxStage::mount_volumes(const SandboxRecord& record) {
    for (std::size_t i = 0; i < record.volumes.size(); ++i) {
        const auto folder = paths_.data.volume(record.volumes[i]) + "/data";
        if (!path_exists(folder)) {
            return fail(ErrorCode::not_found, "volume " + record.volumes[i].text +
                                                  " is not on this node: it must be made first");
        }
        MOLN_TRY(root_files_.mount_volume(record.instance, i, folder, record.uid_base));
    }
    return {};
}

Status SandboxStage::raise(const SandboxRecord& record) {
    MOLN_TRY(make_folders(paths_.home(record.instance), 0700));
    MOLN_TRY(write_names(record));
    MOLN_TRY(root_files_.mount(root_input(record)));
    MOLN_TRY(mount_volumes(record));
    if (record.network == 0) return {};
    return networks_.attach(record.instance.text, slot_of(record));
}

// A volume that nobody has written to yet is given to the user who is to write to it.
Status SandboxStage::give_new_volumes(const SandboxSpec& spec, const SandboxUser& user) const {
    for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
        const auto path = paths_.volume(spec.instance, i);
        struct stat info{};
        if (stat(path.c_str(), &info) != 0) return fail(error_from_errno(errno, "stat " + path));
        const auto root = static_cast<uid_t>(spec.uid_base);
        std::error_code error;
        if (info.st_uid != root || !std::filesystem::is_empty(path, error)) continue;
        // Through the mapped mount: owners are the host's ids of the user namespace.
        if (chown(path.c_str(), root + static_cast<uid_t>(user.uid),
                  root + static_cast<gid_t>(user.gid)) != 0) {
            return fail(error_from_errno(errno, "chown " + path));
        }
    }
    return {};
}

Status SandboxStage::write_bundle(const SandboxSpec& spec, const std::vector<OciBind>& folders) {
    const auto& id = spec.instance;
    const auto record = record_of(spec);
    MOLN_ASSIGN(const auto user, root_files_.find_user(id, spec.user));
    MOLN_TRY(give_new_volumes(spec, user));
    OciConfigInput input{.root = paths_.root(id),
                         .netns = spec.network == 0 ? "" : networks_.netns_path(id.text),
                         .cgroup = "moln/" + id.text,
                         .user = user,
                         .binds = root_files_.binds(root_input(record)),
                         .init_program = init_program_,
                         .seccomp_filter = filter_.text(),
                         .files_max = files_max()};
    for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
        input.binds.push_back({.from = paths_.volume(id, i), .to = spec.mounts[i].path});
    }
    for (std::size_t i = 0; i < folders.size(); ++i) {
        const auto index = spec.mounts.size() + i;
        MOLN_TRY(root_files_.mount_volume(id, index, folders[i].from, spec.uid_base));
        input.binds.push_back({.from = paths_.volume(id, index),
                               .to = folders[i].to,
                               .read_only = folders[i].read_only});
    }
    MOLN_TRY(make_folders(paths_.bundle(id), 0700));
    return write_file(paths_.config(id), oci_config(spec, input), 0600);
}

Status SandboxStage::fresh_cgroup(const SandboxRecord& record) {
    const auto& name = record.instance.text;
    MOLN_TRY(cgroups_.remove(name));
    return cgroups_.create(
        name, {.memory = record.memory, .cpu_millis = record.cpu_millis, .pids = record.pids});
}

Status SandboxStage::take_down(const InstanceId& instance) {
    MOLN_TRY(cgroups_.remove(instance.text));
    MOLN_TRY(root_files_.unmount_all(instance));
    MOLN_TRY(networks_.detach(instance.text));
    return remove_tree(paths_.run(instance));
}

}  // namespace moln
