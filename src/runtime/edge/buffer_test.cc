#include "runtime/edge/buffer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace moln::edge_loop {
namespace {

TEST(Buffer, consuming_all_makes_all_the_room_free_again) {
    BufferPool pool;
    Buffer* buffer = pool.lend();
    buffer->append("hello world");
    buffer->consume(6);
    EXPECT_EQ(buffer->view(), "world");
    buffer->compact();
    EXPECT_EQ(buffer->begin, 0U);
    EXPECT_EQ(buffer->view(), "world");
    buffer->consume(5);
    EXPECT_EQ(buffer->room(), Buffer::capacity());
    pool.take_back(&buffer);
    EXPECT_EQ(buffer, nullptr);
    pool.take_back(&buffer);  // nothing is fine
    EXPECT_EQ(pool.lent(), 0U);
}

TEST(BufferPool, lends_the_warmest_first_and_keeps_no_more_than_its_limit) {
    BufferPool pool;
    std::vector<Buffer*> many;
    for (std::size_t i = 0; i < edge::k_buffers_kept + 1; ++i) many.push_back(pool.lend());
    EXPECT_EQ(pool.lent(), edge::k_buffers_kept + 1);
    Buffer* const last_kept = many[edge::k_buffers_kept - 1];
    for (Buffer*& buffer : many) pool.take_back(&buffer);
    EXPECT_EQ(pool.lend(), last_kept);  // the one past the limit was freed
    Buffer* again = last_kept;
    pool.take_back(&again);
}

}  // namespace
}  // namespace moln::edge_loop
