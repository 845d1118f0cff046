#include "drivers/sandbox/cgroup.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string_view>
#include <thread>

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "io/file/files.h"

namespace moln {
namespace {

constexpr int k_cpu_period_us = 100'000;  // the kernel's own default
constexpr auto k_kill_pause = std::chrono::milliseconds(2);
constexpr auto k_kill_limit = std::chrono::seconds(20);

CgroupLayout detect_layout(const std::string& root) {
    if (path_exists(root + "/cgroup.controllers")) return CgroupLayout::unified;
    if (path_exists(root + "/unified/cgroup.controllers")) return CgroupLayout::hybrid;
    return CgroupLayout::legacy;
}

std::vector<std::string> find_trees(const std::string& root, CgroupLayout layout) {
    if (layout == CgroupLayout::unified) return {root};
    std::vector<std::string> trees;
    // "cpu" and "cpuacct" are often one hierarchy with two names, the second a symlink.
    for (const char* controller : {"memory", "pids", "cpu", "cpuacct", "freezer", "unified"}) {
        const auto path = root + "/" + controller;
        if (path_exists(path) && !std::filesystem::is_symlink(path)) trees.push_back(path);
        if (std::filesystem::is_symlink(path)) {
            const auto real = std::filesystem::canonical(path).string();
            if (std::find(trees.begin(), trees.end(), real) == trees.end()) trees.push_back(real);
        }
    }
    return trees;
}

std::optional<std::int64_t> number(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data()) return std::nullopt;
    return value;
}

std::int64_t number_in(const std::string& path) {
    const auto text = read_file(path);
    return text ? number(*text).value_or(0) : 0;
}

// The number after `key` in a file of "key number" lines; 0 if it is not there.
std::int64_t field_in(const std::string& path, std::string_view key) {
    const auto text = read_file(path);
    if (!text) return 0;
    std::string_view rest = *text;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        if (line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ') {
            return number(line.substr(key.size())).value_or(0);
        }
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
    return 0;
}

std::string cpu_quota(std::int64_t cpu_millis) {
    return std::to_string(cpu_millis * k_cpu_period_us / 1000);
}

}  // namespace

Cgroups::Cgroups(std::string root, std::string parent)
    : root_(std::move(root)),
      parent_(std::move(parent)),
      layout_(detect_layout(root_)),
      trees_(find_trees(root_, layout_)) {}

std::string Cgroups::folder(const std::string& controller, const std::string& name) const {
    const auto tree = layout_ == CgroupLayout::unified ? root_ : root_ + "/" + controller;
    return tree + "/" + parent_ + (name.empty() ? "" : "/" + name);
}

std::vector<std::string> Cgroups::folders(const std::string& name) const {
    std::vector<std::string> out;
    for (const auto& tree : trees_) {
        out.push_back(tree + "/" + parent_ + (name.empty() ? "" : "/" + name));
    }
    return out;
}

Status Cgroups::set_up() {
    if (layout_ != CgroupLayout::unified) {
        for (const char* controller : {"memory", "pids", "cpu"}) {
            if (!path_exists(root_ + "/" + controller)) {
                return fail(ErrorCode::unavailable,
                            fmt::format("cgroup controller {} is not mounted below {}: limits "
                                        "cannot be held; mount cgroup v2 or this controller",
                                        controller, root_));
            }
        }
    }
    for (const auto& path : folders("")) MOLN_TRY(make_folders(path, 0755));
    if (layout_ == CgroupLayout::unified) {
        for (const auto& path : {root_, root_ + "/" + parent_}) {
            if (auto handed =
                    write_existing(path + "/cgroup.subtree_control", "+cpu +memory +pids");
                !handed) {
                return fail_in("cgroup controllers cpu, memory and pids are needed",
                               handed.error());
            }
        }
    }
    for (const auto& path : folders(k_monitors_group)) MOLN_TRY(make_folders(path, 0755));
    return {};
}

Status Cgroups::limit_v1(const std::string& name, const CgroupLimits& limits) const {
    const auto memory = std::to_string(limits.memory.count);
    MOLN_TRY(write_existing(folder("memory", name) + "/memory.limit_in_bytes", memory));
    // Memory and swap together: the same, so that nothing is swapped. Not every kernel counts it.
    const auto with_swap = folder("memory", name) + "/memory.memsw.limit_in_bytes";
    if (path_exists(with_swap)) MOLN_TRY(write_existing(with_swap, memory));
    MOLN_TRY(write_existing(folder("pids", name) + "/pids.max", std::to_string(limits.pids)));
    MOLN_TRY(write_existing(folder("cpu", name) + "/cpu.cfs_period_us",
                            std::to_string(k_cpu_period_us)));
    return write_existing(folder("cpu", name) + "/cpu.cfs_quota_us", cpu_quota(limits.cpu_millis));
}

Status Cgroups::limit_v2(const std::string& name, const CgroupLimits& limits) const {
    const auto path = folder("", name);
    MOLN_TRY(write_existing(path + "/memory.max", std::to_string(limits.memory.count)));
    if (path_exists(path + "/memory.swap.max")) {
        MOLN_TRY(write_existing(path + "/memory.swap.max", "0"));
    }
    MOLN_TRY(write_existing(path + "/pids.max", std::to_string(limits.pids)));
    return write_existing(path + "/cpu.max",
                          fmt::format("{} {}", cpu_quota(limits.cpu_millis), k_cpu_period_us));
}

Status Cgroups::create(const std::string& name, const CgroupLimits& limits) {
    for (const auto& path : folders(name)) MOLN_TRY(make_folders(path, 0755));
    return layout_ == CgroupLayout::unified ? limit_v2(name, limits) : limit_v1(name, limits);
}

std::vector<std::string> Cgroups::join_files(const std::string& name) const {
    auto out = folders(name);
    for (auto& path : out) path += "/cgroup.procs";
    return out;
}

Status Cgroups::move(pid_t pid, const std::string& name) const {
    for (const auto& path : join_files(name)) {
        MOLN_TRY(write_existing(path, std::to_string(pid)));
    }
    return {};
}

std::string Cgroups::members_file(const std::string& name) const {
    return folder("memory", name) + "/cgroup.procs";
}

std::vector<pid_t> Cgroups::members(const std::string& name) const {
    std::vector<pid_t> pids;
    const auto text = read_file(members_file(name));
    if (!text) return pids;
    std::string_view rest = *text;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        if (const auto pid = number(line); pid && *pid > 0) {
            pids.push_back(static_cast<pid_t>(*pid));
        }
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    }
    return pids;
}

bool Cgroups::exists(const std::string& name) const {
    return path_exists(folder("memory", name));
}

Result<CgroupUsage> Cgroups::usage_v1(const std::string& name) const {
    const auto memory = folder("memory", name);
    CgroupUsage usage;
    usage.memory.count = number_in(memory + "/memory.usage_in_bytes") -
                         field_in(memory + "/memory.stat", "total_inactive_file");
    usage.oom_kills = field_in(memory + "/memory.oom_control", "oom_kill");
    constexpr std::int64_t k_ns_in_us = 1000;
    usage.cpu_used_us = number_in(folder("cpuacct", name) + "/cpuacct.usage") / k_ns_in_us;
    usage.pids = number_in(folder("pids", name) + "/pids.current");
    return usage;
}

Result<CgroupUsage> Cgroups::usage_v2(const std::string& name) const {
    const auto path = folder("", name);
    CgroupUsage usage;
    usage.memory.count =
        number_in(path + "/memory.current") - field_in(path + "/memory.stat", "inactive_file");
    usage.oom_kills = field_in(path + "/memory.events", "oom_kill");
    usage.cpu_used_us = field_in(path + "/cpu.stat", "usage_usec");
    usage.pids = number_in(path + "/pids.current");
    return usage;
}

Result<CgroupUsage> Cgroups::usage(const std::string& name) const {
    if (!exists(name)) return fail(ErrorCode::not_found, "no cgroup " + name);
    auto usage = layout_ == CgroupLayout::unified ? usage_v2(name) : usage_v1(name);
    if (usage) usage->memory.count = std::max<std::int64_t>(usage->memory.count, 0);
    return usage;
}

Status Cgroups::kill(const std::string& name) const {
    const auto tree = layout_ == CgroupLayout::hybrid ? "unified" : "memory";
    const auto kill_file = folder(tree, name) + "/cgroup.kill";  // since Linux 5.14
    const auto state = folder("freezer", name) + "/freezer.state";
    const auto deadline = std::chrono::steady_clock::now() + k_kill_limit;
    while (true) {
        const auto pids = members(name);
        if (pids.empty()) return {};
        if (layout_ != CgroupLayout::legacy && path_exists(kill_file)) {
            (void)write_existing(kill_file, "1");
        }
        // Also by pid, in every round: in a hybrid layout the two trees may differ for a moment,
        // and what is being forked may have escaped the round before.
        for (const pid_t pid : pids) ::kill(pid, SIGKILL);
        if (layout_ != CgroupLayout::unified && path_exists(state)) {
            (void)write_existing(state, "THAWED");  // the frozen do not die in v1
        }
        if (std::chrono::steady_clock::now() > deadline) {
            return fail(ErrorCode::timeout,
                        fmt::format("{} processes of {} do not die: stuck in the kernel, perhaps "
                                    "on a disk",
                                    pids.size(), name));
        }
        std::this_thread::sleep_for(k_kill_pause);
    }
}

Status Cgroups::remove(const std::string& name) const {
    if (exists(name)) MOLN_TRY(kill(name));
    const auto deadline = std::chrono::steady_clock::now() + k_kill_limit;
    for (const auto& path : folders(name)) {
        // EBUSY for the moment in which the last zombie is being reaped.
        while (rmdir(path.c_str()) != 0 && errno != ENOENT) {
            if (errno != EBUSY || std::chrono::steady_clock::now() > deadline) {
                return fail(error_from_errno(errno, "remove cgroup " + path));
            }
            std::this_thread::sleep_for(k_kill_pause);
        }
    }
    return {};
}

std::set<std::string> Cgroups::list() const {
    std::set<std::string> names;
    for (const auto& path : folders("")) {
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator(path, ignored)) {
            const std::string name = entry.path().filename();
            if (entry.is_directory(ignored) && name != k_monitors_group) names.insert(name);
        }
    }
    return names;
}

bool Cgroups::has_members() const {
    return std::ranges::any_of(list(),
                               [this](const std::string& name) { return !members(name).empty(); });
}

}  // namespace moln
