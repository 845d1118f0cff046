// The files that are written, in trees that only look like the kernel's. That the kernel then does
// what they say is what tests/contracts/sandbox_isolation_test.cc tries.
#include "drivers/sandbox/cgroup.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "io/file/temp_dir_for_test.h"

namespace moln {
namespace {

class CgroupFiles : public testing::Test {
protected:
    void put(const std::string& path, const std::string& text = "") {
        std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
        std::ofstream(root_ + path) << text;
    }
    std::string get(const std::string& path) {
        std::stringstream text;
        text << std::ifstream(root_ + path).rdbuf();
        return text.str();
    }

    const TempDir folder_;
    const std::string root_ = folder_.path();
};

constexpr CgroupLimits k_limits{.memory = mib(64), .cpu_millis = 500, .pids = 32};

TEST_F(CgroupFiles, v2_limits) {
    put("/cgroup.controllers", "cpu memory pids");
    for (const char* name : {"memory.max", "memory.swap.max", "pids.max", "cpu.max"}) {
        put(std::string("/moln/web-a/") + name);
    }
    Cgroups groups(root_, "moln");
    EXPECT_EQ(groups.layout(), CgroupLayout::unified);
    ASSERT_TRUE(groups.create("web-a", k_limits));
    EXPECT_EQ(get("/moln/web-a/memory.max"), "67108864");
    EXPECT_EQ(get("/moln/web-a/memory.swap.max"), "0");
    EXPECT_EQ(get("/moln/web-a/pids.max"), "32");
    EXPECT_EQ(get("/moln/web-a/cpu.max"), "50000 100000");
}

TEST_F(CgroupFiles, monitors_and_groups_that_are_left_empty_do_not_count_as_instances) {
    put("/memory/x");
    put("/memory/moln/.monitors/cgroup.procs", "7\n");
    put("/memory/moln/web-a/cgroup.procs");
    const Cgroups groups(root_, "moln");
    EXPECT_FALSE(groups.has_members());
    put("/memory/moln/web-b/cgroup.procs", "8\n");
    EXPECT_TRUE(groups.has_members());
}

TEST_F(CgroupFiles, v2_usage_tells_kills_for_want_of_memory) {
    put("/cgroup.controllers");
    put("/moln/web-a/memory.current", "5000\n");
    put("/moln/web-a/memory.stat", "anon 10\ninactive_file 1000\n");
    put("/moln/web-a/memory.events", "low 0\noom 2\noom_kill 1\n");
    put("/moln/web-a/cpu.stat", "usage_usec 77\nuser_usec 1\n");
    put("/moln/web-a/pids.current", "3\n");
    const auto usage = Cgroups(root_, "moln").usage("web-a").value();
    EXPECT_EQ(usage.memory, Bytes{4000});
    EXPECT_EQ(usage.oom_kills, 1);
    EXPECT_EQ(usage.cpu_used_us, 77);
    EXPECT_EQ(usage.pids, 3);
}

TEST_F(CgroupFiles, v1_limits) {
    for (const char* name :
         {"memory/moln/web-a/memory.limit_in_bytes",
          "memory/moln/web-a/memory.memsw.limit_in_bytes", "pids/moln/web-a/pids.max",
          "cpu/moln/web-a/cpu.cfs_period_us", "cpu/moln/web-a/cpu.cfs_quota_us"}) {
        put(std::string("/") + name);
    }
    Cgroups groups(root_, "moln");
    EXPECT_EQ(groups.layout(), CgroupLayout::legacy);
    ASSERT_TRUE(groups.create("web-a", k_limits));
    EXPECT_EQ(get("/memory/moln/web-a/memory.limit_in_bytes"), "67108864");
    EXPECT_EQ(get("/memory/moln/web-a/memory.memsw.limit_in_bytes"), "67108864");
    EXPECT_EQ(get("/cpu/moln/web-a/cpu.cfs_quota_us"), "50000");
}

TEST_F(CgroupFiles, a_missing_controller_is_named) {
    put("/memory/x");
    put("/pids/x");
    const auto ready = Cgroups(root_, "moln").set_up();
    ASSERT_FALSE(ready);
    EXPECT_NE(ready.error().reason.find("controller cpu"), std::string::npos);
}

TEST_F(CgroupFiles, v2_beside_v1_is_hybrid) {
    put("/unified/cgroup.controllers");
    EXPECT_EQ(Cgroups(root_, "moln").layout(), CgroupLayout::hybrid);
}

}  // namespace
}  // namespace moln
