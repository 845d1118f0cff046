// The cgroups of instances, on hosts with cgroup v1, v2 or both (v2 beside v1 without controllers).
// One group an instance below "moln"; the monitors' own group stands beside them, so that what an
// instance does never takes its monitor along.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "base/units.h"

namespace moln {

struct CgroupLimits {
    Bytes memory;
    std::int64_t cpu_millis = 1000;
    std::int64_t pids = 256;
};

struct CgroupUsage {
    Bytes memory;  // without the page cache that can go at once
    std::int64_t cpu_used_us = 0;
    std::int64_t oom_kills = 0;  // since the group was made
    std::int64_t pids = 0;
};

enum class CgroupLayout {
    unified,  // v2 alone
    hybrid,   // v1 controllers, v2 at /sys/fs/cgroup/unified
    legacy,   // v1 alone
};

inline constexpr const char* k_monitors_group = ".monitors";

class Cgroups {
public:
    // `root` is /sys/fs/cgroup but in tests; `parent` is the group that holds all of this node's.
    Cgroups(std::string root, std::string parent);

    CgroupLayout layout() const { return layout_; }

    // Makes the parent and, on v2, hands the controllers down. Error if a controller is missing.
    Status set_up();

    Status create(const std::string& name, const CgroupLimits& limits);
    // Files to write a pid (or "0" for oneself) to, to join. The group must have been created.
    std::vector<std::string> join_files(const std::string& name) const;
    Status move(pid_t pid, const std::string& name) const;
    std::vector<pid_t> members(const std::string& name) const;
    Result<CgroupUsage> usage(const std::string& name) const;
    bool exists(const std::string& name) const;

    // Kills every member, frozen or stopped ones too, and waits until none is left.
    Status kill(const std::string& name) const;
    // Ok if there is none. Kills what is still in it.
    Status remove(const std::string& name) const;
    std::set<std::string> list() const;
    // Whether a process is in any of them; monitors do not count.
    bool has_members() const;

private:
    std::vector<std::string> folders(const std::string& name) const;
    std::string folder(const std::string& controller, const std::string& name) const;
    Status limit_v1(const std::string& name, const CgroupLimits& limits) const;
    Status limit_v2(const std::string& name, const CgroupLimits& limits) const;
    Result<CgroupUsage> usage_v1(const std::string& name) const;
    Result<CgroupUsage> usage_v2(const std::string& name) const;
    std::string members_file(const std::string& name) const;

    const std::string root_;
    const std::string parent_;
    const CgroupLayout layout_;
    const std::vector<std::string> trees_;  // folders of the hierarchies that are used
};

}  // namespace moln
