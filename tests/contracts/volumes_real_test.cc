// The real volumes against the contract, with and without loop devices. Runs inside lab/netns.sh.
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "contracts/sandbox_real_case.h"
#include "contracts/volumes_contract.h"
#include "drivers/process/mounts.h"
#include "io/file/files.h"

namespace moln {
namespace {

class RealVolumesCase final : public VolumesCase {
public:
    explicit RealVolumesCase(SizeLimit limit) : limit_(limit) { restart(); }

    Volumes& volumes() override { return *volumes_; }
    void restart() override {
        volumes_ = std::make_unique<RealVolumes>(VolumeOptions{.data = data_, .limit = limit_});
    }
    void write(const VolumeId& volume, const std::string& text) override {
        std::ofstream(data_.volume(volume) + "/data/note") << text;
    }
    std::string read(const VolumeId& volume) override {
        return read_file(data_.volume(volume) + "/data/note").value_or("");
    }
    void trash_layer(const TrashId& trash, const std::string& text) override {
        ASSERT_TRUE(make_folders(data_.trash(trash) + "/layer/home", 0700));
        std::ofstream(data_.trash(trash) + "/layer/home/note") << text;
    }
    std::string new_folder() override {
        return fmt::format("{}/out{}", folder_.path(), ++folders_);
    }
    std::string read_extracted(const std::string& folder) override {
        return read_file(folder + "/home/note").value_or("");
    }

private:
    TestFolder folder_;
    DataDir data_{folder_.path() + "/data"};
    SizeLimit limit_;
    int folders_ = 0;
    std::unique_ptr<RealVolumes> volumes_;
};

std::unique_ptr<VolumesCase> make_enforced() {
    return std::make_unique<RealVolumesCase>(SizeLimit::enforced);
}
std::unique_ptr<VolumesCase> make_plain() {
    return std::make_unique<RealVolumesCase>(SizeLimit::only_noted);
}

INSTANTIATE_TEST_SUITE_P(Enforced, VolumesContract, testing::Values(make_enforced));
INSTANTIATE_TEST_SUITE_P(Plain, VolumesContract, testing::Values(make_plain));

TEST(RealVolumes, past_its_size_nothing_is_written) {
    const TestFolder folder;
    RealVolumes volumes({.data = {folder.path()}});
    Volume volume;
    volume.id = VolumeId("vol-a");
    volume.size = mib(32);
    ASSERT_TRUE(volumes.create(volume));
    std::ofstream file(folder.path() + "/volumes/vol-a/data/big");
    const std::string block(1 << 20, 'x');
    int written = 0;
    while (written < 64 &&
           file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
        ++written;
    }
    EXPECT_GT(written, 16);
    EXPECT_LT(written, 32) << "the file system's own tables take a little";
    EXPECT_TRUE(volumes.inspect(volume.id).value().size_enforced);
}

TEST(RealVolumes, a_volume_larger_than_the_disk_is_refused_as_full_and_leaves_nothing) {
    const TestFolder folder;
    RealVolumes volumes({.data = {folder.path()}});
    Volume volume;
    volume.id = VolumeId("vol-a");
    volume.size = gib(14'000);
    EXPECT_EQ(volumes.create(volume).error().code, ErrorCode::full);
    ASSERT_TRUE(volumes.recover());
    EXPECT_FALSE(path_exists(folder.path() + "/volumes/vol-a"));
}

TEST(RealVolumes, after_a_reboot_the_image_is_mounted_again) {
    const TestFolder folder;
    RealVolumes volumes({.data = {folder.path()}});
    Volume volume;
    volume.id = VolumeId("vol-a");
    volume.size = mib(16);
    ASSERT_TRUE(volumes.create(volume));
    std::ofstream(folder.path() + "/volumes/vol-a/data/note") << "kept";
    ASSERT_TRUE(unmount(folder.path() + "/volumes/vol-a/data"));
    ASSERT_TRUE(volumes.recover());
    EXPECT_EQ(read_file(folder.path() + "/volumes/vol-a/data/note").value_or(""), "kept");
}

}  // namespace
}  // namespace moln
