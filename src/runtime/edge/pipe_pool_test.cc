#include "runtime/edge/pipe_pool.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace moln::edge_loop {
namespace {

TEST(PipePool, lends_as_many_as_its_limit_and_not_one_more) {
    PipePool pool;
    std::vector<Pipe*> lent;
    for (std::size_t i = 0; i < k_pipes_max; ++i) lent.push_back(pool.lend());
    for (const Pipe* pipe : lent) ASSERT_NE(pipe, nullptr);
    EXPECT_EQ(pool.lend(), nullptr);
    pool.take_back(&lent.back());
    EXPECT_EQ(lent.back(), nullptr);
    lent.back() = pool.lend();
    EXPECT_NE(lent.back(), nullptr);
    for (Pipe*& pipe : lent) pool.take_back(&pipe);
    EXPECT_EQ(pool.lent(), 0u);
}

TEST(PipePool, one_that_holds_bytes_is_lent_to_nobody) {
    PipePool pool;
    Pipe* pipe = pool.lend();
    ASSERT_NE(pipe, nullptr);
    ASSERT_EQ(::write(pipe->into.get(), "secret", 6), 6);
    pipe->inside = 6;
    pool.take_back(&pipe);
    pipe = pool.lend();
    ASSERT_NE(pipe, nullptr);
    char byte = 0;
    EXPECT_EQ(::read(pipe->out_of.get(), &byte, 1), -1) << "it is empty";
    pool.take_back(&pipe);
    pool.take_back(&pipe);
    EXPECT_EQ(pool.lent(), 0u);
}

}  // namespace
}  // namespace moln::edge_loop
