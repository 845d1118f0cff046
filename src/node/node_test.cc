#include <gtest/gtest.h>

#include "node/node_fixture.h"

namespace moln::node {
namespace {

TEST(NodePlan, wanted_instance_is_prepared_then_started) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::run);
    EXPECT_EQ(node.round(), "prepare web-a");
    EXPECT_EQ(node.phase("web-a"), InstancePhase::prepared);
    EXPECT_EQ(node.round(), "start web-a");
    EXPECT_EQ(node.phase("web-a"), InstancePhase::running);
    EXPECT_EQ(node.round(), "");
}

TEST(NodePlan, goal_prepare_does_not_start) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::prepare);
    EXPECT_EQ(node.round(), "prepare web-a");
    EXPECT_EQ(node.round(), "");
}

TEST(NodePlan, volumes_settle_before_prepare) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::run);
    node.mount("web-a", "vol-1");
    EXPECT_EQ(node.round(), "create volume vol-1");
    EXPECT_EQ(node.round(), "prepare web-a");
}

TEST(NodePlan, failing_volume_is_the_reason_of_its_instance) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::run);
    node.mount("web-a", "vol-1");
    const auto action = node.actions().at(0);
    begun(node.state, action);
    node.finish(action, NodeFixture::bad("vol-1: the disk is full"));
    EXPECT_EQ(node.story(), "");
    const auto seen = report(NodeId("n1"), node.assignment, node.state);
    EXPECT_EQ(seen.instances.at(InstanceId("web-a")).phase, InstancePhase::failed);
    EXPECT_EQ(seen.instances.at(InstanceId("web-a")).reason, "vol-1: the disk is full");
}

TEST(NodePlan, service_that_ends_is_restarted_with_doubling_delay) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::run);
    node.round();
    node.round();
    std::int64_t delay = 1000;
    for (int i = 0; i < 9; ++i) {
        node.ends("web-a");
        EXPECT_EQ(node.phase("web-a"), InstancePhase::backing_off);
        const auto waiting = plan(node.assignment, node.state, node.now);
        EXPECT_TRUE(waiting.actions.empty());
        ASSERT_TRUE(waiting.wake.has_value());
        EXPECT_EQ(waiting.wake->ms - node.now.ms, delay);
        node.now = *waiting.wake;
        EXPECT_EQ(node.round(), "start web-a");
        delay = std::min<std::int64_t>(delay * 2, 60'000);
    }
    const auto seen = report(NodeId("n1"), node.assignment, node.state);
    EXPECT_EQ(seen.instances.at(InstanceId("web-a")).restarts, 9);
}

TEST(NodePlan, service_that_was_up_long_enough_starts_over) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::run);
    node.round();
    node.round();
    for (const auto up : {Milliseconds{59'999}, Milliseconds{60'000}}) {
        node.ends("web-a");
        node.now = node.now + seconds(60);
        node.round();
        node.now = node.now + up;
    }
    node.ends("web-a");
    EXPECT_EQ(node.state.sandboxes.at(InstanceId("web-a")).restart.failures, 1);
}

TEST(NodePlan, service_that_is_drained_or_stopped_is_not_restarted) {
    for (const auto goal : {InstanceGoal::drain, InstanceGoal::stop, InstanceGoal::kill}) {
        NodeFixture node;
        node.add("web-a", InstanceGoal::run);
        node.round();
        node.round();
        node.goal("web-a", goal);
        node.ends("web-a");
        node.now = node.now + minutes(5);
        EXPECT_EQ(node.story(), "");
        EXPECT_EQ(node.phase("web-a"), InstancePhase::ended);
    }
}

TEST(NodePlan, one_off_and_cron_run_once) {
    for (const auto kind : {InstanceKind::run, InstanceKind::cron}) {
        NodeFixture node;
        node.add("run-a", InstanceGoal::run, kind);
        node.round();
        node.round();
        node.ends("run-a");
        node.now = node.now + minutes(5);
        EXPECT_EQ(node.story(), "");
        EXPECT_EQ(node.phase("run-a"), InstancePhase::ended);
    }
}

TEST(NodePlan, stop_signals_once_and_waits_for_ever) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::run);
    node.round();
    node.round();
    node.goal("web-a", InstanceGoal::stop);
    EXPECT_EQ(node.phase("web-a"), InstancePhase::running);
    EXPECT_EQ(node.round(), "signal web-a SIGTERM");
    EXPECT_EQ(node.phase("web-a"), InstancePhase::stopping);
    node.now = node.now + days(30);
    EXPECT_EQ(node.round(), "");
    node.goal("web-a", InstanceGoal::kill);
    EXPECT_EQ(node.round(), "kill web-a");
    EXPECT_EQ(node.phase("web-a"), InstancePhase::ended);
}

TEST(NodePlan, signal_sent_before_the_daemon_died_is_not_sent_again) {
    NodeFixture node;
    Sight sight = node.sight("web-a", InstancePhase::running);
    sight.signalled = true;
    node.state = recovered({sight}, {}, node.now);
    node.add("web-a", InstanceGoal::stop);
    EXPECT_EQ(node.story(), "");
    EXPECT_EQ(node.phase("web-a"), InstancePhase::stopping);
}

TEST(NodePlan, removal_is_repeated_after_a_restart_and_then_reported) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::remove);
    const auto action = node.actions().at(0);
    EXPECT_EQ(describe(action), "remove web-a to tr-web-a");
    EXPECT_EQ(node.phase("web-a"), InstancePhase::ended);
    begun(node.state, action);
    Outcome outcome;
    outcome.bytes = kib(4);
    node.finish(action, outcome);
    const auto seen = report(NodeId("n1"), node.assignment, node.state);
    EXPECT_EQ(seen.instances.at(InstanceId("web-a")).phase, InstancePhase::absent);
    EXPECT_EQ(seen.trash_settled.at(TrashId("tr-web-a")), kib(4));
    EXPECT_EQ(node.story(), "");
}

TEST(NodePlan, failed_start_is_told_and_tried_again_later) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::run);
    node.round();
    const auto action = node.actions().at(0);
    begun(node.state, action);
    EXPECT_EQ(node.story(), "");  // never two at once
    auto outcome = NodeFixture::bad("crun: no such file: /app/server");
    outcome.status = fail(ErrorCode::invalid, "crun: no such file: /app/server");
    outcome.sight = node.sight("web-a", InstancePhase::prepared);
    outcome.sight->generation = 1;
    node.finish(action, outcome);
    EXPECT_EQ(node.phase("web-a"), InstancePhase::failed);
    EXPECT_EQ(node.story(), "");
    node.now = node.now + seconds(1);
    EXPECT_EQ(node.story(), "start web-a");
}

TEST(NodePlan, error_that_may_pass_is_tried_three_times_before_it_is_told) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::run);
    for (int attempt = 1; attempt <= k_attempts_before_failed; ++attempt) {
        EXPECT_EQ(node.phase("web-a"), InstancePhase::absent);
        const auto action = node.actions().at(0);
        begun(node.state, action);
        auto outcome = NodeFixture::bad("crun did not answer");
        outcome.sight = node.sight("web-a", InstancePhase::absent);
        node.finish(action, outcome);
        node.now = node.now + minutes(1);
    }
    EXPECT_EQ(node.phase("web-a"), InstancePhase::failed);
}

TEST(NodePlan, error_after_the_effect_counts_as_the_effect) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::run);
    node.round();
    const auto action = node.actions().at(0);
    begun(node.state, action);
    auto outcome = NodeFixture::bad("timed out");
    outcome.sight = node.sight("web-a", InstancePhase::running);
    node.finish(action, outcome);
    EXPECT_EQ(node.phase("web-a"), InstancePhase::running);
    EXPECT_EQ(node.story(), "");
}

TEST(NodePlan, exclusive_volume_keeps_the_second_waiting_until_the_first_has_ended) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::run);
    node.mount("web-a", "vol-1");
    for (int i = 0; i < 3; ++i) node.round();
    node.add("web-b", InstanceGoal::run);
    node.mount("web-b", "vol-1");
    EXPECT_EQ(node.round(), "prepare web-b");
    EXPECT_EQ(node.round(), "");
    node.goal("web-a", InstanceGoal::stop);
    EXPECT_EQ(node.round(), "signal web-a SIGTERM");
    EXPECT_EQ(node.round(), "");
    node.ends("web-a");
    EXPECT_EQ(node.round(), "start web-b");
}

TEST(NodePlan, exclusive_volume_of_two_that_wait_goes_to_one) {
    NodeFixture node;
    for (const auto* name : {"web-a", "web-b"}) {
        node.add(name, InstanceGoal::run);
        node.mount(name, "vol-1");
    }
    node.round();
    node.round();
    EXPECT_EQ(node.story(), "start web-a");
}

TEST(NodePlan, volume_in_the_trash_comes_back_and_is_not_thrown_away_again) {
    NodeFixture node;
    node.trash("tr-1") = {.kind = TrashKind::volume, .subject = "vol-1"};
    node.republish();
    EXPECT_EQ(node.round(), "move vol-1 to tr-1");
    EXPECT_EQ(node.round(), "");
    node.volume("vol-1").restored_from = TrashId("tr-1");
    node.republish();
    EXPECT_EQ(node.round(), "bring vol-1 back from tr-1");
    EXPECT_EQ(node.round(), "");
    EXPECT_TRUE(report(NodeId("n1"), node.assignment, node.state)
                    .volumes_settled.contains(VolumeId("vol-1")));
}

TEST(NodePlan, creation_that_a_removal_overtook_settles_nothing) {
    NodeFixture node;
    node.volume("vol-1");
    node.republish();
    const auto action = node.actions().at(0);
    begun(node.state, action);
    node.forget_volume("vol-1");
    node.trash("tr-1") = {.kind = TrashKind::volume, .subject = "vol-1"};
    node.republish();
    node.volume("vol-1").restored_from = TrashId("tr-1");
    node.republish();
    node.finish(action, NodeFixture::ok());
    EXPECT_EQ(node.story(), "bring vol-1 back from tr-1");
}

TEST(NodePlan, trashed_volume_waits_for_whoever_has_it_mounted) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::run);
    node.mount("web-a", "vol-1");
    for (int i = 0; i < 3; ++i) node.round();
    node.forget_volume("vol-1");
    node.trash("tr-1") = {.kind = TrashKind::volume, .subject = "vol-1"};
    node.republish();
    EXPECT_EQ(node.story(), "");
}

TEST(NodePlan, instance_prepared_ahead_is_prepared_again_with_the_volume_it_was_given) {
    NodeFixture node;
    node.add("web-b", InstanceGoal::prepare);
    EXPECT_EQ(node.round(), "prepare web-b");
    node.goal("web-b", InstanceGoal::run);
    node.mount("web-b", "vol-1");
    EXPECT_EQ(node.round(), "create volume vol-1");
    EXPECT_EQ(node.round(), "prepare web-b");
    EXPECT_EQ(node.round(), "start web-b");
}

TEST(NodePlan, image_layers_go_to_the_trash_once_and_come_back_once) {
    NodeFixture node;
    auto& item = node.trash("tr-1");
    item.kind = TrashKind::image;
    item.layers = {"sha256-a", "sha256-b"};
    node.republish();
    EXPECT_EQ(node.round(), "move 2 image layers to tr-1");
    EXPECT_EQ(node.round(), "");
    item.restoring = true;
    node.republish();
    EXPECT_EQ(node.round(), "bring image layers back from tr-1");
    EXPECT_EQ(node.round(), "");
    EXPECT_TRUE(
        report(NodeId("n1"), node.assignment, node.state).trash_restored.contains(TrashId("tr-1")));
}

TEST(NodePlan, instance_whose_restart_is_under_way_has_not_ended) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::run);
    node.round();
    node.round();
    node.ends("web-a");
    node.now = node.now + seconds(1);
    const auto start = node.actions().at(0);
    begun(node.state, start);
    node.goal("web-a", InstanceGoal::stop);
    EXPECT_EQ(node.phase("web-a"), InstancePhase::preparing);
    Outcome outcome;
    outcome.sight = node.sight("web-a", InstancePhase::running);
    node.finish(start, outcome);
    EXPECT_EQ(node.story(), "signal web-a SIGTERM");
}

TEST(NodePlan, instance_that_is_being_looked_at_has_not_ended) {
    NodeFixture node;
    node.add("web-a", InstanceGoal::run);
    node.round();
    const auto start = node.actions().at(0);
    begun(node.state, start);
    node.finish(start, NodeFixture::ok());  // started, and nobody could see it
    node.goal("web-a", InstanceGoal::stop);
    EXPECT_EQ(node.phase("web-a"), InstancePhase::preparing);
    begun(node.state, node.actions().at(0));
    EXPECT_EQ(node.phase("web-a"), InstancePhase::preparing);
}

TEST(NodePlan, removal_waits_for_the_volume_that_goes_with_it) {
    NodeFixture node;
    node.add("work-a", InstanceGoal::run);
    node.mount("work-a", "vol-1");
    const auto create = node.actions().at(0);
    begun(node.state, create);
    node.goal("work-a", InstanceGoal::remove);
    EXPECT_EQ(node.story(), "");
    node.finish(create, NodeFixture::ok());
    EXPECT_EQ(node.story(), "remove work-a to tr-work-a");
}

TEST(NodePlan, volume_that_was_there_is_settled_but_not_one_that_is_to_come_back) {
    NodeFixture node;
    node.state = recovered({}, {{VolumeId("vol-1"), {}}, {VolumeId("vol-2"), {}}}, node.now);
    node.volume("vol-1");
    node.volume("vol-2").restored_from = TrashId("tr-1");
    node.republish();
    EXPECT_EQ(node.story(), "bring vol-2 back from tr-1");
}

TEST(NodePlan, trash_known_to_be_settled_is_left_alone_after_a_restart) {
    NodeFixture node;
    node.trash("tr-1") = {.kind = TrashKind::volume, .subject = "vol-1", .settled = true};
    node.republish();
    EXPECT_EQ(node.story(), "");
}

TEST(NodePlan, purging_is_done_once) {
    NodeFixture node;
    node.trash("tr-1") = {.kind = TrashKind::volume, .subject = "vol-1", .purging = true};
    node.republish();
    EXPECT_EQ(node.round(), "purge tr-1");
    EXPECT_EQ(node.round(), "");
}

TEST(NodePlan, sandbox_that_nobody_assigned_is_left_alone) {
    NodeFixture node;
    node.state = recovered({node.sight("web-x", InstancePhase::running)}, {}, node.now);
    node.republish();
    EXPECT_EQ(node.story(), "");
    EXPECT_EQ(node.phase("web-x"), InstancePhase::running);
}

TEST(NodePlan, sandbox_that_ended_while_the_daemon_was_away_starts_at_once) {
    NodeFixture node;
    node.state = recovered({node.sight("web-a", InstancePhase::ended)}, {}, node.now);
    node.add("web-a", InstanceGoal::run);
    EXPECT_EQ(node.story(), "start web-a");
}

TEST(NodeAssign, unchanged_instances_share_their_values_and_a_lost_release_is_told) {
    World world;
    world.epoch = 3;
    Instance instance;
    instance.id = InstanceId("web-a");
    instance.app = AppId("default/shop");
    instance.node = NodeId("n1");
    instance.release = 7;
    world.instances[instance.id] = instance;
    const auto first = assign(world, NodeId("n1"), Assignment{});
    const auto second = assign(world, NodeId("n1"), first);
    EXPECT_EQ(second.version, 2);
    EXPECT_EQ(second.epoch, 3);
    EXPECT_EQ(first.instances.at(instance.id), second.instances.at(instance.id));
    EXPECT_EQ(first.instances.at(instance.id)->problem, "release 7 of default/shop is gone");
    EXPECT_TRUE(assign(world, NodeId("n2"), Assignment{}).instances.empty());
}

TEST(NodeAssign, release_gives_the_command_limits_and_environment) {
    World world;
    Instance instance;
    instance.id = InstanceId("web-a");
    instance.app = AppId("default/shop");
    instance.node = NodeId("n1");
    instance.process = "web";
    instance.release = 1;
    instance.volumes = {VolumeId("vol-1")};
    Release release;
    release.config.processes["web"] = {ProcessKind::web, {"./serve"}, "", 1,
                                       mib(64),          500,         32, 3000};
    release.config.volumes.push_back({"data", "/data", Lifetime::app, Sharing::exclusive, {}, {}});
    release.config.env["COLOR"] = "blue";
    Volume volume;
    volume.id = VolumeId("vol-1");
    volume.name = "data";
    world.projects[ProjectId("default")].network = 4;
    world.apps[instance.app].uid_base = 65'536;
    world.volumes[volume.id] = volume;
    world.releases[instance.app][1] = release;
    world.instances[instance.id] = instance;
    const auto work = assign(world, NodeId("n1"), Assignment{}).instances.at(instance.id);
    EXPECT_EQ(work->command, std::vector<std::string>{"./serve"});
    EXPECT_EQ(work->env.at("PORT"), "3000");
    EXPECT_EQ(work->env.at("COLOR"), "blue");
    EXPECT_EQ(work->network, 4u);
    EXPECT_EQ(work->uid_base, 65'536);
    ASSERT_EQ(work->mounts.size(), 1u);
    EXPECT_EQ(work->mounts[0].path, "/data");
}

}  // namespace
}  // namespace moln::node
