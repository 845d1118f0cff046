#include "contracts/sandbox_contract.h"

#include <algorithm>

namespace moln {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SandboxContract);

SandboxSpec SandboxContract::running(Behaviour behaviour) {
    auto spec = world().spec(behaviour);
    const auto prepared = sandboxes().prepare(spec);
    EXPECT_TRUE(prepared) << prepared.error().reason;
    const auto started = sandboxes().start(spec.instance);
    EXPECT_TRUE(started) << started.error().reason;
    return spec;
}

namespace {

constexpr int k_sigabrt = 6;
constexpr int k_sigkill = 9;
constexpr int k_sigterm = 15;

const TrashId k_trash("tr-contract");

std::optional<SandboxSeen> find(const std::vector<SandboxSeen>& seen, const InstanceId& id) {
    const auto found =
        std::find_if(seen.begin(), seen.end(), [&](const auto& s) { return s.instance == id; });
    if (found == seen.end()) return std::nullopt;
    return *found;
}

TEST_P(SandboxContract, what_was_never_prepared_is_absent) {
    const InstanceId nobody("web-nobody");
    EXPECT_EQ(phase(nobody), InstancePhase::absent);
    EXPECT_EQ(sandboxes().start(nobody).error().code, ErrorCode::not_found);
    EXPECT_TRUE(sandboxes().kill(nobody));
    EXPECT_EQ(sandboxes().remove(nobody, k_trash).value(), Bytes{});
    EXPECT_FALSE(world().trash_holds(k_trash));
}

TEST_P(SandboxContract, prepare_makes_it_prepared_and_twice_is_once) {
    const auto spec = world().spec(Behaviour::runs);
    ASSERT_TRUE(sandboxes().prepare(spec));
    ASSERT_TRUE(sandboxes().prepare(spec));
    const auto seen = sandboxes().inspect(spec.instance).value();
    EXPECT_EQ(seen.phase, InstancePhase::prepared);
    EXPECT_EQ(seen.generation, spec.generation);
    EXPECT_EQ(seen.pid, 0);
    EXPECT_FALSE(seen.address.empty());
    EXPECT_FALSE(seen.exit);
}

TEST_P(SandboxContract, start_runs_it_and_twice_is_once) {
    const auto spec = running(Behaviour::runs);
    const auto first = sandboxes().inspect(spec.instance).value();
    ASSERT_TRUE(sandboxes().start(spec.instance));
    const auto second = sandboxes().inspect(spec.instance).value();
    EXPECT_EQ(first.phase, InstancePhase::running);
    EXPECT_GT(first.pid, 0);
    EXPECT_EQ(second.pid, first.pid);
    EXPECT_EQ(second.started, first.started);
}

TEST_P(SandboxContract, prepare_of_a_running_one_with_its_generation_leaves_it_alone) {
    const auto spec = running(Behaviour::runs);
    const auto before = sandboxes().inspect(spec.instance).value();
    ASSERT_TRUE(sandboxes().prepare(spec));
    const auto after = sandboxes().inspect(spec.instance).value();
    EXPECT_EQ(after.phase, InstancePhase::running);
    EXPECT_EQ(after.pid, before.pid);
}

TEST_P(SandboxContract, its_own_end_is_told_with_the_exit_status) {
    const auto spec = running(Behaviour::ends_with_3);
    ASSERT_TRUE(world().wait_for_exit(spec.instance));
    const auto seen = sandboxes().inspect(spec.instance).value();
    EXPECT_EQ(seen.phase, InstancePhase::ended);
    ASSERT_TRUE(seen.exit);
    EXPECT_EQ(seen.exit->code, 3);
    EXPECT_EQ(seen.exit->signal, 0);
    EXPECT_FALSE(seen.exit->out_of_memory);
    EXPECT_GE(seen.exit->at, seen.started);
}

TEST_P(SandboxContract, an_end_by_signal_is_told_apart) {
    const auto spec = running(Behaviour::ends_by_sigabrt);
    ASSERT_TRUE(world().wait_for_exit(spec.instance));
    EXPECT_EQ(sandboxes().inspect(spec.instance).value().exit.value().signal, k_sigabrt);
}

TEST_P(SandboxContract, a_signal_reaches_it) {
    const auto spec = running(Behaviour::runs);
    ASSERT_TRUE(sandboxes().signal(spec.instance, "SIGTERM"));
    ASSERT_TRUE(world().wait_for_exit(spec.instance));
    EXPECT_EQ(sandboxes().inspect(spec.instance).value().exit.value().signal, k_sigterm);
    EXPECT_TRUE(sandboxes().signal(spec.instance, "SIGTERM")) << "ok if it has ended";
}

TEST_P(SandboxContract, a_word_that_is_no_signal_is_invalid) {
    const auto spec = running(Behaviour::runs);
    EXPECT_EQ(sandboxes().signal(spec.instance, "SIGNONSENSE").error().code, ErrorCode::invalid);
    EXPECT_EQ(phase(spec.instance), InstancePhase::running);
}

TEST_P(SandboxContract, kill_ends_what_ignores_sigterm) {
    const auto spec = running(Behaviour::runs_on_sigterm);
    ASSERT_TRUE(world().wait_until_begun(spec.instance));
    ASSERT_TRUE(sandboxes().signal(spec.instance, "SIGTERM"));
    EXPECT_EQ(phase(spec.instance), InstancePhase::running);
    ASSERT_TRUE(sandboxes().kill(spec.instance));
    const auto seen = sandboxes().inspect(spec.instance).value();
    EXPECT_EQ(seen.phase, InstancePhase::ended);
    EXPECT_EQ(seen.exit.value().signal, k_sigkill);
    EXPECT_FALSE(seen.exit.value().out_of_memory);
    EXPECT_TRUE(sandboxes().kill(spec.instance)) << "twice is once";
}

TEST_P(SandboxContract, kill_of_a_prepared_one_leaves_it_prepared) {
    const auto spec = world().spec(Behaviour::runs);
    ASSERT_TRUE(sandboxes().prepare(spec));
    ASSERT_TRUE(sandboxes().kill(spec.instance));
    EXPECT_EQ(phase(spec.instance), InstancePhase::prepared);
}

TEST_P(SandboxContract, an_ended_one_starts_again) {
    const auto spec = running(Behaviour::runs);
    const auto first = sandboxes().inspect(spec.instance).value();
    ASSERT_TRUE(sandboxes().kill(spec.instance));
    ASSERT_TRUE(sandboxes().start(spec.instance));
    const auto again = sandboxes().inspect(spec.instance).value();
    EXPECT_EQ(again.phase, InstancePhase::running);
    EXPECT_NE(again.pid, first.pid);
    EXPECT_FALSE(again.exit) << "the exit before is not of this run";
    EXPECT_EQ(again.address, first.address);
}

TEST_P(SandboxContract, a_program_that_does_not_exist_ends_with_127) {
    const auto spec = running(Behaviour::cannot_start);
    ASSERT_TRUE(world().wait_for_exit(spec.instance));
    EXPECT_EQ(sandboxes().inspect(spec.instance).value().exit.value().code, 127);
}

TEST_P(SandboxContract, a_running_one_is_not_removed) {
    const auto spec = running(Behaviour::runs);
    EXPECT_EQ(sandboxes().remove(spec.instance, k_trash).error().code, ErrorCode::refused);
    EXPECT_EQ(phase(spec.instance), InstancePhase::running);
}

TEST_P(SandboxContract, removed_without_having_written_it_leaves_nothing) {
    const auto spec = running(Behaviour::runs);
    ASSERT_TRUE(sandboxes().kill(spec.instance));
    EXPECT_EQ(sandboxes().remove(spec.instance, k_trash).value(), Bytes{});
    EXPECT_FALSE(world().trash_holds(k_trash));
    EXPECT_EQ(phase(spec.instance), InstancePhase::absent);
    EXPECT_TRUE(world().is_gone(spec.instance));
}

TEST_P(SandboxContract, what_it_wrote_goes_to_the_trash_and_twice_is_once) {
    const auto spec = running(Behaviour::writes_then_runs);
    ASSERT_TRUE(world().wait_until_begun(spec.instance));
    ASSERT_TRUE(sandboxes().kill(spec.instance));
    EXPECT_GT(sandboxes().remove(spec.instance, k_trash).value(), Bytes{});
    EXPECT_TRUE(world().trash_holds(k_trash));
    EXPECT_TRUE(sandboxes().remove(spec.instance, k_trash)) << "twice is once";
    EXPECT_TRUE(world().trash_holds(k_trash));
    EXPECT_TRUE(world().is_gone(spec.instance));
}

TEST_P(SandboxContract, another_generation_of_an_ended_one_keeps_its_writable_layer) {
    auto spec = running(Behaviour::writes_then_runs);
    ASSERT_TRUE(world().wait_until_begun(spec.instance));
    ASSERT_TRUE(sandboxes().kill(spec.instance));
    spec.generation = 2;
    ASSERT_TRUE(sandboxes().prepare(spec));
    const auto seen = sandboxes().inspect(spec.instance).value();
    EXPECT_EQ(seen.phase, InstancePhase::prepared);
    EXPECT_EQ(seen.generation, 2);
    EXPECT_GT(sandboxes().remove(spec.instance, k_trash).value(), Bytes{});
}

TEST_P(SandboxContract, a_volume_outlives_its_instance) {
    auto spec = world().spec(Behaviour::writes_to_volume);
    world().add_volume(spec);
    ASSERT_TRUE(sandboxes().prepare(spec));
    ASSERT_TRUE(sandboxes().start(spec.instance));
    ASSERT_TRUE(world().wait_for_exit(spec.instance));
    EXPECT_EQ(sandboxes().inspect(spec.instance).value().exit.value().code, 0);
    EXPECT_EQ(sandboxes().remove(spec.instance, k_trash).value(), Bytes{});
    EXPECT_FALSE(world().trash_holds(k_trash));
}

TEST_P(SandboxContract, usage_is_of_the_running_one) {
    const auto spec = running(Behaviour::runs);
    const auto usage = sandboxes().usage(spec.instance);
    ASSERT_TRUE(usage) << usage.error().reason;
    EXPECT_GT(usage->memory, Bytes{});
    EXPECT_GE(usage->pids, 1);
    EXPECT_EQ(usage->oom_kills, 0);
    EXPECT_FALSE(sandboxes().usage(InstanceId("web-nobody")));
}

// ---- the daemon dies and comes back ---------------------------------------------------------

TEST_P(SandboxContract, recover_finds_prepared_running_and_ended) {
    const auto prepared = world().spec(Behaviour::runs);
    ASSERT_TRUE(sandboxes().prepare(prepared));
    const auto runs = running(Behaviour::runs);
    const auto ended = running(Behaviour::ends_with_3);
    ASSERT_TRUE(world().wait_for_exit(ended.instance));
    const auto pid = sandboxes().inspect(runs.instance).value().pid;

    world().restart();
    const auto seen = sandboxes().recover().value();
    EXPECT_EQ(seen.size(), 3u);
    EXPECT_EQ(find(seen, prepared.instance).value().phase, InstancePhase::prepared);
    EXPECT_EQ(find(seen, runs.instance).value().phase, InstancePhase::running);
    EXPECT_EQ(find(seen, runs.instance).value().pid, pid) << "adopted, not started again";
    EXPECT_EQ(find(seen, ended.instance).value().phase, InstancePhase::ended);
    EXPECT_EQ(find(seen, ended.instance).value().exit.value().code, 3);
}

TEST_P(SandboxContract, an_adopted_one_can_be_signalled_and_its_end_is_told) {
    const auto spec = running(Behaviour::runs);
    world().restart();
    ASSERT_TRUE(sandboxes().recover());
    ASSERT_TRUE(sandboxes().signal(spec.instance, "SIGTERM"));
    ASSERT_TRUE(world().wait_for_exit(spec.instance));
    EXPECT_EQ(sandboxes().inspect(spec.instance).value().exit.value().signal, k_sigterm);
}

TEST_P(SandboxContract, that_it_was_signalled_is_known_until_it_starts_again) {
    const auto spec = running(Behaviour::runs_on_sigterm);
    ASSERT_TRUE(world().wait_until_begun(spec.instance));
    EXPECT_FALSE(sandboxes().inspect(spec.instance).value().signalled);
    ASSERT_TRUE(sandboxes().signal(spec.instance, "SIGTERM"));
    world().restart();
    const auto seen = sandboxes().recover().value();
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_TRUE(seen[0].signalled);
    EXPECT_EQ(seen[0].phase, InstancePhase::running);
    ASSERT_TRUE(sandboxes().kill(spec.instance));
    ASSERT_TRUE(sandboxes().start(spec.instance));
    EXPECT_FALSE(sandboxes().inspect(spec.instance).value().signalled);
}

TEST_P(SandboxContract, a_prepared_one_starts_after_the_daemon_came_back) {
    const auto spec = world().spec(Behaviour::runs);
    ASSERT_TRUE(sandboxes().prepare(spec));
    world().restart();
    ASSERT_TRUE(sandboxes().recover());
    ASSERT_TRUE(sandboxes().start(spec.instance));
    EXPECT_EQ(phase(spec.instance), InstancePhase::running);
}

TEST_P(SandboxContract, recover_finds_nothing_of_the_removed) {
    const auto spec = running(Behaviour::runs);
    ASSERT_TRUE(sandboxes().kill(spec.instance));
    ASSERT_TRUE(sandboxes().remove(spec.instance, k_trash));
    world().restart();
    EXPECT_EQ(sandboxes().recover().value().size(), 0u);
}

TEST_P(SandboxContract, after_a_reboot_what_ran_has_ended_and_starts_again) {
    const auto spec = running(Behaviour::writes_then_runs);
    ASSERT_TRUE(world().wait_until_begun(spec.instance));
    world().reboot();
    const auto seen = sandboxes().recover().value();
    EXPECT_EQ(find(seen, spec.instance).value().phase, InstancePhase::ended);
    ASSERT_TRUE(sandboxes().start(spec.instance));
    EXPECT_EQ(phase(spec.instance), InstancePhase::running);
    ASSERT_TRUE(sandboxes().kill(spec.instance));
    EXPECT_GT(sandboxes().remove(spec.instance, k_trash).value(), Bytes{}) << "its layer was kept";
}

}  // namespace
}  // namespace moln
