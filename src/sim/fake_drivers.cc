#include "sim/fake_drivers.h"

#include <utility>

#include <fmt/format.h>

#include "sim/checkers.h"

namespace moln::sim {
namespace {

constexpr Bytes k_bytes_each = kib(4);

// A driver call: fails before its effect, or has it and fails after, or neither.
template <typename T>
Result<T> call(Host& host, const std::string& what, const std::function<Result<T>()>& effect) {
    const auto bad_luck = [&] { return host.faults.happens(&FaultRates::driver_error); };
    if (bad_luck() && host.random.chance(0.5)) {
        host.story.tell("driver fails: " + what);
        return fail(ErrorCode::unavailable, what + ": out of luck");
    }
    auto result = effect();
    if (host.faults.crash_step()) return fail(ErrorCode::unavailable, "the daemon is dead");
    if (bad_luck()) {
        host.story.tell("driver fails after the effect: " + what);
        return fail(ErrorCode::unavailable, what + ": out of luck, too late");
    }
    return result;
}

Bytes size_of(const HostTrash& trash) {
    const auto count =
        (trash.layer.empty() ? 0u : 1u) + trash.volumes.size() + trash.image_layers.size();
    return {k_bytes_each.count * static_cast<std::int64_t>(count)};
}

}  // namespace

// ---- sandboxes --------------------------------------------------------------------------------

SandboxSeen FakeSandboxes::seen(const InstanceId& instance) const {
    SandboxSeen seen;
    seen.instance = instance;
    const auto found = host_.sandboxes.find(instance);
    if (found == host_.sandboxes.end() || !found->second.whole) return seen;
    const auto& box = found->second;
    seen.phase = box.phase;
    if (broken.ends_early && box.signalled) seen.phase = InstancePhase::ended;
    seen.generation = box.spec.generation;
    seen.address = fmt::format("10.{}.{}.{}", box.spec.network, box.spec.address_slot / 256,
                               box.spec.address_slot % 256);
    seen.pid = box.pid;
    seen.started = box.started;
    seen.exit = box.exit;
    seen.signalled = box.signalled;
    return seen;
}

Result<std::vector<SandboxSeen>> FakeSandboxes::recover() {
    return call<std::vector<SandboxSeen>>(host_, "recover sandboxes", [&] {
        std::vector<SandboxSeen> all;
        for (const auto& [id, box] : host_.sandboxes) all.push_back(seen(id));
        return Result<std::vector<SandboxSeen>>(std::move(all));
    });
}

Status FakeSandboxes::prepare(const SandboxSpec& spec) {
    return call<void>(host_, "prepare " + spec.instance.text, [&]() -> Status {
        for (const auto& mount : spec.mounts) {
            if (host_.volumes.contains(mount.volume)) continue;
            return fail(ErrorCode::not_found, "there is no volume " + mount.volume.text);
        }
        for (const auto& layer : spec.image.layers) {
            if (host_.image_layers.contains(layer)) continue;
            return fail(ErrorCode::not_found, "there is no layer " + layer);
        }
        auto& box = host_.sandboxes[spec.instance];
        if (box.phase == InstancePhase::running) return {};
        if (box.whole && box.spec.generation == spec.generation) return {};
        box.spec = spec;
        if (host_.faults.crash_step()) return {};  // half made
        box.phase = InstancePhase::prepared;
        box.pid = 0;
        box.exit.reset();
        box.whole = true;
        host_.story.tell("prepared " + spec.instance.text);
        return {};
    });
}

Status FakeSandboxes::start(const InstanceId& instance) {
    return call<void>(host_, "start " + instance.text, [&]() -> Status {
        const auto found = host_.sandboxes.find(instance);
        if (found == host_.sandboxes.end() || !found->second.whole) {
            return fail(ErrorCode::not_found, instance.text + " is not prepared");
        }
        if (found->second.phase != InstancePhase::running) host_.start(found->second);
        return {};
    });
}

Status FakeSandboxes::signal(const InstanceId& instance, const std::string& signal) {
    if (signal != "SIGTERM" && signal != "SIGINT" && signal != "SIGQUIT") {
        return fail(ErrorCode::invalid, signal + " is no signal that stops a program");
    }
    return call<void>(host_, fmt::format("signal {} {}", instance.text, signal), [&]() -> Status {
        const auto found = host_.sandboxes.find(instance);
        if (found == host_.sandboxes.end()) return {};
        if (found->second.phase != InstancePhase::running) return {};
        host_.story.tell("signalled " + instance.text);
        host_.checkers.stopping(found->second, Checkers::How::signal);
        host_.stop_signal(found->second);
        return {};
    });
}

Status FakeSandboxes::kill(const InstanceId& instance) {
    return call<void>(host_, "kill " + instance.text, [&]() -> Status {
        const auto found = host_.sandboxes.find(instance);
        if (found == host_.sandboxes.end()) return {};
        if (found->second.phase != InstancePhase::running) return {};
        host_.checkers.stopping(found->second, Checkers::How::kill);
        host_.end(instance, Host::End::by_signal, 9);
        return {};
    });
}

Result<Bytes> FakeSandboxes::move_to_trash(const InstanceId& instance, const TrashId& trash) {
    const auto found = host_.sandboxes.find(instance);
    if (found == host_.sandboxes.end()) {
        const auto there = host_.trash.find(trash);
        return there == host_.trash.end() ? Bytes{} : size_of(there->second);
    }
    auto& box = found->second;
    if (box.phase == InstancePhase::running) {
        return fail(ErrorCode::refused, instance.text + " runs");
    }
    if (!box.layer.empty()) host_.trash[trash].layer = std::exchange(box.layer, {});
    if (host_.faults.crash_step()) return Bytes{};
    host_.sandboxes.erase(found);
    host_.story.tell("removed " + instance.text);
    const auto there = host_.trash.find(trash);
    return there == host_.trash.end() ? Bytes{} : size_of(there->second);
}

Result<Bytes> FakeSandboxes::remove(const InstanceId& instance, const TrashId& trash) {
    if (broken.remove_leaves_it) return Bytes{};
    return call<Bytes>(host_, "remove " + instance.text,
                       [&] { return move_to_trash(instance, trash); });
}

Result<SandboxSeen> FakeSandboxes::inspect(const InstanceId& instance) {
    return call<SandboxSeen>(host_, "inspect " + instance.text,
                             [&] { return Result<SandboxSeen>(seen(instance)); });
}

Result<SandboxUsage> FakeSandboxes::usage(const InstanceId& instance) {
    const auto found = host_.sandboxes.find(instance);
    if (found == host_.sandboxes.end() || found->second.phase != InstancePhase::running) {
        return fail(ErrorCode::not_found, instance.text + " does not run");
    }
    return SandboxUsage{mib(20), host_.timeline.now().mono.ms, 0, 1};
}

void FakeSandboxes::on_exit(std::function<void(InstanceId)> callback) {
    host_.tell_exit = std::move(callback);
}

// ---- volumes ----------------------------------------------------------------------------------

Result<std::vector<VolumeSeen>> FakeVolumes::recover() {
    return call<std::vector<VolumeSeen>>(host_, "recover volumes", [&] {
        std::vector<VolumeSeen> all;
        for (const auto& [id, token] : host_.volumes) all.push_back({id, k_bytes_each, {}, false});
        return Result<std::vector<VolumeSeen>>(std::move(all));
    });
}

Status FakeVolumes::create(const Volume& volume) {
    return call<void>(host_, "create " + volume.id.text, [&]() -> Status {
        if (host_.volumes.contains(volume.id) && !broken.create_empties_volume) return {};
        host_.volumes[volume.id] = host_.fresh_token();
        host_.checkers.volume_created(volume.id, host_.volumes[volume.id]);
        return {};
    });
}

Result<VolumeSeen> FakeVolumes::inspect(const VolumeId& volume) {
    if (!host_.volumes.contains(volume)) {
        return fail(ErrorCode::not_found, "there is no volume " + volume.text);
    }
    return VolumeSeen{volume, k_bytes_each, {}, false};
}

Result<Bytes> FakeVolumes::to_trash(const VolumeId& volume, const TrashId& trash) {
    return call<Bytes>(host_, fmt::format("{} to {}", volume.text, trash.text),
                       [&]() -> Result<Bytes> {
                           const auto found = host_.volumes.find(volume);
                           if (found != host_.volumes.end()) {
                               host_.checkers.volume_taken(volume, host_.sandboxes);
                               host_.trash[trash].volumes[volume] = found->second;
                               host_.volumes.erase(found);
                           }
                           const auto there = host_.trash.find(trash);
                           if (there == host_.trash.end()) {
                               return fail(ErrorCode::not_found, "no volume " + volume.text);
                           }
                           return size_of(there->second);
                       });
}

Status FakeVolumes::from_trash(const TrashId& trash, const VolumeId& volume) {
    return call<void>(host_, fmt::format("{} from {}", volume.text, trash.text), [&]() -> Status {
        const auto found = host_.trash.find(trash);
        const bool lies_there =
            found != host_.trash.end() && found->second.volumes.contains(volume);
        const bool is_back = host_.volumes.contains(volume);
        if (is_back && lies_there)
            return fail(ErrorCode::exists, volume.text + " is there already");
        if (is_back) return {};
        if (!lies_there) {
            return fail(ErrorCode::not_found, trash.text + " does not hold " + volume.text);
        }
        host_.volumes[volume] = found->second.volumes.at(volume);
        found->second.volumes.erase(volume);
        if (size_of(found->second).count == 0) host_.trash.erase(found);
        return {};
    });
}

Status FakeVolumes::purge(const TrashId& trash) {
    return call<void>(host_, "purge " + trash.text, [&]() -> Status {
        const auto found = host_.trash.find(trash);
        host_.checkers.purging(trash, found == host_.trash.end() ? nullptr : &found->second);
        if (found != host_.trash.end()) host_.trash.erase(found);
        return {};
    });
}

Status FakeVolumes::extract(const TrashId& trash, const std::string& target) {
    const auto found = host_.trash.find(trash);
    if (found == host_.trash.end()) {
        return fail(ErrorCode::not_found, "nothing in the trash is called " + trash.text);
    }
    if (!host_.extracted.emplace(target, found->second.layer).second) {
        return fail(ErrorCode::exists, target + " is there already");
    }
    return {};
}

// ---- images -----------------------------------------------------------------------------------

Status FakeImages::recover() {
    return {};
}

// Users of the simulation bring finished images: their layers lie here before they deploy.
Result<BuildResult> FakeImages::build(const BuildRequest&, const ImageProgress&) {
    return fail(ErrorCode::refused, "nothing is built here");
}
Result<BuildResult> FakeImages::import(const ImportRequest&, const ImageProgress&) {
    return fail(ErrorCode::refused, "nothing is imported here");
}
Result<PlatformInfo> FakeImages::build_platform(const std::string&, const ImageProgress&) {
    return fail(ErrorCode::refused, "no platform is built here");
}
Result<std::vector<PlatformInfo>> FakeImages::platforms() {
    return std::vector<PlatformInfo>{};
}

Result<Bytes> FakeImages::to_trash(const std::vector<std::string>& layers, const TrashId& trash) {
    return call<Bytes>(host_, "layers to " + trash.text, [&]() -> Result<Bytes> {
        for (const auto& layer : layers) {
            host_.checkers.layer_taken(layer, host_.sandboxes);
            if (host_.image_layers.erase(layer) > 0) host_.trash[trash].image_layers.insert(layer);
            if (host_.faults.crash_step()) return Bytes{};
        }
        const auto there = host_.trash.find(trash);
        return there == host_.trash.end() ? Bytes{} : size_of(there->second);
    });
}

Status FakeImages::from_trash(const TrashId& trash) {
    return call<void>(host_, "layers from " + trash.text, [&]() -> Status {
        const auto found = host_.trash.find(trash);
        if (found == host_.trash.end()) return {};
        host_.image_layers.merge(found->second.image_layers);
        host_.trash.erase(found);
        return {};
    });
}

}  // namespace moln::sim
