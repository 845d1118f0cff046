// Purges that two edges share.
#include "runtime/edge/shared_purges.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace moln::edge_loop {
namespace {

constexpr edge::PurgeMark k_mark = 0x1'0007;

Fd copy_of(const Fd& fd) {
    return Fd(::dup(fd.get()));
}

TEST(SharedPurges, what_one_purges_is_purged_for_the_other_also_once_the_first_has_ended) {
    auto first = make_purges();
    ASSERT_TRUE(first.fd.valid());
    edge::PurgeBook before(std::move(first.table));
    const auto born = before.generation();
    auto shared = adopt_purges(copy_of(first.fd));
    ASSERT_TRUE(shared);
    const edge::PurgeBook after(std::move(shared->table));
    EXPECT_FALSE(after.is_purged({&k_mark, 1}, born));
    (void)before.purge(k_mark);
    EXPECT_TRUE(after.is_purged({&k_mark, 1}, born));
    before = edge::PurgeBook();
    first.fd.reset();
    EXPECT_TRUE(after.is_purged({&k_mark, 1}, born));
}

TEST(SharedPurges, memory_of_another_layout_length_or_that_may_be_cut_is_not_taken) {
    const auto made = make_purges();
    ++made.table->layout;
    EXPECT_FALSE(adopt_purges(copy_of(made.fd)));
    Fd open(::memfd_create("purges", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(::ftruncate(open.get(), sizeof(edge::PurgeTable)), 0);
    EXPECT_FALSE(adopt_purges(copy_of(open)));
    EXPECT_FALSE(adopt_purges(Fd()));
}

}  // namespace
}  // namespace moln::edge_loop
