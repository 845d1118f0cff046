// Every checker must fire when its invariant is broken on purpose.
#include "plan/invariants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plan/reality.h"

namespace moln::plan {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::StartsWith;

const AppId k_shop("default/shop");

class Invariants : public testing::Test {
protected:
    void SetUp() override {
        auto config = web_config(1);
        config.volumes.push_back({.name = "data", .path = "/data", .processes = {}});
        ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
        ASSERT_GE(r.settle(), 0);
    }

    Instance web() const { return r.world.instances.begin()->second; }

    std::vector<std::string> broken(Plan plan) const {
        World after = r.world;
        number_events(plan.changes, after.event_number);
        for (const auto& change : plan.changes) apply(after, change);
        if (plan.edge) after.edge = *plan.edge;
        return broken_invariants(r.world, plan, after);
    }
    std::vector<std::string> broken(Changes changes) const {
        return broken(Plan{.changes = std::move(changes), .edge = {}, .wake = {}});
    }
    Instance towards(Instance instance, InstanceGoal goal) const {
        instance.goal = goal;
        instance.goal_since = r.now.steady;
        ++instance.generation;
        return instance;
    }

    Reality r;
};

TEST_F(Invariants, nothing_is_broken_by_nothing) {
    EXPECT_THAT(broken(Changes{}), IsEmpty());
}

TEST_F(Invariants, I22_site_that_is_not_there_or_does_not_serve_fires) {
    const auto name = "site-" + std::string(32, '0');
    AppConfig config;
    config.site = SiteSpec{};
    auto deploy = deploy_of("default/shop", config);
    deploy.image.layers = {"app-1", name};
    ASSERT_TRUE(r.command(deploy));
    ASSERT_GE(r.settle(), 0);
    auto edge = r.world.edge;
    ++edge.version;
    ASSERT_TRUE(edge.apps.at(0).site);
    EXPECT_THAT(broken(Plan{.changes = {}, .edge = edge, .wake = {}}), IsEmpty());
    const auto fires = [&](const auto& spoil) {
        auto spoiled = edge;
        spoil(*spoiled.apps.at(0).site);
        EXPECT_THAT(broken(Plan{.changes = {}, .edge = spoiled, .wake = {}}),
                    Contains(StartsWith("I22")));
    };
    fires([](EdgeSite& site) { site.name.back() = '1'; });
    fires([](EdgeSite& site) { site.release = 1; });
    fires([](EdgeSite& site) { site.release = 7; });
    TrashItem item{.id = TrashId("trash-1"), .kind = TrashKind::image, .app = k_shop};
    item.content = {{"layers", {name}}};
    EXPECT_THAT(broken(Plan{.changes = {PutTrash{item}}, .edge = edge, .wake = {}}),
                Contains(StartsWith("I22")));
}

TEST_F(Invariants, I2_endpoint_on_its_way_out_still_active_fires) {
    auto drained = towards(web(), InstanceGoal::drain);
    auto edge = r.world.edge;
    ++edge.version;
    drained.drained_version = edge.version;
    EXPECT_THAT(broken(Plan{.changes = {PutInstance{drained}}, .edge = edge, .wake = {}}),
                Contains(StartsWith("I2")));
}

TEST_F(Invariants, I2_drain_by_an_unpublished_snapshot_fires) {
    auto drained = towards(web(), InstanceGoal::drain);
    drained.drained_version = r.world.edge.version + 1;
    EXPECT_THAT(broken({PutInstance{drained}}), Contains(StartsWith("I2")));
}

TEST_F(Invariants, I3_drain_without_a_replacement_fires) {
    auto drained = towards(web(), InstanceGoal::drain);
    drained.drained_version = r.world.edge.version;
    EXPECT_THAT(broken({PutInstance{drained}}), Contains(StartsWith("I3")));
}

TEST_F(Invariants, I3_stop_without_a_drain_fires) {
    EXPECT_THAT(broken({PutInstance{towards(web(), InstanceGoal::stop)}}),
                Contains(StartsWith("I3")));
}

TEST_F(Invariants, I3_stop_before_the_edge_let_go_fires) {
    auto drained = towards(web(), InstanceGoal::drain);
    drained.drained_version = r.world.edge.version + 1;
    apply(r.world, PutInstance{drained});
    EXPECT_THAT(broken({PutInstance{towards(drained, InstanceGoal::stop)}}),
                Contains(StartsWith("I3")));
}

TEST_F(Invariants, I3_stop_with_requests_open_fires) {
    auto drained = towards(web(), InstanceGoal::drain);
    drained.drained_version = r.world.edge.version;
    apply(r.world, PutInstance{drained});
    r.world.edges[r.world.self].endpoints[drained.id].tunnels_open = 1;
    EXPECT_THAT(broken({PutInstance{towards(drained, InstanceGoal::stop)}}),
                Contains(StartsWith("I3")));
}

TEST_F(Invariants, I3_kill_without_a_limit_fires) {
    auto stopped = towards(web(), InstanceGoal::stop);
    apply(r.world, PutInstance{stopped});
    EXPECT_THAT(broken({PutInstance{towards(stopped, InstanceGoal::kill)}}),
                Contains(StartsWith("I3")));
}

TEST_F(Invariants, I3_tidying_away_what_runs_fires) {
    auto stopped = towards(web(), InstanceGoal::stop);
    apply(r.world, PutInstance{stopped});
    EXPECT_THAT(broken({PutInstance{towards(stopped, InstanceGoal::remove)}}),
                Contains(StartsWith("I3")));
}

TEST_F(Invariants, I4_dropped_volume_fires) {
    EXPECT_THAT(broken({DeleteVolume{r.world.volumes.begin()->first}}), Contains(StartsWith("I4")));
}

TEST_F(Invariants, I4_dropped_trash_with_bytes_fires) {
    TrashItem item{.id = TrashId("tr-1"), .node = r.world.self, .content = {}};
    apply(r.world, PutTrash{item});
    EXPECT_THAT(broken({DeleteTrash{item.id}}), Contains(StartsWith("I4")));
}

TEST_F(Invariants, I4_dropped_release_fires) {
    EXPECT_THAT(broken({DeleteRelease{k_shop, 1}}), Contains(StartsWith("I4")));
}

TEST_F(Invariants, I7_exclusive_volume_held_twice_fires) {
    auto other = web();
    other.id = InstanceId("web-other");
    other.address_slot = 99;
    EXPECT_THAT(broken({PutInstance{other}}), Contains(StartsWith("I7")));
}

TEST_F(Invariants, I10_key_written_twice_fires) {
    const auto& app = r.world.apps.at(k_shop);
    EXPECT_THAT(broken({PutApp{app}, PutApp{app}}), Contains(StartsWith("I10")));
}

TEST_F(Invariants, I10_more_writes_than_a_transaction_takes_fires) {
    Changes changes;
    for (std::int64_t i = 1; i <= 4'096; ++i) changes.emplace_back(DeleteEvent{1'000 + i});
    EXPECT_THAT(broken(changes), IsEmpty());
    changes.emplace_back(DeleteEvent{9'999});
    EXPECT_THAT(broken(changes), Contains(StartsWith("I10")));
}

TEST_F(Invariants, I11_edge_version_that_stays_fires) {
    EXPECT_THAT(broken(Plan{.changes = {}, .edge = r.world.edge, .wake = {}}),
                Contains(StartsWith("I11")));
}

TEST_F(Invariants, I12_shared_address_fires) {
    auto other = web();
    other.id = InstanceId("web-other");
    other.volumes.clear();
    EXPECT_THAT(broken({PutInstance{other}}), Contains(StartsWith("I12")));
}

TEST_F(Invariants, I12_shared_uids_fire) {
    auto other = r.world.apps.at(k_shop);
    other.id = AppId("default/blog");
    EXPECT_THAT(broken({PutApp{other}}), Contains(StartsWith("I12")));
}

TEST_F(Invariants, I13_goal_that_goes_back_fires) {
    auto stopped = towards(web(), InstanceGoal::stop);
    apply(r.world, PutInstance{stopped});
    EXPECT_THAT(broken({PutInstance{towards(stopped, InstanceGoal::run)}}),
                Contains(StartsWith("I13")));
}

TEST_F(Invariants, I14_event_without_a_change_fires) {
    EXPECT_THAT(broken({PutEvent{Event{.at = r.now.wall, .name = "x", .text = "x"}}}),
                Contains(StartsWith("I14")));
}

TEST_F(Invariants, I15_fall_back_to_what_never_served_fires) {
    auto app = r.world.apps.at(k_shop);
    app.rollout.state = RolloutState::switching;
    app.release = 3;
    apply(r.world, PutApp{app});
    app.rollout.state = RolloutState::failed;
    app.release = 2;
    EXPECT_THAT(broken({PutApp{app}}), Contains(StartsWith("I15")));
}

TEST_F(Invariants, I15_failure_that_takes_the_serving_instance_fires) {
    auto app = r.world.apps.at(k_shop);
    app.rollout.state = RolloutState::switching;
    app.release = 2;
    apply(r.world, PutApp{app});
    app.rollout.state = RolloutState::failed;
    app.release = 1;
    EXPECT_THAT(broken({PutApp{app}}), testing::Not(Contains(StartsWith("I15"))));
    EXPECT_THAT(broken({PutApp{app}, PutInstance{towards(web(), InstanceGoal::stop)}}),
                Contains(StartsWith("I15")));
}

TEST_F(Invariants, I16_instance_forgotten_while_it_is_there_fires) {
    EXPECT_THAT(broken({DeleteInstance{web().id}}), Contains(StartsWith("I16")));
}

TEST_F(Invariants, I17_active_endpoint_of_what_does_not_run_fires) {
    r.world.nodes[r.world.self].instances[web().id].phase = InstancePhase::backing_off;
    auto edge = r.world.edge;
    ++edge.version;
    EXPECT_THAT(broken(Plan{.changes = {}, .edge = edge, .wake = {}}), Contains(StartsWith("I17")));
}

TEST_F(Invariants, I19_certificate_that_is_not_stored_or_speaks_for_others_fires) {
    auto edge = r.world.edge;
    ++edge.version;
    ASSERT_EQ(edge.certificates.size(), 1u);
    const auto with = [&](const std::function<void(std::vector<EdgeCertificate>&)>& change) {
        auto next = edge;
        change(next.certificates);
        return broken(Plan{.changes = {}, .edge = next, .wake = {}, .issue = {}});
    };
    const auto fires = Contains(StartsWith("I19"));
    EXPECT_THAT(with([](auto&) {}), testing::Not(fires));
    EXPECT_THAT(with([](auto& list) { list[0].id = CertificateId("cert-x"); }), fires);
    EXPECT_THAT(with([](auto& list) { list[0].chain = "another"; }), fires);
    EXPECT_THAT(with([](auto& list) { list[0].hosts = {"bank.example.org"}; }), fires);
    EXPECT_THAT(with([](auto& list) { list.push_back(list[0]); }), fires);
}

}  // namespace
}  // namespace moln::plan
