// Commands that run once over a folder. Runs inside lab/netns.sh, as root.
#include <fstream>

#include <sys/stat.h>

#include "contracts/sandbox_real_case.h"
#include "drivers/sandbox/real_one_shots.h"
#include "io/file/files.h"

namespace moln {
namespace {

class OneShot : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(make_folders(folder(), 0755)); }
    std::string folder() const { return world_.data().root + "/source"; }

    OneShotSpec spec(const std::string& script) const {
        OneShotSpec out;
        out.name = "build-1";
        out.image.platform = "host";
        out.folder = folder();
        out.command = {"sh", "-c", script};
        out.uid_base = 2'000'000;
        out.memory = mib(256);
        out.time_limit = seconds(30);
        return out;
    }
    Result<InstanceExit> run(const OneShotSpec& wanted) {
        return one_shots_.run(
            wanted, [this](std::string line) { lines_.push_back(std::move(line)); }, &cancelled_);
    }

    RealCase world_;
    RealOneShots one_shots_{world_.host()};
    std::vector<std::string> lines_;
    std::atomic<bool> cancelled_ = false;
};

TEST_F(OneShot, its_lines_come_and_its_exit_code) {
    const auto exit = run(spec("echo one; echo two >&2; exit 3"));
    ASSERT_TRUE(exit) << exit.error().reason;
    EXPECT_EQ(exit->code, 3);
    EXPECT_EQ(lines_, (std::vector<std::string>{"one", "two"}));
    EXPECT_TRUE(world_.is_gone(InstanceId("build-1")));
}

TEST_F(OneShot, the_folder_is_its_own_and_what_it_writes_stays) {
    std::ofstream(folder() + "/given") << "x";
    const auto exit = run(spec("[ $(stat -c %u given) = 1000 ] && echo made > made"));
    ASSERT_TRUE(exit) << exit.error().reason;
    EXPECT_EQ(exit->code, 0);
    EXPECT_EQ(read_file(folder() + "/made").value_or(""), "made\n");
    struct stat info{};
    ASSERT_EQ(stat((folder() + "/made").c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, 1000u) << "owners lie unshifted on disk";
}

TEST_F(OneShot, past_its_time_limit_it_is_stopped_and_nothing_is_left) {
    auto wanted = spec("sleep 1000 & sleep 1000");
    wanted.time_limit = Milliseconds{500};
    EXPECT_EQ(run(wanted).error().code, ErrorCode::timeout);
    EXPECT_TRUE(world_.is_gone(InstanceId("build-1")));
}

TEST_F(OneShot, cancelled_it_ends_and_nothing_is_left) {
    const auto exit = one_shots_.run(
        spec("echo begun; exec sleep 1000"), [this](const std::string&) { cancelled_ = true; },
        &cancelled_);
    ASSERT_FALSE(exit);
    EXPECT_EQ(exit.error().code, ErrorCode::refused);
    EXPECT_EQ(exit.error().reason, "cancelled");
    EXPECT_TRUE(world_.is_gone(InstanceId("build-1")));
}

TEST_F(OneShot, out_of_memory_is_told) {
    auto wanted = spec("exec python3 -c 'x = [bytearray(1 << 20) for _ in range(4096)]'");
    wanted.memory = mib(48);
    const auto exit = run(wanted);
    ASSERT_TRUE(exit) << exit.error().reason;
    EXPECT_TRUE(exit->out_of_memory);
}

TEST_F(OneShot, what_a_crash_left_of_it_is_tidied_by_recover) {
    // As a daemon leaves it that died in the call: prepared, marked as nobody's.
    auto left = world_.spec_of({"sleep", "1000"});
    ASSERT_TRUE(world_.sandboxes().prepare(left));
    auto record = record_of(left);
    record.one_shot = true;
    ASSERT_TRUE(write_kept(world_.host().paths.record(left.instance), record));
    world_.restart();
    EXPECT_EQ(world_.sandboxes().recover().value().size(), 0u);
    EXPECT_TRUE(world_.is_gone(left.instance));
}

}  // namespace
}  // namespace moln
