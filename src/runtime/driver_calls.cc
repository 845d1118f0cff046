#include "runtime/driver_calls.h"

#include <variant>

#include "base/check.h"

namespace moln {
namespace {

node::Outcome with_sight(Sandboxes& sandboxes, const InstanceId& instance, Status status) {
    node::Outcome outcome;
    outcome.status = std::move(status);
    // Without a sight the next action is another look; that this one failed undoes nothing.
    if (auto seen = sandboxes.inspect(instance)) outcome.sight = sight_of(*seen);
    return outcome;
}

node::Outcome from(Status status) {
    return {std::move(status), {}, {}};
}

node::Outcome from(const Result<Bytes>& bytes) {
    if (!bytes) return {fail(bytes.error()), {}, {}};
    return {{}, {}, *bytes};
}

struct Run {
    const DriverCall& to;

    node::Outcome operator()(const node::CreateVolume& a) const {
        return from(to.volumes.create(a.volume));
    }
    node::Outcome operator()(const node::RestoreVolume& a) const {
        return from(to.volumes.from_trash(a.trash, a.volume));
    }
    node::Outcome operator()(const node::TrashVolume& a) const {
        const auto bytes = to.volumes.to_trash(a.volume, a.trash);
        // Dropped before it could be made: its record waits in the trash without bytes.
        if (!bytes && bytes.error().code == ErrorCode::not_found) return from(Bytes{});
        return from(bytes);
    }
    node::Outcome operator()(const node::TrashImage& a) const {
        return from(to.images.to_trash(a.layers, a.trash));
    }
    node::Outcome operator()(const node::RestoreImage& a) const {
        return from(to.images.from_trash(a.trash));
    }
    node::Outcome operator()(const node::PurgeTrash& a) const {
        return from(to.volumes.purge(a.trash));
    }
    node::Outcome operator()(const node::Inspect& a) const {
        auto seen = to.sandboxes.inspect(a.instance);
        if (!seen) return from(Status(fail(seen.error())));
        return {{}, sight_of(*seen), {}};
    }
    node::Outcome operator()(const node::Start& a) const {
        return with_sight(to.sandboxes, a.instance, to.sandboxes.start(a.instance));
    }
    node::Outcome operator()(const node::Signal& a) const {
        return with_sight(to.sandboxes, a.instance, to.sandboxes.signal(a.instance, a.signal));
    }
    node::Outcome operator()(const node::Kill& a) const {
        return with_sight(to.sandboxes, a.instance, to.sandboxes.kill(a.instance));
    }
    node::Outcome operator()(const node::Remove& a) const {
        auto outcome = from(remove_with_volumes(a));
        if (outcome.status) {
            outcome.sight = node::Sight{};
            outcome.sight->instance = a.instance;
        } else if (auto seen = to.sandboxes.inspect(a.instance)) {
            outcome.sight = sight_of(*seen);
        }
        return outcome;
    }
    // The sandbox first: it has the volumes mounted. Then it is asked once more, since only then
    // all that the trash holds of it is there to be measured.
    Result<Bytes> remove_with_volumes(const node::Remove& a) const {
        auto bytes = to.sandboxes.remove(a.instance, a.trash);
        if (!bytes || a.volumes.empty()) return bytes;
        for (const auto& volume : a.volumes) {
            const auto moved = to.volumes.to_trash(volume, a.trash);
            // An instance that never came to be may have no bytes.
            if (!moved && moved.error().code != ErrorCode::not_found) return fail(moved.error());
        }
        return to.sandboxes.remove(a.instance, a.trash);
    }
    // Has a function of its own, for its secrets: prepare_sandbox().
    node::Outcome operator()(const node::Prepare&) const { CHECK(false); }
};

}  // namespace

node::Sight sight_of(const SandboxSeen& seen) {
    return {seen.instance, seen.generation, seen.phase, seen.address,
            seen.pid,      seen.started,    seen.exit,  seen.signalled};
}

Result<SandboxSpec> sandbox_spec(const node::InstanceWork& work, HostServices& host) {
    SandboxSpec spec;
    spec.instance = work.instance.id;
    spec.app = work.instance.app;
    spec.generation = work.instance.generation;
    spec.image = work.image;
    spec.command = work.command;
    spec.env = work.env;
    for (const auto& [name, sealed] : work.secrets) {
        auto secret = host.unseal(work.instance.app, name, sealed);
        if (!secret) return fail_in("secret " + name, secret.error());
        spec.secret_env.emplace(name, std::move(*secret));
    }
    spec.workdir = work.workdir;
    spec.user = work.user;
    spec.hostname = work.instance.id.text;
    spec.uid_base = work.uid_base;
    spec.memory = work.memory;
    spec.cpu_millis = work.cpu_millis;
    spec.pids = work.pids;
    spec.network = work.network;
    spec.address_slot = work.instance.address_slot;
    for (const auto& mount : work.mounts) {
        spec.mounts.push_back({mount.volume, mount.path, mount.sharing});
    }
    spec.terminal = work.instance.terminal;
    spec.open_input = work.instance.kind == InstanceKind::run && !spec.terminal;
    return spec;
}

node::Outcome prepare_sandbox(Sandboxes& sandboxes, const InstanceId& instance,
                              const Result<SandboxSpec>& spec) {
    auto status = spec ? sandboxes.prepare(*spec) : Status(fail(spec.error()));
    return with_sight(sandboxes, instance, std::move(status));
}

node::Outcome DriverCall::run(const node::Action& action) const {
    return std::visit(Run{*this}, action);
}

}  // namespace moln
