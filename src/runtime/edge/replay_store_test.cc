#include "runtime/edge/replay_store.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <unistd.h>

namespace moln::edge_loop {
namespace {

class ReplayFileTest : public testing::Test {
protected:
    ReplayFileTest() {
        std::string pattern = testing::TempDir() + "replay-XXXXXX";
        path_ = mkdtemp(pattern.data());
    }
    ~ReplayFileTest() override { std::filesystem::remove_all(path_); }

    // All that is to be read, in steps of at most `step` bytes.
    static std::string drain(ReplayFile& file, std::size_t step) {
        std::string out;
        while (file.reading()) {
            EXPECT_TRUE(file.load());
            const auto part = file.piece().substr(0, step);
            out += part;
            file.consume(part.size());
        }
        return out;
    }

    std::string path_;
    BufferPool buffers_;
};

TEST_F(ReplayFileTest, what_was_written_is_read_again_and_again_and_has_no_name) {
    ReplayStore store(std::move(*Folder::open(path_)), {});
    EXPECT_TRUE(rc::check("replay", [&](const std::vector<std::string>& parts, bool twice) {
        const auto step = *rc::gen::inRange<std::size_t>(1, 200'000);
        const auto repeat = *rc::gen::inRange<std::size_t>(1, 20'000);
        auto file = ReplayFile::make(store, buffers_);
        RC_ASSERT(file != nullptr);
        std::string all;
        for (const auto& part : parts) {
            std::string data;
            for (std::size_t i = 0; i < repeat; ++i) data += part;
            RC_ASSERT(file->append(data));
            RC_ASSERT(!file->reading());
            all += data;
        }
        if (twice) {
            file->rewind();
            if (file->reading()) RC_ASSERT(file->load());
        }
        file->rewind();
        RC_ASSERT(drain(*file, step) == all);
        RC_ASSERT(file->append("and more"));
        file->rewind();
        RC_ASSERT(drain(*file, step) == all + "and more");
    }));
    EXPECT_EQ(store.bytes(), 0U);
    EXPECT_EQ(store.files(), 0U);
    EXPECT_EQ(buffers_.lent(), 0U);
    EXPECT_TRUE(std::filesystem::is_empty(path_));
}

TEST_F(ReplayFileTest, a_part_that_is_no_use_yet_stays_in_front_of_what_follows) {
    ReplayStore store(std::move(*Folder::open(path_)), {});
    auto file = ReplayFile::make(store, buffers_);
    const std::string data(3 * Buffer::capacity(), 'x');
    ASSERT_TRUE(file->append(data));
    file->rewind();
    ASSERT_TRUE(file->load());
    file->consume(file->piece().size() - 10);
    ASSERT_TRUE(file->load());
    EXPECT_GT(file->piece().size(), 10U);
}

TEST_F(ReplayFileTest, at_the_limit_of_bytes_it_is_kept_and_one_past_it_is_not) {
    ReplayStore store(std::move(*Folder::open(path_)), {.bytes_max = 1000});
    auto one = ReplayFile::make(store, buffers_);
    auto other = ReplayFile::make(store, buffers_);
    EXPECT_TRUE(one->append(std::string(600, 'a')));
    EXPECT_TRUE(other->append(std::string(400, 'b')));
    EXPECT_FALSE(other->append("c"));
    EXPECT_EQ(store.refused_total(), 1U);
    one.reset();
    EXPECT_EQ(store.bytes(), 400U);
    EXPECT_TRUE(other->append(std::string(600, 'c')));
}

TEST_F(ReplayFileTest, there_are_as_many_files_as_the_limit_says_and_not_one_more) {
    ReplayStore store(std::move(*Folder::open(path_)), {.files_max = 2});
    auto one = ReplayFile::make(store, buffers_);
    const auto other = ReplayFile::make(store, buffers_);
    EXPECT_EQ(ReplayFile::make(store, buffers_), nullptr);
    one.reset();
    EXPECT_NE(ReplayFile::make(store, buffers_), nullptr);
    EXPECT_EQ(store.kept_total(), 3U);
}

}  // namespace
}  // namespace moln::edge_loop
