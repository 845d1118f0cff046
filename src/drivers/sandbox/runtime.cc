#include "drivers/sandbox/runtime.h"

#include <boost/json.hpp>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include "drivers/process/mounts.h"
#include "drivers/sandbox/host_platform.h"
#include "io/file/files.h"
#include "io/file/tree.h"

namespace moln {
namespace {

constexpr const char* k_v2_tree = "/sys/fs/cgroup/unified";
constexpr Milliseconds k_runtime_limit = seconds(60);

// For the monitor, which calls the runtime itself. It is a file and not arguments because a
// monitor takes one program name. Five programs deep, it costs each start 15 ms: only for hosts of
// sandboxes that have no moln-init, which does the same by itself.
constexpr const char* k_without_v2 =
    "#!/bin/sh\n"
    "exec unshare --mount --propagation private \\\n"
    "    /bin/sh -c 'umount -l /sys/fs/cgroup/unified && exec crun \"$@\"' crun \"$@\"\n";

const char* name_of(RuntimeKind kind) {
    switch (kind) {
        case RuntimeKind::crun: return "crun";
        case RuntimeKind::crun_without_v2: return "crun without the cgroup v2 tree";
        case RuntimeKind::runc: break;
    }
    return "runc";
}

std::vector<RuntimeKind> candidates(CgroupLayout layout) {
    if (layout == CgroupLayout::hybrid) return {RuntimeKind::crun_without_v2, RuntimeKind::runc};
    return {RuntimeKind::crun, RuntimeKind::runc};
}

// The least that needs everything we rely on: user namespace, mounts, a program of the host.
std::string probe_config(const std::string& root) {
    namespace json = boost::json;
    const json::array ids{{{"containerID", 0}, {"hostID", 100'000}, {"size", 65'536}}};
    json::array namespaces;
    for (const char* type : {"user", "mount", "pid", "ipc", "uts", "cgroup"}) {
        namespaces.push_back(json::object{{"type", type}});
    }
    return json::serialize(json::object{
        {"ociVersion", "1.0.2"},
        {"process",
         {{"user", {{"uid", 0}, {"gid", 0}}},
          {"args", json::array{"/usr/bin/true"}},
          {"env", json::array{"PATH=/usr/bin"}},
          {"cwd", "/"},
          {"noNewPrivileges", true}}},
        {"root", {{"path", root}}},
        {"mounts", json::array{{{"destination", "/proc"}, {"type", "proc"}, {"source", "proc"}},
                               {{"destination", "/dev"}, {"type", "tmpfs"}, {"source", "tmpfs"}},
                               {{"destination", "/usr"},
                                {"type", "bind"},
                                {"source", "/usr"},
                                {"options", json::array{"bind", "ro"}}}}},
        {"linux",
         {{"uidMappings", ids},
          {"gidMappings", ids},
          {"namespaces", std::move(namespaces)},
          {"cgroupsPath", "/moln-probe"}}}});
}

Status make_probe_root(const std::string& root) {
    MOLN_TRY(remove_tree(root));
    for (const char* folder : {"/proc", "/dev", "/usr"})
        MOLN_TRY(make_folders(root + folder, 0755));
    for (const char* name : {"bin", "lib", "lib64"}) {
        if (symlink((std::string("usr/") + name).c_str(), (root + "/" + name).c_str()) != 0) {
            return fail(error_from_errno(errno, "make a root to try the OCI runtime in"));
        }
    }
    return {};
}

}  // namespace

std::vector<std::string> OciRuntime::global_arguments() const {
    return arguments_for(paths_.runtime_state());
}

std::vector<std::string> OciRuntime::arguments_for(const std::string& state) const {
    std::vector<std::string> out{"--root=" + state};
    if (kind_ != RuntimeKind::runc) out.emplace_back("--cgroup-manager=disabled");
    return out;
}

ChildSpec OciRuntime::command(std::vector<std::string> arguments) const {
    return command_in(paths_.runtime_state(), std::move(arguments));
}

ChildSpec OciRuntime::command_in(const std::string& state,
                                 std::vector<std::string> arguments) const {
    ChildSpec spec{.argv = {kind_ == RuntimeKind::runc ? "runc" : "crun"},
                   .time_limit = k_runtime_limit};
    for (auto& argument : arguments_for(state)) spec.argv.push_back(std::move(argument));
    for (auto& argument : arguments) spec.argv.push_back(std::move(argument));
    if (kind_ == RuntimeKind::crun_without_v2) {
        spec.new_mount_namespace = true;
        spec.before_exec = []() -> Status {
            if (umount2(k_v2_tree, MNT_DETACH) != 0) return fail(Error{});
            return {};
        };
    }
    return spec;
}

Status OciRuntime::prepare(const std::string& init_program) const {
    MOLN_TRY(make_folders(paths_.runtime_state(), 0700));
    if (kind_ != RuntimeKind::crun_without_v2) return {};
    if (init_program.empty()) return write_file(program_, k_without_v2, 0700);
    const auto beside = program_ + ".new";
    MOLN_TRY(remove_file(beside));
    if (symlink(init_program.c_str(), beside.c_str()) != 0) {
        return fail(error_from_errno(errno, "make " + beside));
    }
    return rename_path(beside, program_);
}

// Where a full disk is not in the way: who is to make room needs the daemon for it.
Status OciRuntime::probe() const {
    const auto folder = paths_.run_root + "/probe";
    const auto state = folder + "/state";
    MOLN_TRY(make_probe_root(folder + "/root"));
    MOLN_TRY(write_file(folder + "/config.json", probe_config(folder + "/root"), 0600));
    (void)run_child(command_in(state, {"delete", "--force", "moln-probe"}));
    MOLN_TRY(run_child_ok(command_in(state, {"run", "--bundle=" + folder, "moln-probe"})));
    return remove_tree(folder);
}

Result<OciRuntime> OciRuntime::find(const SandboxPaths& paths, const Cgroups& cgroups,
                                    const std::string& init_program) {
    std::string words;
    for (const auto kind : candidates(cgroups.layout())) {
        OciRuntime runtime(kind, paths);
        switch (kind) {
            case RuntimeKind::crun: runtime.program_ = "/usr/bin/crun"; break;
            case RuntimeKind::crun_without_v2:
                runtime.program_ = paths.data.run() + "/crun-without-v2";
                break;
            case RuntimeKind::runc: runtime.program_ = "/usr/sbin/runc"; break;
        }
        MOLN_TRY(runtime.prepare(init_program));
        const auto works = runtime.probe();
        if (works) return runtime;
        words += fmt::format("; {}: {}", name_of(kind), works.error().reason);
    }
    return fail(ErrorCode::unavailable, "no OCI runtime works on this host" + words);
}

Status OciRuntime::start(const InstanceId& instance) const {
    MOLN_TRY(run_child_ok(command({"start", instance.text})));
    return {};
}

Status OciRuntime::forget(const InstanceId& instance) const {
    if (!path_exists(paths_.runtime_state() + "/" + instance.text)) return {};
    const auto deleted = run_child_ok(command({"delete", "--force", instance.text}));
    if (deleted || !path_exists(paths_.runtime_state() + "/" + instance.text)) return {};
    // A runtime that was killed half way leaves a state that it cannot read itself any more.
    return remove_tree(paths_.runtime_state() + "/" + instance.text);
}

}  // namespace moln
