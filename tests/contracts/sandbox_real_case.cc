#include "contracts/sandbox_real_case.h"

#include <chrono>
#include <filesystem>

#include <fmt/format.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <unistd.h>

#include "drivers/process/mounts.h"
#include "io/file/fd.h"
#include "io/file/files.h"
#include "io/file/temp_dir_for_test.h"
#include "io/file/tree.h"

namespace moln {
namespace {

constexpr auto k_long = std::chrono::seconds(30);

}  // namespace

TestFolder::TestFolder() {
    // Every case makes the host's skeleton anew, 1,500 files: on a disk that is most of its time.
    std::string path = temp_base(TempMedium::memory) / "moln-sandbox-XXXXXX";
    path_ = mkdtemp(path.data());
}

TestFolder::~TestFolder() {
    (void)unmount_below(path_);
    (void)remove_tree(path_);
}

RealCase::RealCase() : data_{folder_.path() + "/data"}, volumes_({.data = data_}) {
    make();
}

RealCase::~RealCase() {
    for (const auto& name : host_->cgroups.list()) (void)host_->cgroups.remove(name);
    std::error_code ignored;
    const std::filesystem::path netns = data_.run() + "/netns";
    for (const auto& entry : std::filesystem::directory_iterator(netns, ignored)) {
        (void)host_->networks.detach(entry.path().filename());
    }
    (void)unmount_below(host_->paths.run_root);
    sandboxes_.reset();
    (void)remove_tree(host_->paths.run_root);
}

SandboxOptions RealCase::options() const {
    return {.data = data_, .layer_bytes = k_test_layer_bytes, .init_program = MOLN_INIT_PROGRAM};
}

void RealCase::make() {
    host_ = std::make_unique<SandboxHost>(SandboxOptions{
        .data = data_, .layer_bytes = k_test_layer_bytes, .init_program = MOLN_INIT_PROGRAM});
    sandboxes_ = std::make_unique<RealSandboxes>(*host_);
    sandboxes_->on_exit([this](const InstanceId& id) {
        const std::lock_guard lock(mutex_);
        ++exits_[id];
        told_.notify_all();
    });
}

void RealCase::restart() {
    sandboxes_.reset();
    make();
}

void RealCase::reboot() {
    for (const auto& name : host_->cgroups.list()) (void)host_->cgroups.remove(name);
    (void)host_->cgroups.kill(k_monitors_group);
    (void)unmount_below(host_->paths.run_root);
    (void)unmount_below(data_.root);
    (void)remove_tree(host_->paths.run_root);
    restart();
}

SandboxSpec RealCase::spec_of(std::vector<std::string> command) {
    ++made_;
    SandboxSpec spec;
    spec.instance = InstanceId(fmt::format("web-{:06}", made_));
    spec.app = AppId("default/shop");
    spec.generation = 1;
    spec.image.platform = "host";
    spec.command = std::move(command);
    spec.workdir = "/app";
    spec.hostname = spec.instance.text;
    spec.uid_base = 1'000'000;
    spec.memory = mib(256);
    spec.network = 1;
    spec.address_slot = made_ + 1;
    return spec;
}

SandboxSpec RealCase::spec(Behaviour behaviour) {
    switch (behaviour) {
        case Behaviour::runs: return spec_of({"sleep", "1000"});
        case Behaviour::runs_on_sigterm:
            return spec_of({"sh", "-c", "trap '' TERM; echo begun; while :; do sleep 1000; done"});
        case Behaviour::ends_with_3: return spec_of({"sh", "-c", "exit 3"});
        case Behaviour::ends_by_sigabrt:
            return spec_of({"sh", "-c", "kill -ABRT $$; exec sleep 1000"});
        case Behaviour::writes_then_runs:
            return spec_of({"sh", "-c", "echo note > $HOME/note; echo begun; exec sleep 1000"});
        case Behaviour::writes_to_volume: return spec_of({"sh", "-c", "echo note > /data/note"});
        case Behaviour::cannot_start: break;
    }
    return spec_of({"/no/such/program"});
}

void RealCase::add_volume(SandboxSpec& spec) {
    Volume volume;
    volume.id = VolumeId("vol-" + spec.instance.text);
    volume.size = mib(16);
    const auto made = volumes_.create(volume);
    ASSERT_TRUE(made) << made.error().reason;
    spec.mounts.push_back({.volume = volume.id, .path = "/data"});
}

bool RealCase::wait_for_exit(const InstanceId& instance) {
    std::unique_lock lock(mutex_);
    const bool told = told_.wait_for(lock, k_long, [&] { return exits_[instance] > 0; });
    exits_[instance] = 0;
    return told;
}

std::string RealCase::log(const SandboxSpec& spec) const {
    return read_file(host_->paths.log(spec.app, spec.instance)).value_or("");
}

bool RealCase::wait_for_log(const SandboxSpec& spec, const std::string& text) const {
    const Fd watch(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    const auto folder = host_->paths.log_folder(spec.app);
    if (inotify_add_watch(watch.get(), folder.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0) {
        return false;
    }
    const auto deadline = std::chrono::steady_clock::now() + k_long;
    while (std::chrono::steady_clock::now() < deadline) {
        if (log(spec).find(text) != std::string::npos) return true;
        pollfd ready{watch.get(), POLLIN, 0};
        poll(&ready, 1, 1000);
        char events[4096];
        while (read(watch.get(), events, sizeof events) > 0) {
        }
    }
    return false;
}

bool RealCase::wait_until_begun(const InstanceId& instance) {
    SandboxSpec spec;
    spec.app = AppId("default/shop");
    spec.instance = instance;
    return wait_for_log(spec, "begun");
}

bool RealCase::trash_holds(const TrashId& trash) {
    return path_exists(data_.trash(trash));
}

bool RealCase::is_gone(const InstanceId& instance) {
    return !path_exists(data_.instance(instance)) && !path_exists(host_->paths.run(instance)) &&
           !host_->cgroups.exists(instance.text) &&
           mounts_below(host_->paths.run(instance)).empty() &&
           !path_exists(host_->networks.netns_path(instance.text));
}

}  // namespace moln
