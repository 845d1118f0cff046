// A build in the real one-shot sandbox: what the step makes is in the layer as the app's own, what
// a step must not reach it does not. In a network namespace of its own, which leads nowhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/image/host_images.h"
#include "drivers/image/tar_for_tests.h"
#include "drivers/image/unpack.h"
#include "drivers/process/child.h"
#include "drivers/sandbox/real_one_shots.h"

namespace moln {
namespace {

using ::testing::HasSubstr;

class SandboxedBuild : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        ASSERT_EQ(unshare(CLONE_NEWNET), 0);
        ASSERT_TRUE(run_child_ok({.argv = {"ip", "link", "set", "lo", "up"}}));
    }
    void SetUp() override {
        // The sandbox's user must be able to walk to the mount points.
        ASSERT_EQ(chmod(scratch_.path().c_str(), 0755), 0);
        const auto ready = host_.set_up();
        ASSERT_TRUE(ready) << ready.error().reason;
    }
    // Cgroups of a name of our own: the sandboxes' driver leaves the parent for the next run.
    static void TearDownTestSuite() {
        static_cast<void>(run_child({.argv = {"find", "/sys/fs/cgroup", "-depth", "-type", "d",
                                              "-path", "*/" + cgroup_name() + "*", "-delete"}}));
    }
    static std::string cgroup_name() { return "moln-image-test-" + std::to_string(getpid()); }

    Result<BuildResult> build(std::string_view command) {
        const auto tar = TarForTests()
                             .file("moln.toml", "[build]\ncommand = '''" + std::string(command) +
                                                    "'''\n[process.web]\ncommand = './run'\n")
                             .file("input", "bytes");
        return images_.build({.app = AppId("default/shop"),
                              .archive = tar.write_to(scratch_),
                              .platform = "",
                              .base_name = "shop"},
                             {.line = [this](std::string line) { log_ += line + "\n"; }});
    }

    TempDir scratch_;
    DataDir data_{.root = scratch_ / "data"};
    SandboxHost host_{
        {.data = data_, .cgroup_parent = cgroup_name(), .run_folder = scratch_ / "run"}};
    RealOneShots one_shots_{host_};
    HostImages images_{data_,
                       one_shots_,
                       {.caps = {.uid_base = 700'000'000, .memory = mib(256)},
                        .platform_recipes = "",
                        .wall_now = [] { return WallTime{}; }}};
    std::string log_;
};

TEST_F(SandboxedBuild, what_a_step_makes_is_in_the_layer_as_the_apps_own) {
    const auto built = build("cat input > made; id -u; echo $HOME; touch /cache/kept; ls /root");
    // The last command must fail, so that the step does: root's home is closed.
    ASSERT_FALSE(built);
    EXPECT_THAT(built.error().reason, HasSubstr("/root"));
    EXPECT_THAT(log_, HasSubstr("\n1000\n/cache/home\n"));

    const auto again = build("cat input > made; test -e /cache/kept");
    ASSERT_TRUE(again) << again.error().reason;
    const auto made = data_.layers() + "/" + again->image.layers.at(0) + "/app/made";
    struct stat info{};
    ASSERT_EQ(stat(made.c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, k_app_uid);
    EXPECT_EQ(info.st_size, 5);
}

TEST_F(SandboxedBuild, memory_is_capped_and_told) {
    const auto built = build("python3 -c 'print(len(b\"x\" * (1 << 30)))'");
    ASSERT_FALSE(built);
    EXPECT_THAT(built.error().reason, HasSubstr("needed more memory than the 256M"));
}

TEST_F(SandboxedBuild, packages_that_the_platform_has_need_no_network) {
    const auto tar =
        TarForTests().file("requirements.txt", "Django\n").file("app.py", "import django\n");
    const auto built = images_.build({.app = AppId("default/shop"),
                                      .archive = tar.write_to(scratch_),
                                      .platform = "",
                                      .base_name = "shop"},
                                     {.line = [this](std::string line) { log_ += line + "\n"; }});
    ASSERT_TRUE(built) << built.error().reason;
    EXPECT_THAT(log_, HasSubstr("Requirement already satisfied: Django"));
}

}  // namespace
}  // namespace moln
