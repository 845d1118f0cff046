#include "io/host/machine_lock.h"

#include <filesystem>
#include <optional>

#include <gtest/gtest.h>
#include <unistd.h>

#include "io/file/temp_dir_for_test.h"

namespace moln {
namespace {

class MachineLock : public testing::Test {
protected:
    MachineLock() {
        for (const auto& data : {one_, other_}) std::filesystem::create_directory(data);
    }

    auto lock(const std::string& data, bool instances_run) const {
        return lock_machine(run_, data, [instances_run] { return instances_run; });
    }

    const TempDir folder_;
    const std::string run_ = folder_.path() + "/run";
    const std::string one_ = folder_.path() + "/one";
    const std::string other_ = folder_.path() + "/other";
};

TEST_F(MachineLock, a_second_node_learns_of_the_first_and_how_to_end_it) {
    EXPECT_EQ(data_of_machine(run_), "");
    const auto first = lock(one_, false);
    ASSERT_TRUE(first) << first.error().reason;
    EXPECT_EQ(data_of_machine(run_), one_);
    const auto second = lock(other_, false);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::refused);
    EXPECT_EQ(
        second.error().reason,
        "this machine is in use by process " + std::to_string(::getpid()) +
            ", a node with its data in " + one_ +
            ". One machine is one node: deploy to that one, or end it with `moln down --data " +
            one_ + "` first");
    EXPECT_EQ(data_of_machine(run_), one_) << "who was refused left nothing";
}

TEST_F(MachineLock, instances_whose_daemon_has_ended_keep_the_machine_for_it) {
    ASSERT_TRUE(lock(one_, false));
    const auto other = lock(other_, true);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, ErrorCode::refused);
    EXPECT_NE(other.error().reason.find("`moln up --data " + one_ + "`"), std::string::npos)
        << other.error().reason;
    EXPECT_TRUE(lock(one_, true)) << "they are its own";
    EXPECT_TRUE(lock(other_, false)) << "none run: the machine is free";
    EXPECT_EQ(data_of_machine(run_), other_);
}

TEST_F(MachineLock, what_a_removed_data_directory_left_running_holds_nobody_up) {
    ASSERT_TRUE(lock(one_, false));
    std::filesystem::remove_all(one_);
    EXPECT_EQ(data_of_machine(run_), "");
    EXPECT_TRUE(lock(other_, true));
}

}  // namespace
}  // namespace moln
