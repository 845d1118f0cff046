#include "io/tls/ticket_keys.h"

#include <gtest/gtest.h>

namespace moln::tls {
namespace {

constexpr MonoTime after(std::int64_t lives, std::int64_t ms = 0) {
    return {1000 + lives * k_ticket_key_life.count + ms};
}

TEST(TicketKeys, one_key_lasts_its_life_and_then_another_is_made) {
    TicketKeys keys;
    const auto first = keys.current(after(0));
    ASSERT_TRUE(first);
    EXPECT_EQ(keys.current(after(1, -1))->name, first->name);
    const auto second = keys.current(after(1));
    EXPECT_NE(second->name, first->name);
    EXPECT_NE(second->cipher, first->cipher);
    EXPECT_NE(second->mac, first->mac);
}

TEST(TicketKeys, an_old_key_still_opens_and_asks_for_a_new_ticket) {
    TicketKeys keys;
    const auto first = keys.current(after(0));
    EXPECT_FALSE(keys.find(first->name, after(0))->renew);
    (void)keys.current(after(1));
    const auto found = keys.find(first->name, after(2));
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->renew);
    EXPECT_EQ(found->key.mac, first->mac);
}

TEST(TicketKeys, after_three_lives_a_key_is_gone_even_if_nobody_came) {
    TicketKeys keys;
    const auto first = keys.current(after(0));
    EXPECT_TRUE(keys.find(first->name, after(3, -1)));
    EXPECT_FALSE(keys.find(first->name, after(3)));
}

TEST(TicketKeys, another_process_opens_what_this_one_sealed) {
    TicketKeys keys;
    const auto first = keys.current(after(0));
    const auto second = keys.current(after(1));
    TicketKeys other;
    other.adopt(keys.all(after(1)));
    EXPECT_EQ(other.find(first->name, after(1))->key.mac, first->mac);
    EXPECT_EQ(other.current(after(1, 1))->name, second->name);
    EXPECT_TRUE(keys.all(after(4)).empty());
    const std::vector<TicketKey> many(k_ticket_keys_kept + 1, *first);
    other.adopt(many);
    EXPECT_EQ(other.all(after(0)).size(), k_ticket_keys_kept);
}

TEST(TicketKeys, an_unknown_name_opens_nothing) {
    TicketKeys keys;
    auto name = keys.current(after(0))->name;
    name[0] = static_cast<unsigned char>(name[0] ^ 1);
    EXPECT_FALSE(keys.find(name, after(0)));
}

}  // namespace
}  // namespace moln::tls
