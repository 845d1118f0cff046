// Which peers are asked.
#include "edge/cache/peer_choice.h"

#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace moln::edge {
namespace {

constexpr std::uint64_t k_own = 7;

PeerStanding sibling(std::uint64_t place) {
    return {.kind = CachePeerKind::sibling, .place = place};
}
PeerStanding parent(std::uint64_t place) {
    return {.kind = CachePeerKind::parent, .place = place};
}

TEST(FillPath, without_peers_is_the_app_alone) {
    const auto path = fill_path(1, AskedBy::client, k_own, {});
    EXPECT_FALSE(path.sibling);
    EXPECT_FALSE(path.parent);
}

TEST(FillPath, a_url_is_of_one_edge_of_a_place_whoever_is_asked) {
    // Three edges, each with the two others as siblings.
    const std::vector<std::uint64_t> places = {11, 22, 33};
    std::vector<int> owned(3);
    for (std::uint64_t url = 0; url < 3000; ++url) {
        std::vector<std::uint64_t> owners;
        for (std::size_t own = 0; own < 3; ++own) {
            std::vector<PeerStanding> peers;
            for (std::size_t i = 0; i < 3; ++i) {
                if (i != own) peers.push_back(sibling(places[i]));
            }
            const auto path = fill_path(url * 0x9e37'79b9u, AskedBy::client, places[own], peers);
            owners.push_back(path.sibling ? peers[*path.sibling].place : places[own]);
        }
        ASSERT_EQ(owners[0], owners[1]);
        ASSERT_EQ(owners[0], owners[2]);
        ++owned[static_cast<std::size_t>(owners[0] / 11 - 1)];
    }
    for (const int share : owned) EXPECT_NEAR(share, 1000, 150);
}

RC_GTEST_PROP(FillPath, only_what_an_edge_that_is_away_owned_moves, (std::uint64_t url)) {
    auto peers = *rc::gen::map(
        rc::gen::container<std::vector<std::uint64_t>>(*rc::gen::inRange<std::size_t>(1, 8),
                                                       rc::gen::arbitrary<std::uint64_t>()),
        [](const auto& places) {
            std::vector<PeerStanding> made;
            for (const auto place : places) made.push_back(sibling(place));
            return made;
        });
    const auto before = fill_path(url, AskedBy::client, k_own, peers);
    const auto gone = *rc::gen::inRange<std::size_t>(0, peers.size());
    peers[gone].away = true;
    const auto after = fill_path(url, AskedBy::client, k_own, peers);
    RC_ASSERT(!after.sibling || *after.sibling != gone);
    if (before.sibling != gone) RC_ASSERT(after.sibling == before.sibling);
}

TEST(FillPath, no_question_goes_round) {
    const std::vector<PeerStanding> peers = {sibling(1), sibling(2), sibling(3),
                                             sibling(4), parent(5),  parent(6)};
    bool asked_sibling = false;
    for (std::uint64_t url = 0; url < 100; ++url) {
        const auto of_client = fill_path(url * 31, AskedBy::client, k_own, peers);
        asked_sibling = asked_sibling || of_client.sibling.has_value();
        EXPECT_TRUE(of_client.parent);
        const auto of_sibling = fill_path(url * 31, AskedBy::sibling, k_own, peers);
        EXPECT_FALSE(of_sibling.sibling);
        EXPECT_EQ(of_sibling.parent, of_client.parent);
        const auto of_child = fill_path(url * 31, AskedBy::child, k_own, peers);
        EXPECT_FALSE(of_child.sibling);
        EXPECT_FALSE(of_child.parent);
    }
    EXPECT_TRUE(asked_sibling);
}

TEST(MayWait, who_asks_for_another_edge_waits_only_for_what_is_asked_further_on) {
    for (const auto of : {AskedOf::app, AskedOf::parent, AskedOf::sibling}) {
        EXPECT_TRUE(may_wait(AskedBy::client, of));
        EXPECT_EQ(may_wait(AskedBy::sibling, of), of != AskedOf::sibling);
        EXPECT_EQ(may_wait(AskedBy::child, of), of == AskedOf::app);
    }
}

TEST(PeerPatience, after_a_failure_one_tries_it_at_a_time) {
    constexpr Milliseconds k_trial{500};
    PeerPatience patience;
    patience.note_asked(0, k_trial);
    EXPECT_TRUE(patience.is_over(1)) << "whoever asks a peer that is well";
    patience.note_failure(1000);
    ASSERT_TRUE(patience.is_over(2000));
    patience.note_asked(2000, k_trial);
    EXPECT_FALSE(patience.is_over(2499));
    EXPECT_TRUE(patience.is_over(2500)) << "it was never heard of again";
    patience.note_asked(2500, k_trial);
    patience.note_failure(2600);
    EXPECT_FALSE(patience.is_over(4599)) << "twice as long";
    EXPECT_TRUE(patience.is_over(4600));
    patience.note_asked(4600, k_trial);
    patience.note_success();
    patience.note_asked(4601, k_trial);
    EXPECT_TRUE(patience.is_over(4602));
}

TEST(PeerPatience, grows_with_each_failure_to_half_a_minute) {
    PeerPatience patience;
    EXPECT_TRUE(patience.is_over(0));
    patience.note_failure(1000);
    EXPECT_FALSE(patience.is_over(1999));
    EXPECT_TRUE(patience.is_over(2000));
    patience.note_failure(2000);
    patience.note_failure(2001);  // of the same time
    EXPECT_FALSE(patience.is_over(3999));
    EXPECT_TRUE(patience.is_over(4000));
    std::int64_t now = 4000;
    for (int i = 0; i < 10; ++i) {
        patience.note_failure(now);
        now += PeerPatience::k_longest.count;
        EXPECT_TRUE(patience.is_over(now));
    }
    patience.note_failure(now);
    EXPECT_FALSE(patience.is_over(now + PeerPatience::k_longest.count - 1));
    patience.note_success();
    EXPECT_TRUE(patience.is_over(now));
    patience.note_failure(now);
    EXPECT_TRUE(patience.is_over(now + PeerPatience::k_first.count));
}

}  // namespace
}  // namespace moln::edge
