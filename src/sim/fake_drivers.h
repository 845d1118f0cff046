// The drivers of the simulated machine: every call fails before or after its effect now and then,
// and the daemon may die within one. They hold no state of their own: see host.h.
#pragma once

#include "ports/images.h"
#include "ports/sandboxes.h"
#include "ports/volumes.h"
#include "sim/host.h"

namespace moln::sim {

// What a driver is made to do wrong, to see that a checker tells.
struct BrokenDriver {
    bool remove_leaves_it = false;       // remove() says done and does nothing
    bool ends_early = false;             // a signalled sandbox is said to have ended at once
    bool create_empties_volume = false;  // create() of a volume that exists wipes it
};

class FakeSandboxes final : public Sandboxes {
public:
    explicit FakeSandboxes(Host& host) : host_(host) {}
    BrokenDriver broken;

    Result<std::vector<SandboxSeen>> recover() override;
    Status prepare(const SandboxSpec& spec) override;
    Status start(const InstanceId& instance) override;
    Status signal(const InstanceId& instance, const std::string& signal) override;
    Status kill(const InstanceId& instance) override;
    Result<Bytes> remove(const InstanceId& instance, const TrashId& trash) override;
    Result<SandboxSeen> inspect(const InstanceId& instance) override;
    Result<SandboxUsage> usage(const InstanceId& instance) override;
    void on_exit(std::function<void(InstanceId)> callback) override;

private:
    SandboxSeen seen(const InstanceId& instance) const;
    Result<Bytes> move_to_trash(const InstanceId& instance, const TrashId& trash);
    Host& host_;
};

class FakeVolumes final : public Volumes {
public:
    explicit FakeVolumes(Host& host) : host_(host) {}
    BrokenDriver broken;

    Result<std::vector<VolumeSeen>> recover() override;
    Status create(const Volume& volume) override;
    Result<VolumeSeen> inspect(const VolumeId& volume) override;
    Result<Bytes> to_trash(const VolumeId& volume, const TrashId& trash) override;
    Status from_trash(const TrashId& trash, const VolumeId& volume) override;
    Status purge(const TrashId& trash) override;
    Status extract(const TrashId& trash, const std::string& target) override;

private:
    Host& host_;
};

class FakeImages final : public Images {
public:
    explicit FakeImages(Host& host) : host_(host) {}

    Status recover() override;
    Result<BuildResult> build(const BuildRequest& request, const ImageProgress& progress) override;
    Result<BuildResult> import(const ImportRequest& request,
                               const ImageProgress& progress) override;
    Result<PlatformInfo> build_platform(const std::string& recipe,
                                        const ImageProgress& progress) override;
    Result<std::vector<PlatformInfo>> platforms() override;
    Result<Bytes> to_trash(const std::vector<std::string>& layers, const TrashId& trash) override;
    Status from_trash(const TrashId& trash) override;

private:
    Host& host_;
};

}  // namespace moln::sim
