// Keys of session tickets over days, as a leader carries the plan out and edges take what it draws.
#include "plan/ticket_keys.h"

#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "plan/plan.h"

namespace moln::plan {
namespace {

constexpr Milliseconds k_hour = minutes(60);

class Leader {
public:
    Leader() {
        world_.leading = true;
        world_.self = NodeId("node");
    }

    void pass(Milliseconds time) {
        now_.wall = now_.wall + time;
        now_.mono = now_.mono + time;
        now_.steady = now_.steady + time;
    }
    void set_clock(Milliseconds by) { now_.wall = now_.wall + by; }

    // Carries plans out until there is nothing more to do.
    void work() {
        for (int i = 0; i < 10; ++i) {
            auto next = plan::plan(world_, now_, ++seed_);
            for (const auto& change : next.changes) moln::apply(world_, change);
            if (next.edge) world_.edge = *next.edge;
            if (!next.ticket_key.empty()) {
                moln::apply(world_, PutTicketKey{{.id = next.ticket_key,
                                                  .sealed_key = "key " + next.ticket_key,
                                                  .created = now_.wall}});
            }
            wake_ = next.wake;
            if (next.changes.empty() && !next.edge && next.ticket_key.empty()) return;
        }
        FAIL() << "the plan is never content";
    }

    const std::vector<EdgeTicketKey>& drawn() const { return world_.edge.ticket_keys; }
    WallTime created(const std::string& id) const { return world_.ticket_keys.at(id).created; }
    const World& world() const { return world_; }
    Now now() const { return now_; }
    std::optional<MonoTime> wake() const { return wake_; }

private:
    World world_;
    Now now_{.wall = {1'800'000'000'000}, .mono = {1'000}, .steady = {1'800'000'000'000}};
    std::uint64_t seed_ = 0;
    std::optional<MonoTime> wake_;
};

TEST(TicketKeys, the_first_is_used_at_once_and_the_next_only_when_all_know_it) {
    Leader leader;
    leader.work();
    ASSERT_EQ(leader.drawn().size(), 1U);
    const auto first = leader.drawn().front().id;
    leader.pass(k_ticket_key_rotation + Milliseconds{-1});
    leader.work();
    EXPECT_EQ(leader.drawn().size(), 1U);
    leader.pass({1});
    leader.work();
    ASSERT_EQ(leader.drawn().size(), 2U);
    EXPECT_EQ(leader.drawn().front().id, first);
    leader.pass(k_ticket_key_lead + Milliseconds{-1});
    leader.work();
    EXPECT_EQ(leader.drawn().front().id, first);
    leader.pass({1});
    leader.work();
    EXPECT_NE(leader.drawn().front().id, first);
    EXPECT_EQ(leader.drawn().back().id, first);
}

TEST(TicketKeys, one_goes_after_a_day_and_not_before) {
    Leader leader;
    leader.work();
    const auto first = leader.drawn().front().id;
    leader.pass(k_ticket_key_kept + Milliseconds{-1});
    leader.work();
    EXPECT_EQ(leader.drawn().front().id, first);  // nobody knows another yet
    leader.pass({1});
    leader.work();
    EXPECT_FALSE(leader.world().ticket_keys.contains(first));
    for (const auto& key : leader.drawn()) EXPECT_NE(key.id, first);
}

TEST(TicketKeys, one_of_a_clock_that_was_far_ahead_is_replaced) {
    Leader leader;
    leader.work();
    const auto first = leader.drawn().front().id;
    leader.set_clock({-k_ticket_key_ahead_max.count});
    leader.work();
    EXPECT_EQ(leader.drawn().front().id, first);
    leader.set_clock({-1});
    leader.work();
    ASSERT_EQ(leader.drawn().size(), 1U);
    EXPECT_NE(leader.drawn().front().id, first);
}

TEST(TicketKeys, without_news_time_alone_wakes_the_plan) {
    Leader leader;
    for (int i = 0; i < 20; ++i) {
        leader.work();
        ASSERT_TRUE(leader.wake());
        leader.pass(*leader.wake() - leader.now().mono);
    }
    EXPECT_GE(leader.world().ticket_keys.size(), 2U);
}

// An edge may be late with a snapshot by less than the lead. Whatever is the first at one edge, a
// ticket made with it opens at the other at any time until its key is a day old, and never after.
RC_GTEST_PROP(TicketKeys, a_ticket_opens_at_every_edge_during_its_life_and_never_after, ()) {
    Leader leader;
    leader.work();
    std::map<std::string, WallTime> made_with;  // keys that tickets were made with
    std::vector<EdgeTicketKey> late = leader.drawn();
    const auto steps = *rc::gen::container<std::vector<std::int64_t>>(
        60, rc::gen::oneOf(rc::gen::inRange<std::int64_t>(1, k_ticket_key_lead.count * 2),
                           rc::gen::inRange<std::int64_t>(1, 9 * k_hour.count)));
    for (const auto step : steps) {
        late = leader.drawn();
        // A leader that was down for a while has not drawn in time: edges end a key by themselves.
        leader.pass(
            {std::min(step, leader.wake() ? (*leader.wake() - leader.now().mono).count : step)});
        leader.work();
        const auto now = leader.now().wall;
        const auto knows = [](const std::vector<EdgeTicketKey>& keys, const std::string& id) {
            return std::ranges::find(keys, id, &EdgeTicketKey::id) != keys.end();
        };
        RC_ASSERT(!leader.drawn().empty());
        RC_ASSERT(leader.drawn().size() <= 4);
        const auto& maker = leader.drawn().front();
        RC_ASSERT(knows(late, maker.id));  // even the edge that has the last snapshot yet
        made_with[maker.id] = leader.created(maker.id);
        for (const auto& [id, created] : made_with) {
            const bool lives = now - created < k_ticket_key_kept;
            RC_ASSERT(knows(leader.drawn(), id) == lives);
        }
    }
}

}  // namespace
}  // namespace moln::plan
