#include "drivers/sandbox/oci_config.h"

#include <algorithm>
#include <array>

#include <boost/json.hpp>

#include "drivers/sandbox/idmap.h"
#include "drivers/sandbox/seccomp_profile.h"

namespace moln {
namespace {

namespace json = boost::json;

// What an image's root user needs to set up its own files and change to another user. All count
// only within the instance's user namespace; no_new_privileges keeps them from being regained.
constexpr std::array k_root_capabilities{
    "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FOWNER",  "CAP_FSETID",           "CAP_KILL",
    "CAP_SETGID", "CAP_SETUID",       "CAP_SETPCAP", "CAP_NET_BIND_SERVICE",
};

constexpr std::array k_masked_paths{
    "/proc/acpi", "/proc/asound",     "/proc/interrupts",    "/proc/kcore",
    "/proc/keys", "/proc/key-users",  "/proc/latency_stats", "/proc/sched_debug",
    "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",   "/proc/sysrq-trigger",
};

constexpr std::array k_read_only_paths{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"};

// On the instance's own /dev, which is in memory: nothing of it enters the writable layer.
constexpr const char* k_init_inside = "/dev/moln-init";

constexpr const char* k_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

template <std::size_t N>
json::array list(const std::array<const char*, N>& texts) {
    json::array out;
    for (const char* text : texts) out.emplace_back(text);
    return out;
}

json::array list(const std::vector<std::string>& texts) {
    json::array out;
    for (const auto& text : texts) out.emplace_back(text);
    return out;
}

json::object mount(const char* to, const char* type, const std::vector<std::string>& options) {
    return {{"destination", to}, {"type", type}, {"source", type}, {"options", list(options)}};
}

json::array mounts(const OciConfigInput& input) {
    json::array out;
    out.push_back(mount("/proc", "proc", {"nosuid", "noexec", "nodev"}));
    out.push_back(
        mount("/dev", "tmpfs", {"nosuid", "noexec", "strictatime", "mode=755", "size=64k"}));
    out.push_back(mount("/dev/pts", "devpts",
                        {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}));
    // Both count against the instance's memory.
    out.push_back(
        mount("/dev/shm", "tmpfs", {"nosuid", "noexec", "nodev", "mode=1777", "size=64m"}));
    out.push_back(mount("/dev/mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
    out.push_back(mount("/run", "tmpfs", {"nosuid", "nodev", "mode=1777", "size=16m"}));
    auto binds = input.binds;
    if (!input.init_program.empty()) {
        binds.push_back({.from = input.init_program, .to = k_init_inside, .read_only = true});
    }
    for (const auto& bind : binds) {
        out.push_back({{"destination", bind.to},
                       {"type", "bind"},
                       {"source", bind.from},
                       {"options", list(std::vector<std::string>{"bind", "nosuid", "nodev",
                                                                 bind.read_only ? "ro" : "rw"})}});
    }
    return out;
}

json::array environment(const SandboxSpec& spec, const SandboxUser& user) {
    std::map<std::string, std::string> env{{"PATH", k_path}, {"HOME", user.home}};
    if (spec.terminal) env["TERM"] = "xterm-256color";
    for (const auto& [name, value] : spec.env) env[name] = value;
    for (const auto& [name, secret] : spec.secret_env) env[name] = secret.reveal();
    json::array out;
    for (const auto& [name, value] : env) out.emplace_back(name + "=" + value);
    return out;
}

json::object capabilities(const SandboxUser& user) {
    const auto set = user.uid == 0 ? list(k_root_capabilities) : json::array{};
    return {{"bounding", set},
            {"effective", set},
            {"permitted", set},
            {"inheritable", json::array{}},
            {"ambient", json::array{}}};
}

json::object limit(const char* type, std::int64_t value) {
    return {{"type", type}, {"soft", value}, {"hard", value}};
}

json::array arguments(const SandboxSpec& spec, const OciConfigInput& input) {
    auto out = list(spec.command);
    if (input.init_program.empty()) return out;
    if (spec.open_input) out.insert(out.begin(), "--attended");
    out.insert(out.begin(), k_init_inside);
    return out;
}

json::object process(const SandboxSpec& spec, const OciConfigInput& input) {
    json::object user{{"uid", input.user.uid}, {"gid", input.user.gid}, {"umask", 022}};
    json::array groups;
    for (const auto group : input.user.groups) groups.push_back(group);
    user["additionalGids"] = std::move(groups);
    return {
        {"terminal", spec.terminal},
        {"user", std::move(user)},
        {"args", arguments(spec, input)},
        {"env", environment(spec, input.user)},
        {"cwd", spec.workdir.empty() ? "/" : spec.workdir},
        {"noNewPrivileges", true},
        {"capabilities", capabilities(input.user)},
        {"rlimits", json::array{limit("RLIMIT_NOFILE", input.files_max), limit("RLIMIT_CORE", 0)}}};
}

json::array namespaces(const OciConfigInput& input) {
    json::array out;
    for (const char* type : {"user", "mount", "pid", "ipc", "uts", "cgroup"}) {
        out.push_back(json::object{{"type", type}});
    }
    json::object network{{"type", "network"}};
    if (!input.netns.empty()) network["path"] = input.netns;
    out.push_back(std::move(network));
    return out;
}

}  // namespace

std::string oci_config(const SandboxSpec& spec, const OciConfigInput& input) {
    const json::array ids{
        {{"containerID", 0}, {"hostID", spec.uid_base}, {"size", k_uids_per_instance}}};
    json::object linux_part{{"uidMappings", ids},
                            {"gidMappings", ids},
                            {"namespaces", namespaces(input)},
                            {"cgroupsPath", "/" + input.cgroup},
                            {"seccomp", seccomp_profile()},
                            {"maskedPaths", list(k_masked_paths)},
                            {"readonlyPaths", list(k_read_only_paths)}};
    json::object config{{"ociVersion", "1.0.2"},
                        {"process", process(spec, input)},
                        {"root", {{"path", input.root}, {"readonly", false}}},
                        {"hostname", spec.hostname},
                        {"mounts", mounts(input)},
                        {"linux", std::move(linux_part)}};
    if (!input.seccomp_filter.empty()) {
        config["annotations"] = json::object{{"run.oci.seccomp_bpf_data", input.seccomp_filter}};
    }
    return json::serialize(config);
}

}  // namespace moln
