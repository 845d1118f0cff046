#include "drivers/log/set_aside.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace moln {
namespace {

class SetAside : public testing::Test {
protected:
    void SetUp() override {
        std::string pattern = testing::TempDir() + "access-log-XXXXXX";
        ASSERT_NE(mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::string path() const { return folder_ + "/access.log"; }
    void write(const std::string& path, std::size_t size) const {
        std::ofstream(path) << std::string(size, 'x');
    }
    bool there(const std::string& path) const { return std::filesystem::exists(path); }
    std::string folder_;
};

TEST_F(SetAside, stays_at_the_limit_and_goes_past_it) {
    write(path(), 50);
    EXPECT_FALSE(set_log_aside(path(), Bytes{100}));
    EXPECT_TRUE(there(path()));
    write(path(), 51);
    EXPECT_TRUE(set_log_aside(path(), Bytes{100}));
    EXPECT_FALSE(there(path()));
    EXPECT_EQ(std::filesystem::file_size(path() + ".1"), 51u);
}

TEST_F(SetAside, an_edge_that_has_not_opened_it_anew_is_asked_again) {
    write(path(), 51);
    EXPECT_TRUE(set_log_aside(path(), Bytes{100}));
    EXPECT_TRUE(set_log_aside(path(), Bytes{100}));
    write(path(), 1);
    EXPECT_FALSE(set_log_aside(path(), Bytes{100}));
}

TEST_F(SetAside, before_the_first_line_there_is_nothing_to_do) {
    EXPECT_FALSE(set_log_aside(path(), Bytes{100}));
}

}  // namespace
}  // namespace moln
