#include "store/reserved_store.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "store/memory_store.h"

namespace moln {
namespace {

namespace fs = std::filesystem;

class ReservedStore : public ::testing::Test {
protected:
    void SetUp() override {
        std::string folder = "/var/tmp/moln-reserve-XXXXXX";
        ASSERT_NE(mkdtemp(folder.data()), nullptr);
        folder_ = folder;
        auto memory = std::make_unique<MemoryStore>();
        memory_ = memory.get();
        store_ = with_reserve(std::move(memory), path());
    }
    void TearDown() override { fs::remove_all(folder_); }
    std::string path() const { return folder_ + "/reserve"; }
    // Full until the reserve is gone, and for `further` commits after.
    void fill(int further) {
        memory_->inject(
            {.before_read = {},
             .before_commit = [this, further](const StoreTxn&) mutable -> std::optional<Error> {
                 if (!fs::exists(path()) && further-- <= 0) return std::nullopt;
                 return Error{ErrorCode::full, "no space"};
             },
             .after_commit = {}});
    }
    Result<std::int64_t> put(const std::string& key) {
        return store_->commit({.compares = {{key, 0}}, .writes = {{key, "1"}}});
    }

    std::string folder_;
    MemoryStore* memory_ = nullptr;
    std::unique_ptr<Store> store_;
};

TEST_F(ReservedStore, a_write_on_a_full_disk_takes_the_reserve_and_room_gives_it_back) {
    EXPECT_EQ(fs::file_size(path()), 8u << 20);
    fill(0);
    EXPECT_EQ(put("a").value(), 1);
    EXPECT_TRUE(fs::exists(path())) << "there is room on this disk";
}

TEST_F(ReservedStore, one_that_is_used_up_is_told_as_full) {
    fill(2);
    EXPECT_EQ(put("a").error().code, ErrorCode::full);
    EXPECT_EQ(put("b").error().code, ErrorCode::full);
    EXPECT_FALSE(fs::exists(path()));
    EXPECT_EQ(put("a").value(), 1);
}

TEST_F(ReservedStore, an_effect_that_was_not_seen_is_no_conflict) {
    memory_->inject({.before_read = {}, .before_commit = {}, .after_commit = [](const StoreTxn&) {
                         return Error{ErrorCode::full, "no space"};
                     }});
    EXPECT_EQ(put("a").value(), 1);
    EXPECT_EQ(memory_->revision(), 1);
}

TEST_F(ReservedStore, other_errors_leave_it_alone) {
    ASSERT_TRUE(put("a"));
    EXPECT_EQ(put("a").error().code, ErrorCode::conflict);
    EXPECT_TRUE(fs::exists(path()));
}

}  // namespace
}  // namespace moln
