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

std::vector<Buffer*> borrow(BufferPool& pool, std::size_t count) {
    std::vector<Buffer*> many;
    for (std::size_t i = 0; i < count; ++i) many.push_back(pool.lend());
    return many;
}

void give_back(BufferPool& pool, std::vector<Buffer*> many) {
    for (Buffer*& buffer : many) pool.take_back(&buffer);
}

TEST(BufferPool, lends_the_warmest_first) {
    BufferPool pool;
    const auto many = borrow(pool, 3);
    EXPECT_EQ(pool.lent(), 3U);
    give_back(pool, many);
    auto* warmest = pool.lend();
    EXPECT_EQ(warmest, many[2]);
    pool.take_back(&warmest);
}

TEST(BufferPool, keeps_what_a_busy_worker_needs_and_gives_the_rest_back) {
    BufferPool pool;
    const std::size_t busy = edge::k_buffers_kept * 8;
    give_back(pool, borrow(pool, busy));
    pool.trim();  // all were just needed
    EXPECT_EQ(pool.free(), busy);
    give_back(pool, borrow(pool, busy));
    pool.trim();
    EXPECT_EQ(pool.free(), busy);
    give_back(pool, borrow(pool, busy / 2));
    pool.trim();
    EXPECT_EQ(pool.free(), busy - busy / 4);  // half of the half that was idle
    for (int i = 0; i < 20; ++i) pool.trim();
    EXPECT_EQ(pool.free(), edge::k_buffers_kept);
    EXPECT_FALSE(pool.has_surplus());
}

TEST(BufferPool, never_keeps_more_than_its_limit) {
    BufferPool pool;
    give_back(pool, borrow(pool, edge::k_buffers_kept_max + 1));
    EXPECT_EQ(pool.free(), edge::k_buffers_kept_max);
}

}  // namespace
}  // namespace moln::edge_loop
