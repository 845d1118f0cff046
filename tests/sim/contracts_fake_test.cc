// The simulator's drivers pass the suites that the real ones pass: what the simulation proves of
// Moln over the fakes, it proves over drivers that behave like the real ones.
#include "contracts/sandbox_contract.h"
#include "contracts/volumes_contract.h"
#include "sim/checkers.h"
#include "sim/fake_drivers.h"

namespace moln::sim {
namespace {

struct Machine {
    Timeline timeline;
    Random random{1};
    Faults faults{no_faults(), random};
    Story story{timeline};
    Checkers checkers{timeline, story};
    Host host{timeline, random, faults, story, checkers};

    Machine() {
        host.on_ended = [](const InstanceId&) {};
    }
};

class FakeVolumesCase final : public VolumesCase {
public:
    Volumes& volumes() override { return *volumes_; }
    void restart() override { volumes_ = std::make_unique<FakeVolumes>(machine_.host); }
    void write(const VolumeId& volume, const std::string& text) override {
        machine_.host.volumes.at(volume) = text;
    }
    std::string read(const VolumeId& volume) override {
        const auto& bytes = machine_.host.volumes.at(volume);
        return bytes.starts_with("bytes-") ? "" : bytes;  // what create() told it apart by
    }
    void trash_layer(const TrashId& trash, const std::string& text) override {
        machine_.host.trash[trash].layer = text;
    }
    std::string new_folder() override { return "/folder-" + std::to_string(++folders_); }
    std::string read_extracted(const std::string& folder) override {
        return machine_.host.extracted.at(folder);
    }

private:
    Machine machine_;
    std::unique_ptr<FakeVolumes> volumes_ = std::make_unique<FakeVolumes>(machine_.host);
    int folders_ = 0;
};

class FakeSandboxCase final : public SandboxCase {
public:
    FakeSandboxCase() { restart(); }
    Sandboxes& sandboxes() override { return *sandboxes_; }
    void restart() override {
        sandboxes_ = std::make_unique<FakeSandboxes>(machine_.host);
        sandboxes_->on_exit([this](const InstanceId& instance) { told_.insert(instance); });
    }
    void reboot() override {
        for (auto& [id, box] : machine_.host.sandboxes) {
            if (box.phase == InstancePhase::running) {
                machine_.host.end(id, Host::End::by_signal, 9);
            }
        }
        restart();
    }
    SandboxSpec spec(Behaviour behaviour) override {
        SandboxSpec spec;
        spec.instance = InstanceId("web-" + std::to_string(++made_));
        spec.app = AppId("default/shop");
        spec.generation = 1;
        spec.network = 1;
        spec.address_slot = static_cast<std::uint32_t>(made_ + 1);
        spec.image.digest = "dry";
        switch (behaviour) {
            case Behaviour::runs: spec.command = {"sleep"}; break;
            case Behaviour::runs_on_sigterm:
                spec.command = {"serve"};
                spec.image.digest = "stubborn:1";
                break;
            case Behaviour::ends_with_3: spec.command = {"exit", "3"}; break;
            case Behaviour::ends_by_sigabrt: spec.command = {"abort"}; break;
            case Behaviour::writes_then_runs:
                spec.command = {"sleep"};
                spec.image.digest = "writing";
                break;
            case Behaviour::writes_to_volume: spec.command = {"exit", "0"}; break;
            case Behaviour::cannot_start: spec.command = {"exit", "127"}; break;
        }
        return spec;
    }
    void add_volume(SandboxSpec& spec) override {
        const VolumeId id("vol-" + spec.instance.text);
        machine_.host.volumes[id] = machine_.host.fresh_token();
        spec.mounts.push_back({id, "/data", Sharing::exclusive});
    }
    bool wait_for_exit(const InstanceId& instance) override {
        const auto end = machine_.timeline.now().mono + seconds(10);
        while (!told_.contains(instance) && machine_.timeline.run_one(end)) {
        }
        return told_.erase(instance) > 0;
    }
    bool wait_until_begun(const InstanceId& instance) override {
        const auto& box = machine_.host.sandboxes.at(instance);
        return box.spec.image.digest != "writing" || !box.layer.empty();
    }
    bool trash_holds(const TrashId& trash) override { return machine_.host.trash.contains(trash); }
    bool is_gone(const InstanceId& instance) override {
        return !machine_.host.sandboxes.contains(instance);
    }

private:
    Machine machine_;
    std::unique_ptr<FakeSandboxes> sandboxes_;
    std::set<InstanceId> told_;
    int made_ = 0;
};

}  // namespace
}  // namespace moln::sim

namespace moln {

INSTANTIATE_TEST_SUITE_P(Fake, VolumesContract, testing::Values([]() {
                             return std::unique_ptr<VolumesCase>(new sim::FakeVolumesCase());
                         }));
INSTANTIATE_TEST_SUITE_P(Fake, SandboxContract, testing::Values([]() {
                             return std::unique_ptr<SandboxCase>(new sim::FakeSandboxCase());
                         }));

}  // namespace moln
