#include "contracts/volumes_contract.h"

namespace moln {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(VolumesContract);

namespace {

const VolumeId k_id("vol-a");
const TrashId k_trash("tr-a");

Volume volume() {
    Volume out;
    out.id = k_id;
    out.app = AppId("default/shop");
    out.name = "data";
    out.size = mib(64);
    return out;
}

TEST_P(VolumesContract, a_new_volume_is_empty_and_has_its_size) {
    ASSERT_TRUE(volumes().create(volume()));
    EXPECT_EQ(world().read(k_id), "");
    const auto seen = volumes().inspect(k_id).value();
    EXPECT_EQ(seen.volume, k_id);
    EXPECT_EQ(seen.size, seen.size_enforced ? mib(64) : Bytes{});
}

TEST_P(VolumesContract, created_again_it_keeps_its_bytes) {
    ASSERT_TRUE(volumes().create(volume()));
    world().write(k_id, "kept");
    ASSERT_TRUE(volumes().create(volume()));
    EXPECT_EQ(world().read(k_id), "kept");
}

TEST_P(VolumesContract, recover_lists_what_is_there) {
    ASSERT_TRUE(volumes().create(volume()));
    world().write(k_id, "kept");
    world().restart();
    const auto seen = volumes().recover().value();
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0].volume, k_id);
    EXPECT_EQ(world().read(k_id), "kept");
}

TEST_P(VolumesContract, what_is_not_there_is_not_found) {
    EXPECT_EQ(volumes().inspect(k_id).error().code, ErrorCode::not_found);
    EXPECT_EQ(volumes().to_trash(k_id, k_trash).error().code, ErrorCode::not_found);
    EXPECT_EQ(volumes().from_trash(k_trash, k_id).error().code, ErrorCode::not_found);
    EXPECT_TRUE(volumes().purge(k_trash));
}

TEST_P(VolumesContract, to_the_trash_and_back_keeps_every_byte) {
    ASSERT_TRUE(volumes().create(volume()));
    world().write(k_id, "precious");
    ASSERT_TRUE(volumes().to_trash(k_id, k_trash));
    EXPECT_EQ(volumes().inspect(k_id).error().code, ErrorCode::not_found);
    EXPECT_TRUE(volumes().to_trash(k_id, k_trash)) << "twice is once";
    world().restart();
    ASSERT_TRUE(volumes().recover());
    ASSERT_TRUE(volumes().from_trash(k_trash, k_id));
    EXPECT_TRUE(volumes().from_trash(k_trash, k_id)) << "twice is once";
    EXPECT_EQ(world().read(k_id), "precious");
}

TEST_P(VolumesContract, from_the_trash_never_overwrites) {
    ASSERT_TRUE(volumes().create(volume()));
    world().write(k_id, "old");
    ASSERT_TRUE(volumes().to_trash(k_id, k_trash));
    ASSERT_TRUE(volumes().create(volume()));
    world().write(k_id, "new");
    EXPECT_EQ(volumes().from_trash(k_trash, k_id).error().code, ErrorCode::exists);
    EXPECT_EQ(world().read(k_id), "new");
}

TEST_P(VolumesContract, purge_destroys_what_is_in_the_trash_and_nothing_else) {
    ASSERT_TRUE(volumes().create(volume()));
    auto other = volume();
    other.id = VolumeId("vol-b");
    ASSERT_TRUE(volumes().create(other));
    world().write(other.id, "stays");
    ASSERT_TRUE(volumes().to_trash(k_id, k_trash));
    ASSERT_TRUE(volumes().purge(k_trash));
    EXPECT_TRUE(volumes().purge(k_trash)) << "twice is once";
    EXPECT_EQ(volumes().from_trash(k_trash, k_id).error().code, ErrorCode::not_found);
    EXPECT_EQ(world().read(other.id), "stays");
}

TEST_P(VolumesContract, extract_copies_a_layer_to_a_new_folder_only) {
    world().trash_layer(k_trash, "written outside");
    const auto folder = world().new_folder();
    ASSERT_TRUE(volumes().extract(k_trash, folder));
    EXPECT_EQ(world().read_extracted(folder), "written outside");
    EXPECT_EQ(volumes().extract(k_trash, folder).error().code, ErrorCode::exists);
    EXPECT_EQ(volumes().extract(TrashId("tr-none"), world().new_folder()).error().code,
              ErrorCode::not_found);
}

}  // namespace
}  // namespace moln
