#include "sim/checkers.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "model/limits.h"
#include "model/site.h"
#include "runtime/steady_clock.h"

namespace moln::sim {
namespace {

// How long after an unplanned death (and its back-off) a failed request is nobody's planned change.
constexpr Milliseconds k_excused_after_death = minutes(5);
// Until the edge has heard that an app which the user had stopped is wanted again.
constexpr Milliseconds k_excused_after_start = minutes(1);
constexpr Milliseconds k_excused_single_switch = minutes(3);
constexpr Milliseconds k_excused_after_edge_crash = minutes(1);

AppId app_of(const Command& command) {
    return std::visit(
        [](const auto& one) {
            if constexpr (requires { one.app; }) {
                return one.app;
            } else {
                return AppId();
            }
        },
        command);
}

bool is_scaled_to_zero(const App& app) {
    return std::ranges::any_of(app.scale, [](const auto& entry) { return entry.second == 0; });
}

}  // namespace

void Checkers::violated(Invariant invariant, std::string text) {
    story_.tell(fmt::format("VIOLATION of invariant {}: {}", static_cast<int>(invariant), text));
    if (!violation_) violation_ = {invariant, std::move(text)};
}

// ---- the store ------------------------------------------------------------------------------

void Checkers::committed(const StoreTxn& txn) {
    for (const auto& write : txn.writes) {
        if (write.key == k_leader_key || write.key.starts_with("idempotency/")) continue;
        if (write.value) {
            const auto change = change_from_store(write.key, *write.value);
            if (!change) {
                violated(Invariant::acknowledged_is_kept, change.error().reason);
                continue;
            }
            if (const auto* put = std::get_if<PutTrash>(&*change)) note_dropped(put->item);
            if (const auto* put = std::get_if<PutRelease>(&*change)) {
                const auto& release = put->release;
                if (release.description.starts_with("deploy #")) {
                    const auto [made, fresh] =
                        deploys_.emplace(release.description, release.number);
                    if (!fresh && made->second != release.number) {
                        violated(Invariant::acknowledged_is_kept,
                                 fmt::format("{} made releases {} and {}", release.description,
                                             made->second, release.number));
                    }
                }
            }
            if (const auto* put = std::get_if<PutApp>(&*change)) {
                // Serves for the first time: the edge is about to hear of it.
                const auto before = durable_.apps.find(put->app.id);
                const bool served =
                    before != durable_.apps.end() && before->second.release_served != 0;
                if (!served) excuse(put->app.id, k_excused_after_start);
                // Requests of a single writer are held for a minute while it is switched: longer
                // than that it takes only when calls fail or the daemon dies on the way.
                const bool switches = put->app.rollout.state == RolloutState::switching;
                if (host_fails && switches && is_single_writer(put->app.id)) {
                    excuse(put->app.id, k_excused_single_switch);
                }
            }
            apply(durable_, *change);
            continue;
        }
        // What a deletion deletes is told by its key alone.
        const auto slash = write.key.find('/');
        const auto kind = write.key.substr(0, slash);
        const auto name = write.key.substr(slash + 1);
        if (kind == "app") apply(durable_, DeleteApp{AppId(name)});
        if (kind == "instance") apply(durable_, DeleteInstance{InstanceId(name)});
        if (kind == "volume") apply(durable_, DeleteVolume{VolumeId(name)});
        if (kind == "trash") apply(durable_, DeleteTrash{TrashId(name)});
        if (kind == "event") apply(durable_, DeleteEvent{std::stoll(name)});
        if (kind == "release") {
            const auto last = name.rfind('/');
            apply(durable_,
                  DeleteRelease{AppId(name.substr(0, last)), std::stoll(name.substr(last + 1))});
        }
    }
}

// ---- the machine ----------------------------------------------------------------------------

void Checkers::starting(const HostSandbox& box, const std::map<InstanceId, HostSandbox>& all) {
    signalled_.erase(box.spec.instance);
    for (const auto& mount : box.spec.mounts) {
        if (mount.sharing != Sharing::exclusive) continue;
        for (const auto& [id, other] : all) {
            if (id == box.spec.instance || other.phase != InstancePhase::running) continue;
            const bool shares = std::ranges::any_of(
                other.spec.mounts,
                [&](const SandboxMount& theirs) { return theirs.volume == mount.volume; });
            if (shares) {
                violated(Invariant::one_writer,
                         fmt::format("{} starts on {} while {} runs on it", box.spec.instance.text,
                                     mount.volume.text, id.text));
            }
        }
    }
}

bool Checkers::has_drain_limit(const Instance& instance) const {
    const auto releases = durable_.releases.find(instance.app);
    if (releases == durable_.releases.end()) return false;
    const auto release = releases->second.find(instance.release);
    return release != releases->second.end() && release->second.config.drain.limit.has_value();
}

bool Checkers::may_stop_without_replacement(const Instance& instance, const App& app) const {
    if (app.run != AppRun::running || is_excused(app.id)) return true;
    const auto releases = durable_.releases.find(app.id);
    if (releases == durable_.releases.end()) return true;
    const auto release = releases->second.find(app.release);
    if (release == releases->second.end()) return true;
    const auto process = release->second.config.processes.find(instance.process);
    if (process == release->second.config.processes.end()) return true;  // wanted no more
    const auto scaled = app.scale.find(instance.process);
    const auto wanted = scaled == app.scale.end() ? process->second.instances : scaled->second;
    if (wanted == 0) return true;
    // A single writer hands its volume over: it must stop first, and requests are held meanwhile.
    return std::ranges::any_of(instance.volumes, [&](const VolumeId& id) {
        const auto volume = durable_.volumes.find(id);
        return volume != durable_.volumes.end() && volume->second.sharing == Sharing::exclusive &&
               volume->second.lifetime != Lifetime::instance;
    });
}

void Checkers::stopping(const HostSandbox& box, How how) {
    const auto& id = box.spec.instance;
    signalled_.insert(id);
    const auto found = durable_.instances.find(id);
    if (found == durable_.instances.end()) {
        return violated(Invariant::recovers_exactly,
                        id.text + " is stopped although no record of it exists");
    }
    const auto& instance = found->second;
    const bool asked = how == How::kill ? instance.goal == InstanceGoal::kill
                                        : instance.goal == InstanceGoal::stop ||
                                              instance.goal == InstanceGoal::kill;
    if (!asked) {
        violated(Invariant::replaced_before_stopped,
                 fmt::format("{} is stopped although its goal is {}", id.text,
                             enum_word(instance.goal)));
    }
    if (!instance.in_edge || stop_asked_.contains(id)) return;
    // A drain limit also holds when the edge cannot be reached.
    if (!drained_.contains(id) && !has_drain_limit(instance) && !is_excused(instance.app)) {
        violated(Invariant::replaced_before_stopped,
                 id.text + " is stopped before the edge has acknowledged that it drains");
    }
    if (const auto open = open_on(id); open > 0 && !has_drain_limit(instance)) {
        violated(Invariant::replaced_before_stopped,
                 fmt::format("{} is stopped with {} requests open", id.text, open));
    }
    const auto app = durable_.apps.find(instance.app);
    if (app == durable_.apps.end() || may_stop_without_replacement(instance, app->second)) return;
    if (serving(instance.app, instance.process) == 0) {
        violated(Invariant::replaced_before_stopped,
                 id.text + " is stopped while nobody else serves its app");
    }
}

void Checkers::ended(const HostSandbox& box, bool unplanned) {
    const auto found = durable_.instances.find(box.spec.instance);
    if (!unplanned || found == durable_.instances.end()) return;
    // While a single writer is switched nobody else could have taken its place.
    const bool single = std::ranges::any_of(box.spec.mounts, [](const SandboxMount& mount) {
        return mount.sharing == Sharing::exclusive;
    });
    if (found->second.in_edge || single) excuse(found->second.app, k_excused_after_death);
}

void Checkers::volume_created(const VolumeId& volume, const std::string& bytes) {
    if (!bytes_.emplace(volume, bytes).second) {
        violated(Invariant::data_dies_by_its_own_removal,
                 volume.text + " is made empty although it held data");
    }
}

void Checkers::volume_taken(const VolumeId& volume, const std::map<InstanceId, HostSandbox>& all) {
    for (const auto& [id, box] : all) {
        if (box.phase != InstancePhase::running) continue;
        const bool mounts = std::ranges::any_of(
            box.spec.mounts, [&](const SandboxMount& mount) { return mount.volume == volume; });
        if (mounts) {
            violated(Invariant::data_dies_by_its_own_removal,
                     fmt::format("{} goes to the trash while {} runs on it", volume.text, id.text));
        }
    }
}

void Checkers::layer_taken(const std::string& layer, const std::map<InstanceId, HostSandbox>& all) {
    for (const auto& [id, box] : all) {
        const auto& layers = box.spec.image.layers;
        if (box.phase == InstancePhase::running && std::ranges::count(layers, layer) > 0) {
            violated(Invariant::data_dies_by_its_own_removal,
                     fmt::format("layer {} goes to the trash while {} runs on it", layer, id.text));
        }
    }
    for (const auto& [id, app] : durable_.apps) {
        const auto releases = durable_.releases.find(id);
        if (releases == durable_.releases.end()) continue;
        const auto release = releases->second.find(app.release_served);
        if (release == releases->second.end()) continue;
        if (site_among(release->second.image.layers) == layer) {
            violated(
                Invariant::data_dies_by_its_own_removal,
                fmt::format("{} goes to the trash while {} is served from it", layer, id.text));
        }
    }
}

void Checkers::note_dropped(const TrashItem& item) {
    const auto* content = item.content.if_object();
    const bool names_release = content != nullptr && content->contains("release");
    dropped_.try_emplace(item.id, Dropped{timeline_.now().mono, lives_,
                                          item.kind == TrashKind::image && !names_release});
}

// By a clock that nobody sets. Of each time without a daemon a day may have been counted too many.
bool Checkers::has_waited(const TrashId& trash) const {
    const auto found = dropped_.find(trash);
    if (found == dropped_.end()) return false;
    const auto& [at, life, leftovers] = found->second;
    const auto counted_at_most =
        timeline_.now().mono - at + k_absence_counted_max * (lives_ - life);
    return leftovers || counted_at_most >= k_trash_age_default;
}

void Checkers::purging(const TrashId& trash, const HostTrash* bytes) {
    const auto found = durable_.trash.find(trash);
    // Destroyed by its removal (asked, or its time is over) and by nothing else. A record that is
    // gone already was purged before: then there must be nothing left to destroy.
    const bool recorded = found != durable_.trash.end() && found->second.purging &&
                          (has_waited(trash) || purge_asked_.contains(trash));
    if (!recorded && bytes != nullptr) {
        violated(Invariant::data_dies_by_its_own_removal,
                 trash.text + " is destroyed although nobody asked and its time is not over");
    }
    if (bytes == nullptr) return;
    for (const auto& [volume, token] : bytes->volumes) bytes_.erase(volume);
}

// ---- the edge -------------------------------------------------------------------------------

void Checkers::edge_applied(const std::vector<const EdgeSnapshot*>& snapshots) {
    std::set<InstanceId> named;
    for (const auto* snapshot : snapshots) {
        for (const auto& app : snapshot->apps) {
            for (const auto& endpoint : app.endpoints) {
                if (endpoint.state != EndpointState::draining) named.insert(endpoint.instance);
            }
        }
    }
    drained_.clear();
    for (const auto& [id, instance] : durable_.instances) {
        if (!named.contains(id)) drained_.insert(id);
    }
}

void Checkers::request_sent(const InstanceId& instance) {
    if (signalled_.contains(instance) || drained_.contains(instance)) {
        violated(Invariant::drained_gets_nothing_new,
                 instance.text + " gets a new request although it is drained");
    }
}

void Checkers::request_failed(const AppId& app, const InstanceId& instance,
                              const std::string& why) {
    const auto found = durable_.apps.find(app);
    const auto holder = durable_.instances.find(instance);
    const bool user_stopped = found == durable_.apps.end() ||
                              found->second.run != AppRun::running ||
                              found->second.release_served == 0 || stop_asked_.contains(instance) ||
                              is_scaled_to_zero(found->second) || serves_badly(found->second);
    const bool limited = holder != durable_.instances.end() && has_drain_limit(holder->second) &&
                         holder->second.goal != InstanceGoal::run;
    if (user_stopped || limited || is_excused(app)) {
        ++failures_excused_;
        return;
    }
    violated(Invariant::no_request_fails,
             fmt::format("a request to {} failed ({} {})", app.text, instance.text, why));
}

void Checkers::edge_crashed() {
    all_excused_until_ = timeline_.now().mono + k_excused_after_edge_crash;
}

bool Checkers::is_single_writer(const AppId& app) const {
    return std::ranges::any_of(durable_.volumes, [&](const auto& entry) {
        const auto& volume = entry.second;
        return volume.app == app && volume.sharing == Sharing::exclusive &&
               volume.lifetime != Lifetime::instance;
    });
}

// A release that was settled while none of it ran (scaled to nothing) was never proved.
bool Checkers::serves_badly(const App& app) const {
    const auto releases = durable_.releases.find(app.id);
    if (releases == durable_.releases.end()) return true;
    const auto served = releases->second.find(app.release_served);
    if (served == releases->second.end()) return true;
    const auto& digest = served->second.image.digest;
    return digest.starts_with("deaf") || digest.starts_with("exiting");
}

bool Checkers::is_excused(const AppId& app) const {
    const auto now = timeline_.now().mono;
    if (now < all_excused_until_) return true;
    const auto until = excused_until_.find(app);
    return until != excused_until_.end() && now < until->second;
}

void Checkers::excuse(const AppId& app, Milliseconds span) {
    auto& until = excused_until_[app];
    until = std::max(until, timeline_.now().mono + span);
}

// ---- the users ------------------------------------------------------------------------------

void Checkers::asked(const Command& command) {
    if (const auto* remove = std::get_if<RemoveAppCommand>(&command)) {
        removal_asked_.insert(remove->app);
    } else if (const auto* purge = std::get_if<PurgeCommand>(&command)) {
        purge_asked_.insert(purge->trash);
    } else if (const auto* stop = std::get_if<StopInstanceCommand>(&command)) {
        const auto found = durable_.instances.find(stop->instance);
        if (stop->now) stop_asked_.insert(stop->instance);
        if (stop->now && found != durable_.instances.end()) {
            excuse(found->second.app, k_excused_after_death);
        }
    } else if (const auto* start = std::get_if<StartCommand>(&command)) {
        excuse(start->app, k_excused_after_start);
    } else if (const auto* scale = std::get_if<ScaleCommand>(&command)) {
        excuse(scale->app, k_excused_after_start);
    } else if (const auto* deploy = std::get_if<DeployCommand>(&command)) {
        // Requests of a single writer are held while it is switched; a release that does not come
        // up may outlast any holding.
        const bool single = std::ranges::any_of(deploy->config.volumes, [](const VolumeSpec& spec) {
            return spec.sharing == Sharing::exclusive;
        });
        const bool good =
            deploy->image.digest.starts_with("good") || deploy->image.digest.starts_with("slow");
        if (single && !good) excuse(deploy->app, minutes(20));
    }
}

void Checkers::acknowledged(const Command& command, const CommandReply& reply) {
    const auto app = app_of(command);
    if (app.empty() || std::holds_alternative<RemoveAppCommand>(command)) return;
    auto& generation = acknowledged_[app];
    generation = std::max(generation, reply.generation);
    if (const auto* deploy = std::get_if<DeployCommand>(&command)) {
        if (!deploys_.contains(deploy->description)) {
            violated(Invariant::acknowledged_is_kept,
                     deploy->description + " was acknowledged but is not in the store");
        }
    }
    check_kept();
}

void Checkers::check_kept() {
    for (const auto& [app, generation] : acknowledged_) {
        if (removal_asked_.contains(app)) continue;
        const auto found = durable_.apps.find(app);
        if (found == durable_.apps.end() || found->second.generation < generation) {
            violated(Invariant::acknowledged_is_kept,
                     fmt::format("{} was acknowledged at generation {} and is not there", app.text,
                                 generation));
        }
    }
}

// ---- when nothing is under way --------------------------------------------------------------

void Checkers::quiet(const World& memory, const Host& host) {
    check_kept();
    if (memory.apps != durable_.apps || memory.instances != durable_.instances ||
        memory.volumes != durable_.volumes || memory.trash != durable_.trash ||
        memory.releases != durable_.releases) {
        violated(Invariant::recovers_exactly, "the leader's World differs from the store");
    }
    for (const auto& [id, box] : host.sandboxes) {
        const auto instance = durable_.instances.find(id);
        if (instance == durable_.instances.end()) {
            violated(Invariant::recovers_exactly, id.text + " is on the machine without a record");
        } else if (instance->second.goal == InstanceGoal::remove) {
            violated(Invariant::recovers_exactly, id.text + " was to be removed and is there");
        }
    }
    for (const auto& [id, instance] : durable_.instances) {
        const auto box = host.sandboxes.find(id);
        if (instance.goal == InstanceGoal::run && box == host.sandboxes.end()) {
            violated(Invariant::recovers_exactly, id.text + " is wanted and not on the machine");
        }
    }
    check_bytes(host);
}

void Checkers::check_bytes(const Host& host) {
    const auto lost = [this](const std::string& what) {
        violated(Invariant::data_dies_by_its_own_removal, what);
    };
    for (const auto& [id, volume] : durable_.volumes) {
        const auto there = host.volumes.find(id);
        if (there == host.volumes.end()) {
            lost(id.text + " has a record but no bytes");
        } else if (there->second != bytes_[id]) {
            lost(id.text + " holds other bytes than were written to it");
        }
    }
    for (const auto& [id, bytes] : host.volumes) {
        if (!durable_.volumes.contains(id)) {
            violated(Invariant::recovers_exactly, id.text + " lies there without a record");
        }
    }
    for (const auto& [id, bytes] : host.trash) {
        if (!durable_.trash.contains(id)) {
            violated(Invariant::recovers_exactly, id.text + " lies in the trash without a record");
        }
    }
    for (const auto& [id, item] : durable_.trash) {
        if (item.kind == TrashKind::app || item.size.count == 0) continue;
        if (!host.trash.contains(id)) lost(id.text + " is in no trash");
    }
}

void Checkers::at_end(bool has_converged, const std::string& why) {
    if (!has_converged) violated(Invariant::converges, why);
}

}  // namespace moln::sim
