#include "plan/rollout.h"

#include <gtest/gtest.h>

#include "plan/reality.h"

namespace moln::plan {
namespace {

const AppId k_shop("default/shop");

TEST(Rollout, first_release_comes_up_and_serves) {
    Reality r;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(2))));
    EXPECT_GE(r.settle(), 0);
    const auto& app = r.world.apps.at(k_shop);
    EXPECT_EQ(app.rollout.state, RolloutState::settled);
    EXPECT_EQ(app.release_served, 1);
    ASSERT_EQ(r.world.edge.apps.size(), 1u);
    EXPECT_EQ(r.world.edge.apps[0].endpoints.size(), 2u);
    EXPECT_EQ(r.world.edge.apps[0].endpoints[0].state, EndpointState::active);
    ASSERT_EQ(r.world.edge.routes.size(), 1u);
    EXPECT_EQ(r.world.edge.routes[0].host, "shop.localhost");
}

TEST(Rollout, second_release_replaces_the_first) {
    Reality r;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(2))));
    ASSERT_GE(r.settle(), 0);
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(3))));
    EXPECT_GE(r.settle(), 0);
    EXPECT_EQ(r.world.apps.at(k_shop).release_served, 2);
    EXPECT_EQ(r.world.instances.size(), 3u);
}

TEST(Rollout, release_that_crashes_is_rolled_back_and_the_first_never_leaves) {
    Reality r;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(2))));
    ASSERT_GE(r.settle(), 0);
    const auto before = r.world.instances;
    r.behaviours[2] = Behaviour::crashing;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(2))));
    EXPECT_GE(r.settle(), 0);
    const auto& app = r.world.apps.at(k_shop);
    EXPECT_EQ(app.release, 1);
    EXPECT_EQ(app.rollout.state, RolloutState::failed);
    EXPECT_NE(app.rollout.reason.find("web exited with code 1, 3 times"), std::string::npos)
        << app.rollout.reason;
    EXPECT_EQ(r.world.instances, before);
}

// The scale of a process that it did not have was forgotten with the deploy: the release before,
// which served on, lost its instances.
TEST(Rollout, release_that_crashes_leaves_the_scale_of_the_one_before) {
    Reality r;
    auto config = web_config(1);
    config.processes["worker"].command = {"/app/work"};
    ASSERT_TRUE(r.command(deploy_of("default/shop", config)));
    ASSERT_TRUE(r.command(ScaleCommand{k_shop, {{"worker", 3}}}));
    ASSERT_GE(r.settle(), 0);
    const auto before = r.world.instances;
    r.behaviours[2] = Behaviour::crashing;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(r.world.apps.at(k_shop).rollout.state, RolloutState::failed);
    EXPECT_EQ(r.world.instances, before);

    r.behaviours.clear();
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
    ASSERT_GE(r.settle(), 0);
    EXPECT_TRUE(r.world.apps.at(k_shop).scale.empty());
}

// Found by the property test: going back to the lower restart count of an instance that the user
// had stopped took those that served out of the edge.
TEST(Rollout, failed_replacement_of_one_instance_leaves_the_others_serving) {
    Reality r;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(2))));
    ASSERT_GE(r.settle(), 0);
    const auto first = r.world.instances.begin()->first;
    const auto second = std::next(r.world.instances.begin())->first;
    auto app = r.world.apps.at(k_shop);
    app.rollout.state = RolloutState::switching;
    app.rollout.began = r.now.wall;
    apply(r.world, PutApp{app});
    r.behaviours[1] = Behaviour::crashing;
    ASSERT_TRUE(r.command(StopInstanceCommand{first, false}));
    for (int i = 0; i < 30; ++i) {
        r.plan_once();
        r.step();
    }
    EXPECT_EQ(r.world.apps.at(k_shop).rollout.state, RolloutState::failed);
    EXPECT_EQ(r.world.apps.at(k_shop).restart_count, 0);
    EXPECT_EQ(r.world.instances.at(second).goal, InstanceGoal::run);
}

TEST(Rollout, failed_restart_goes_back_to_the_instances_of_before) {
    Reality r;
    ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
    ASSERT_GE(r.settle(), 0);
    const auto first = r.world.instances.begin()->first;
    ASSERT_TRUE(r.command(RestartCommand{k_shop}));
    r.plan_once();
    const auto is_new = [&](const InstanceId& id) { return id != first; };
    r.behaviours[1] = Behaviour::crashing;
    for (int i = 0; i < 30; ++i) {
        r.step(is_new);
        r.plan_once();
    }
    r.behaviours.clear();
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(r.world.apps.at(k_shop).rollout.state, RolloutState::failed);
    ASSERT_EQ(r.world.instances.size(), 1u);
    EXPECT_EQ(r.world.instances.begin()->first, first);
}

}  // namespace
}  // namespace moln::plan
