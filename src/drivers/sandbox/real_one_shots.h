// One-shots over the machinery of the sandboxes, without a monitor: the runtime runs in our
// foreground and ends with the call. See ports/one_shots.h.
//
// Files of `folder` and `cache_folder` lie unshifted on disk: the one-shot's user (1000) sees its
// own. What belongs to root there when the call begins is given to 1000 first.
#pragma once

#include <mutex>
#include <set>

#include "drivers/sandbox/host.h"
#include "ports/one_shots.h"

namespace moln {

// Each runs in a network of its own above the projects'.
inline constexpr std::uint32_t k_one_shots_at_once_max =
    k_network_number_max - k_project_network_max;

class RealOneShots final : public OneShots {
public:
    // `host` is shared with RealSandboxes and outlives this.
    explicit RealOneShots(SandboxHost& host) : host_(host) {}

    // ErrorCode::refused if k_one_shots_at_once_max run already.
    Result<InstanceExit> run(const OneShotSpec& spec, const std::function<void(std::string)>& line,
                             const std::atomic<bool>* cancelled) override;

private:
    class Network;  // a network number for as long as it lives
    Result<InstanceExit> run_staged(const OneShotSpec& spec, const SandboxSpec& sandbox,
                                    const std::function<void(std::string)>& line,
                                    const std::atomic<bool>* cancelled);
    Status clean_up(const InstanceId& name);

    SandboxHost& host_;
    std::mutex mutex_;  // guards networks_in_use_
    std::set<std::uint32_t> networks_in_use_;
};

}  // namespace moln
