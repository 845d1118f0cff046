#include "node/assignment.h"

#include <algorithm>

#include <fmt/format.h>

namespace moln::node {
namespace {

const Release* release_of(const World& world, const Instance& instance) {
    const auto app = world.releases.find(instance.app);
    if (app == world.releases.end()) return nullptr;
    const auto release = app->second.find(instance.release);
    return release == app->second.end() ? nullptr : &release->second;
}

// "project/name" begins with its project.
std::uint32_t network_of(const World& world, const AppId& app) {
    const auto project = world.projects.find(ProjectId(app.text.substr(0, app.text.find('/'))));
    return project == world.projects.end() ? 0
                                           : static_cast<std::uint32_t>(project->second.network);
}

std::vector<Mount> mounts_of(const World& world, const Instance& instance,
                             const AppConfig& config) {
    std::vector<Mount> mounts;
    for (const auto& id : instance.volumes) {
        const auto volume = world.volumes.find(id);
        if (volume == world.volumes.end()) continue;
        const auto spec = std::find_if(
            config.volumes.begin(), config.volumes.end(),
            [&](const VolumeSpec& candidate) { return candidate.name == volume->second.name; });
        if (spec == config.volumes.end()) continue;
        mounts.push_back({id, spec->path, volume->second.sharing, volume->second.lifetime});
    }
    return mounts;
}

void fill_environment(InstanceWork& work, const ProcessSpec& process) {
    const auto& instance = work.instance;
    work.env["MOLN_APP"] = instance.app.text;
    work.env["MOLN_PROCESS"] = instance.process;
    work.env["MOLN_INSTANCE"] = instance.id.text;
    work.env["MOLN_RELEASE"] = std::to_string(instance.release);
    if (process.kind == ProcessKind::web) work.env["PORT"] = std::to_string(process.port);
}

InstanceWork resolve(const World& world, const Instance& instance) {
    InstanceWork work;
    work.instance = instance;
    work.network = network_of(world, instance.app);
    const auto* release = release_of(world, instance);
    if (release == nullptr) {
        work.problem = fmt::format("release {} of {} is gone", instance.release, instance.app.text);
        return work;
    }
    const auto& config = release->config;
    work.image = release->image;
    work.env = config.env;
    work.secrets = release->secrets;
    work.workdir = config.workdir;
    work.user = config.user;
    work.stop_signal = config.stop_signal;
    work.mounts = mounts_of(world, instance, config);
    if (const auto app = world.apps.find(instance.app); app != world.apps.end()) {
        work.uid_base = app->second.uid_base;
    }
    // A one-off may be of a process that the release lacks: then the defaults hold.
    const auto process = config.processes.find(instance.process);
    const ProcessSpec spec = process == config.processes.end() ? ProcessSpec{} : process->second;
    work.command = instance.command.empty() ? spec.command : instance.command;
    work.memory = spec.memory;
    work.cpu_millis = spec.cpu_millis;
    work.pids = spec.pids;
    fill_environment(work, spec);
    return work;
}

std::vector<std::string> layers_of(const TrashItem& item) {
    std::vector<std::string> layers;
    const auto* content = item.content.if_object();
    const auto* listed = content == nullptr ? nullptr : content->if_contains("layers");
    if (listed != nullptr && listed->is_array()) {
        for (const auto& layer : listed->get_array()) {
            if (layer.is_string()) layers.emplace_back(layer.get_string());
        }
    }
    if (layers.empty()) layers.push_back(item.subject);
    return layers;
}

}  // namespace

Assignment assign(const World& world, const NodeId& node, const Assignment& previous) {
    Assignment next;
    next.epoch = world.epoch;
    next.version = previous.version + 1;
    for (const auto& [id, instance] : world.instances) {
        if (instance.node != node) continue;
        const auto before = previous.instances.find(id);
        if (before != previous.instances.end() && before->second->instance == instance) {
            next.instances.emplace(id, before->second);
        } else {
            next.instances.emplace(id,
                                   std::make_shared<const InstanceWork>(resolve(world, instance)));
        }
    }
    for (const auto& [id, volume] : world.volumes) {
        if (volume.node == node) next.volumes.emplace(id, volume);
    }
    for (const auto& [id, item] : world.trash) {
        if (item.node != node) continue;
        TrashWork work{item.kind, item.subject, {}, item.purging, item.settled, item.restoring};
        if (item.kind == TrashKind::image) work.layers = layers_of(item);
        next.trash.emplace(id, std::move(work));
    }
    return next;
}

}  // namespace moln::node
