// What plans bound: events, addresses, trash, apps. Each at its limit and one past it.
#include "model/limits.h"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "plan/place.h"
#include "plan/reality.h"
#include "plan/trash.h"

namespace moln::plan {
namespace {

template <typename T>
std::int64_t count(const Plan& next) {
    return std::ranges::count_if(next.changes,
                                 [](const auto& c) { return std::holds_alternative<T>(c); });
}

void add_events(World& world, std::size_t events) {
    for (std::size_t i = 0; i < events; ++i) {
        apply(world, PutEvent{{.number = world.event_number + 1, .name = "x", .text = "x"}});
    }
}

TEST(EventLimit, kept_events_stay_and_the_oldest_past_them_goes) {
    Reality r;
    add_events(r.world, k_events_kept);
    EXPECT_EQ(count<DeleteEvent>(plan(r.world, r.now, 1)), 0);
    add_events(r.world, 1);
    const auto next = r.plan_once();
    EXPECT_EQ(count<DeleteEvent>(next), 1);
    EXPECT_FALSE(r.world.events.contains(1));
    EXPECT_EQ(r.world.events.size(), k_events_kept);
}

TEST(AddressLimit, every_address_is_given_once_and_then_none) {
    Index index;
    index.apps.emplace_back().id = AppId("default/shop");
    AddressSlots slots(index);
    for (auto slot = k_address_slot_min; slot <= k_address_slot_max; ++slot) {
        ASSERT_EQ(slots.take("default"), slot);
    }
    EXPECT_EQ(slots.take("default"), 0u);
    EXPECT_EQ(slots.take("team"), k_address_slot_min);
}

TEST(AddressLimit, a_freed_address_is_taken_again_and_a_used_one_is_not) {
    Instance used;
    used.address_slot = 2;
    Index index;
    index.apps.emplace_back().id = AppId("default/shop");
    index.apps[0].members.push_back({.instance = &used, .seen = nullptr, .edge = {}});
    EXPECT_EQ(AddressSlots(index).take("default"), 3u);
    index.apps[0].members[0].deleted = true;
    EXPECT_EQ(AddressSlots(index).take("default"), 2u);
}

TEST(AppLimit, as_many_apps_as_allowed_and_no_more) {
    Reality r;
    for (std::size_t i = 0; i + 1 < k_apps_max; ++i) {
        App app;
        app.id = AppId(fmt::format("default/app-{}", i));
        app.uid_base = 1;
        r.world.apps[app.id] = app;
    }
    ASSERT_TRUE(r.command(deploy_of("default/last", web_config(1))));
    const auto outcome = r.command(deploy_of("default/more", web_config(1)));
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code, ErrorCode::refused);
}

class TrashLimit : public testing::Test {
protected:
    void add(const std::string& id, Bytes size, Milliseconds age) {
        TrashItem item{.id = TrashId(id), .node = r.world.self, .size = size, .content = {}};
        item.settled = true;
        item.dropped = WallTime{r.now.wall.ms - age.count};
        item.expires = SteadyTime{r.now.steady.ms - age.count} + k_trash_age_default;
        apply(r.world, PutTrash{item});
    }
    bool purging(const std::string& id) const { return r.world.trash.at(TrashId(id)).purging; }

    Reality r;  // of 100 GiB of disk: 10 GiB of trash
};

TEST_F(TrashLimit, stays_until_its_time_is_over_and_goes_then) {
    add("tr-a", mib(1), k_trash_age_default + Milliseconds{-1});
    const auto next = r.plan_once();
    EXPECT_FALSE(purging("tr-a"));
    EXPECT_EQ(next.wake, MonoTime{r.now.mono.ms + 1});
    r.pass(Milliseconds{1});
    r.plan_once();
    EXPECT_TRUE(purging("tr-a"));
    r.step();
    r.plan_once();
    EXPECT_TRUE(r.world.trash.empty());
}

TEST_F(TrashLimit, the_oldest_goes_when_there_is_too_much) {
    add("tr-old", gib(4), days(3));
    add("tr-mid", gib(4), days(2));
    add("tr-new", gib(2), days(1));
    r.plan_once();
    EXPECT_FALSE(purging("tr-old"));
    add("tr-one", Bytes{1}, days(0));
    r.plan_once();
    EXPECT_TRUE(purging("tr-old"));
    EXPECT_FALSE(purging("tr-mid"));
    EXPECT_FALSE(purging("tr-new"));
}

TEST_F(TrashLimit, what_was_dropped_last_stays_whatever_its_size) {
    add("tr-old", mib(1), days(1));
    add("tr-huge", gib(90), days(0));
    r.plan_once();
    EXPECT_TRUE(purging("tr-old"));
    EXPECT_FALSE(purging("tr-huge"));
}

TEST_F(TrashLimit, what_is_not_yet_in_the_trash_is_not_destroyed) {
    add("tr-a", mib(1), k_trash_age_default);
    auto item = r.world.trash.at(TrashId("tr-a"));
    item.settled = false;
    apply(r.world, PutTrash{item});
    r.plan_once();
    EXPECT_FALSE(purging("tr-a"));
}

TEST(PlanSize, what_does_not_fit_one_plan_follows_in_the_next) {
    Reality r;
    std::size_t largest = 0;
    r.on_plan = [&](const World&, const Plan& next) {
        largest = std::max(largest, next.changes.size());
    };
    for (int i = 0; i < 8; ++i) {
        ASSERT_TRUE(r.command(deploy_of(fmt::format("default/app-{}", i), web_config(900))));
    }
    EXPECT_GE(r.settle(), 0);
    EXPECT_EQ(r.world.instances.size(), 8u * 900u);
    EXPECT_LE(largest, 4'096u);
}

}  // namespace
}  // namespace moln::plan
