// A platform image for real, of the smallest recipe that shows the whole way: mmdebstrap with the
// host's package sources, the image's name and manifest, and what detection sees in it.
#include <cstdio>

#include <gtest/gtest.h>

#include "drivers/image/platform_images.h"
#include "drivers/image/tar_for_tests.h"
#include "io/file/files.h"

namespace moln {
namespace {

TEST(PlatformImage, is_made_named_and_seen) {
    const TempDir scratch;
    const auto recipes = scratch / "recipes";
    ASSERT_TRUE(make_folders(recipes, 0755));
    ASSERT_TRUE(write_file(recipes + "/tiny.toml",
                           "summary = 'tiny'\nsuite = 'bookworm'\nversion = '12'\n"
                           "packages = ['busybox']\n",
                           0644));
    const PlatformImages platforms({.root = scratch / "data"}, recipes);
    const WallTime now{1'795'305'600'000};  // 2026-11-22
    const ImageProgress progress{.line = [](std::string line) { std::puts(line.c_str()); }};
    const auto made = platforms.build("tiny", now, progress);
    ASSERT_TRUE(made) << made.error().reason;
    EXPECT_EQ(made->name, "tiny-12-20261122");
    EXPECT_GT(made->size, mib(20));
    EXPECT_EQ(*platforms.resolve("tiny"), made->name);
    const auto state = platforms.look_at(made->name);
    EXPECT_TRUE(state.tools.has("busybox"));
    EXPECT_FALSE(state.tools.has("node"));
    EXPECT_TRUE(path_exists(scratch / "data/platforms/tiny-12-20261122/rootfs/etc/debian_version"));
}

}  // namespace
}  // namespace moln
