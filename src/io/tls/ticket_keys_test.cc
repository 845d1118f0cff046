#include "io/tls/ticket_keys.h"

#include <vector>

#include <gtest/gtest.h>

#include "io/tls/shared_key.h"

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

TEST(TicketKeys, of_shared_ones_the_first_seals_and_all_open) {
    const auto first = *fresh_ticket_key(after(0));
    const auto young = *fresh_ticket_key(after(1));
    TicketKeys keys;
    const auto own = keys.current(after(0));
    keys.share(std::vector{first, young});
    EXPECT_EQ(keys.current(after(1))->name, first.name);
    EXPECT_FALSE(keys.find(first.name, after(1))->renew);
    EXPECT_TRUE(keys.find(young.name, after(1))->renew);
    EXPECT_TRUE(keys.find(own->name, after(1))->renew);  // what it made before still opens
    keys.share(std::vector{young, first});
    EXPECT_EQ(keys.current(after(1))->name, young.name);
    keys.share({});
    EXPECT_EQ(keys.current(after(1))->name, young.name);
}

TEST(TicketKeys, without_a_daemon_a_shared_one_ends_and_the_edge_makes_its_own) {
    const auto shared = *fresh_ticket_key(after(0));
    TicketKeys keys;
    keys.share(std::vector{shared});
    const MonoTime end = after(0) + k_shared_key_life;
    EXPECT_EQ(keys.current(end + Milliseconds{-1})->name, shared.name);
    EXPECT_NE(keys.current(end)->name, shared.name);
    EXPECT_TRUE(keys.find(shared.name, end)->renew);
    EXPECT_TRUE(keys.find(shared.name, after(3, -1)));
    EXPECT_FALSE(keys.find(shared.name, after(3)));
}

TEST(TicketKeys, so_many_are_kept_and_no_more) {
    TicketKeys keys;
    std::vector<TicketKey> many;
    for (std::size_t i = 0; i <= k_ticket_keys_kept; ++i) {
        many.push_back(*fresh_ticket_key(after(0)));
    }
    keys.share(many);
    EXPECT_EQ(keys.all(after(0)).size(), k_ticket_keys_kept);
    EXPECT_TRUE(keys.find(many[k_ticket_keys_kept - 1].name, after(0)));
    EXPECT_FALSE(keys.find(many[k_ticket_keys_kept].name, after(0)));
}

TEST(SharedKey, is_packed_and_unpacked_alike_and_nothing_else_is_one) {
    const auto key = *fresh_shared_key({1'790'000'000'123});
    const auto packed = pack(key);
    const auto read = unpack(packed);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->key.name, key.key.name);
    EXPECT_EQ(read->key.cipher, key.key.cipher);
    EXPECT_EQ(read->key.mac, key.key.mac);
    EXPECT_EQ(read->made, key.made);
    EXPECT_FALSE(unpack(Secret(packed.reveal() + "x")));
    EXPECT_FALSE(unpack(Secret(packed.reveal().substr(1))));
}

TEST(TicketKeys, an_unknown_name_opens_nothing) {
    TicketKeys keys;
    auto name = keys.current(after(0))->name;
    name[0] = static_cast<unsigned char>(name[0] ^ 1);
    EXPECT_FALSE(keys.find(name, after(0)));
}

}  // namespace
}  // namespace moln::tls
