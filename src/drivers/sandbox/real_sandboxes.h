// Sandboxes on this host: crun and conmon, overlay, cgroups, namespaces. The state is what the disk
// and the kernel say; nothing is remembered that they do not. See ports/sandboxes.h for the verbs.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "drivers/data_dir.h"
#include "drivers/network/networks.h"
#include "drivers/sandbox/folder_watch.h"
#include "drivers/sandbox/host.h"
#include "drivers/sandbox/record.h"
#include "ports/sandboxes.h"

namespace moln {

class RealSandboxes final : public Sandboxes {
public:
    // `host` is shared with RealOneShots and outlives this.
    explicit RealSandboxes(SandboxHost& host);
    ~RealSandboxes() override;

    Result<std::vector<SandboxSeen>> recover() override;
    Status prepare(const SandboxSpec& spec) override;
    Status start(const InstanceId& instance) override;
    Status signal(const InstanceId& instance, const std::string& signal) override;
    Status kill(const InstanceId& instance) override;
    Result<Bytes> remove(const InstanceId& instance, const TrashId& trash) override;
    Result<SandboxSeen> inspect(const InstanceId& instance) override;
    Result<SandboxUsage> usage(const InstanceId& instance) override;
    void on_exit(std::function<void(InstanceId)> callback) override;

    // To be called now and then (every second is good): keeps every log within its bound. A log
    // that its monitor begins anew in between is looked at there and then.
    Status rotate_logs();
    // Every few minutes: bridges of networks without an instance, skeletons of another /etc.
    Status drop_unused();

private:
    Result<SandboxSeen> look(const SandboxRecord& record);
    Result<InstanceExit> settle(const SandboxRecord& record, const InstanceExit& exit);
    Status start_anew(const SandboxRecord& record);
    Status tidy(const std::set<std::string>& known);

    Status watch_exits();
    Status rotate_log(const AppId& app, const InstanceId& instance);
    void keep_log(const SandboxRecord& record);

    SandboxHost& host_;
    std::mutex exit_mutex_;  // guards on_exit_
    std::function<void(InstanceId)> on_exit_;
    std::mutex rotate_mutex_;  // held while the files of a log change names
    FolderWatch watch_;        // last: its thread uses the others
};

}  // namespace moln
