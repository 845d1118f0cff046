#include "drivers/sandbox/seccomp_filter.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "io/file/files.h"

namespace moln {
namespace {

TEST(SeccompFilter, is_learnt_once_and_only_whole) {
    const auto path = std::filesystem::path(testing::TempDir()) / "seccomp_filter_test.bpf";
    SeccompFilter filter;
    std::filesystem::remove(path);
    filter.learn(path);
    EXPECT_EQ(filter.text(), "");
    ASSERT_TRUE(write_file(path, "cut off", 0600));
    filter.learn(path);
    EXPECT_EQ(filter.text(), "");
    ASSERT_TRUE(write_file(path, "8 bytes.", 0600));
    filter.learn(path);
    EXPECT_EQ(filter.text(), "OCBieXRlcy4=");
    ASSERT_TRUE(write_file(path, "another.", 0600));
    filter.learn(path);
    EXPECT_EQ(filter.text(), "OCBieXRlcy4=");
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace moln
