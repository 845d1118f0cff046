// The real sandboxes of a data directory of their own, for tests that run inside lab/netns.sh.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "contracts/sandbox_contract.h"
#include "drivers/sandbox/real_sandboxes.h"
#include "drivers/volume/real_volumes.h"

namespace moln {

inline constexpr Bytes k_test_layer_bytes = mib(64);

// A folder that goes with its owner, mounts and all.
class TestFolder {
public:
    TestFolder();
    ~TestFolder();
    TestFolder(const TestFolder&) = delete;
    TestFolder& operator=(const TestFolder&) = delete;
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

class RealCase final : public SandboxCase {
public:
    RealCase();
    ~RealCase() override;

    Sandboxes& sandboxes() override { return *sandboxes_; }
    RealSandboxes& real() { return *sandboxes_; }
    SandboxHost& host() { return *host_; }
    RealVolumes& volumes() { return volumes_; }
    const DataDir& data() const { return data_; }
    SandboxOptions options() const;
    void restart() override;
    void reboot() override;
    SandboxSpec spec(Behaviour behaviour) override;
    SandboxSpec spec_of(std::vector<std::string> command);
    void add_volume(SandboxSpec& spec) override;
    bool wait_for_exit(const InstanceId& instance) override;
    bool wait_until_begun(const InstanceId& instance) override;
    bool trash_holds(const TrashId& trash) override;
    bool is_gone(const InstanceId& instance) override;

    // Everything the instance has said so far.
    std::string log(const SandboxSpec& spec) const;
    // Waits until its log holds `text`, or for long.
    bool wait_for_log(const SandboxSpec& spec, const std::string& text) const;

private:
    void make();

    TestFolder folder_;
    DataDir data_;
    RealVolumes volumes_;
    std::unique_ptr<SandboxHost> host_;
    std::unique_ptr<RealSandboxes> sandboxes_;
    std::uint32_t made_ = 0;
    std::mutex mutex_;  // guards exits_
    std::condition_variable told_;
    std::map<InstanceId, int> exits_;
};

}  // namespace moln
