// The real sandboxes against the contract. Runs inside lab/netns.sh, as root.
#include "contracts/sandbox_real_case.h"
#include "io/file/files.h"

namespace moln {
namespace {

std::unique_ptr<SandboxCase> make_real_case() {
    return std::make_unique<RealCase>();
}

INSTANTIATE_TEST_SUITE_P(Real, SandboxContract, testing::Values(make_real_case));

// A daemon that dies within prepare() has made everything but the record.
TEST(RealSandboxes, a_half_made_one_is_tidied_by_recover_and_can_be_made_again) {
    RealCase world;
    const auto spec = world.spec(Behaviour::runs);
    ASSERT_TRUE(world.sandboxes().prepare(spec));
    ASSERT_TRUE(remove_file(world.host().paths.record(spec.instance)));
    world.restart();
    EXPECT_EQ(world.sandboxes().recover().value().size(), 0u);
    EXPECT_TRUE(world.is_gone(spec.instance));
    ASSERT_TRUE(world.sandboxes().prepare(spec));
    ASSERT_TRUE(world.sandboxes().start(spec.instance));
}

// Created and not started yet: nothing of its program ran, so it is only prepared.
TEST(RealSandboxes, one_that_was_created_and_not_started_is_prepared_and_starts) {
    RealCase world;
    const auto spec = world.spec(Behaviour::runs);
    ASSERT_TRUE(world.sandboxes().recover());
    ASSERT_TRUE(world.sandboxes().prepare(spec));
    ASSERT_TRUE(world.host().cgroups.create(
        spec.instance.text, {.memory = spec.memory, .cpu_millis = 1000, .pids = 64}));
    ASSERT_TRUE(world.host().monitors.create({.instance = spec.instance, .app = spec.app},
                                             world.host().runtime()));
    world.restart();
    const auto seen = world.sandboxes().recover().value();
    ASSERT_EQ(seen.size(), 1u);
    EXPECT_EQ(seen[0].phase, InstancePhase::prepared);
    ASSERT_TRUE(world.sandboxes().start(spec.instance));
    EXPECT_EQ(world.sandboxes().inspect(spec.instance).value().phase, InstancePhase::running);
}

TEST(RealSandboxes, a_record_that_cannot_be_read_is_told_and_what_runs_is_left_alone) {
    RealCase world;
    ASSERT_TRUE(world.sandboxes().recover());
    const auto broken = world.spec(Behaviour::runs);
    const auto whole = world.spec(Behaviour::runs);
    for (const auto& spec : {broken, whole}) {
        ASSERT_TRUE(world.sandboxes().prepare(spec));
        ASSERT_TRUE(world.sandboxes().start(spec.instance));
    }
    ASSERT_TRUE(write_file(world.host().paths.record(broken.instance), "{broken", 0600));
    world.restart();
    const auto seen = world.sandboxes().recover().value();
    ASSERT_EQ(seen.size(), 2u);
    const bool first = seen[0].instance == broken.instance;
    EXPECT_EQ(seen[first ? 0 : 1].phase, InstancePhase::failed);
    EXPECT_EQ(seen[first ? 1 : 0].phase, InstancePhase::running);
    EXPECT_FALSE(world.host().cgroups.members(broken.instance.text).empty());
    EXPECT_EQ(world.sandboxes().inspect(broken.instance).error().code, ErrorCode::corrupt);
}

// A remove() that was cut off after the writable layer had gone to the trash.
TEST(RealSandboxes, remove_goes_on_where_it_was_cut_off) {
    RealCase world;
    ASSERT_TRUE(world.sandboxes().recover());
    const auto spec = world.spec(Behaviour::writes_then_runs);
    ASSERT_TRUE(world.sandboxes().prepare(spec));
    ASSERT_TRUE(world.sandboxes().start(spec.instance));
    ASSERT_TRUE(world.wait_until_begun(spec.instance));
    ASSERT_TRUE(world.sandboxes().kill(spec.instance));
    const TrashId trash("tr-1");
    ASSERT_TRUE(world.host().stage.take_down(spec.instance));
    ASSERT_TRUE(world.host().stage.move_writable_layer(spec.instance, world.data().trash(trash)));
    world.restart();
    ASSERT_TRUE(world.sandboxes().recover());
    EXPECT_GT(world.sandboxes().remove(spec.instance, trash).value(), Bytes{});
    EXPECT_TRUE(world.is_gone(spec.instance));
    EXPECT_TRUE(world.trash_holds(trash));
    const auto copy = world.data().root + "/copy";
    ASSERT_TRUE(world.volumes().extract(trash, copy));
    EXPECT_EQ(read_file(copy + "/home/app/note").value_or(""), "note\n");
}

}  // namespace
}  // namespace moln
