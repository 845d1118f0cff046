// The suite that every Sandboxes passes: sandbox_contract.cc has the cases.
//   INSTANTIATE_TEST_SUITE_P(Fake, SandboxContract, testing::Values(make_fake_case));
#pragma once

#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include "ports/sandboxes.h"

namespace moln {

// What the program in a sandbox does. Each case makes a spec whose command does it there.
enum class Behaviour {
    runs,              // until a signal ends it, as SIGTERM does
    runs_on_sigterm,   // SIGTERM does nothing to it
    ends_with_3,       // at once
    ends_by_sigabrt,   // at once
    writes_then_runs,  // one small file outside of every volume, then as `runs`
    writes_to_volume,  // one small file at /data/note, then ends with 0
    cannot_start,      // its program does not exist
};

// Sandboxes under test and what they live on.
class SandboxCase {
public:
    virtual ~SandboxCase() = default;
    virtual Sandboxes& sandboxes() = 0;
    // Drops the driver as the death of the daemon does, and makes another over what is there.
    virtual void restart() = 0;
    // As the loss of power does: nothing runs any more, disks stay. Then as restart().
    virtual void reboot() = 0;
    // A new instance: name, address slot and uids of its own; generation 1.
    virtual SandboxSpec spec(Behaviour behaviour) = 0;
    // Mounts a fresh volume at /data.
    virtual void add_volume(SandboxSpec& spec) = 0;
    // Waits until on_exit has told of the instance, or for long. Not of one told of before.
    virtual bool wait_for_exit(const InstanceId& instance) = 0;
    // Waits until a `writes_then_runs` has written, a `runs_on_sigterm` is deaf.
    virtual bool wait_until_begun(const InstanceId& instance) = 0;
    virtual bool trash_holds(const TrashId& trash) = 0;
    // True if nothing of the instance is left: no process, mount, namespace or file.
    virtual bool is_gone(const InstanceId& instance) = 0;
};

using MakeSandboxCase = std::unique_ptr<SandboxCase> (*)();

class SandboxContract : public testing::TestWithParam<MakeSandboxCase> {
protected:
    void SetUp() override { ASSERT_TRUE(sandboxes().recover()); }

    SandboxCase& world() { return *case_; }
    Sandboxes& sandboxes() { return case_->sandboxes(); }
    InstancePhase phase(const InstanceId& id) {
        const auto seen = sandboxes().inspect(id);
        EXPECT_TRUE(seen) << (seen ? "" : seen.error().reason);
        return seen ? seen->phase : InstancePhase::failed;
    }
    // Prepared, started and seen running.
    SandboxSpec running(Behaviour behaviour);

private:
    std::unique_ptr<SandboxCase> case_ = GetParam()();
};

}  // namespace moln
