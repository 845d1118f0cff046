#include "node/plan.h"

#include <set>

namespace moln::node {
namespace {

class Planner {
public:
    Planner(const Assignment& assignment, const State& state, MonoTime now)
        : assignment_(assignment), state_(state), now_(now) {
        for (const auto& [id, volume] : assignment.volumes) {
            if (!volume.restored_from.empty()) restoring_.insert(volume.restored_from);
        }
        for (const auto& [id, work] : assignment.instances) {
            claim(id, *work);
        }
    }

    Plan run() {
        for (const auto& [id, volume] : assignment_.volumes) {
            settle_volume(volume);
        }
        for (const auto& [id, work] : assignment_.trash) {
            settle_trash(id, work);
        }
        for (const auto& [id, work] : assignment_.instances) {
            step(work);
        }
        return std::move(plan_);
    }

private:
    const SandboxState& sandbox(const InstanceId& id) const {
        static const SandboxState k_unknown;
        const auto found = state_.sandboxes.find(id);
        return found == state_.sandboxes.end() ? k_unknown : found->second;
    }
    const VolumeState& volume(const VolumeId& id) const {
        static const VolumeState k_unknown;
        const auto found = state_.volumes.find(id);
        return found == state_.volumes.end() ? k_unknown : found->second;
    }
    const TrashState& trash(const TrashId& id) const {
        static const TrashState k_unknown;
        const auto found = state_.trash.find(id);
        return found == state_.trash.end() ? k_unknown : found->second;
    }

    // Who may be using which volume: running, or unknown until an action or a look has ended.
    void claim(const InstanceId& id, const InstanceWork& work) {
        const auto& box = sandbox(id);
        const bool there = box.sight.phase != InstancePhase::absent || box.busy;
        const bool may_run = box.sight.phase == InstancePhase::running || box.busy || box.stale;
        for (const auto& mount : work.mounts) {
            if (there) mounted_.insert(mount.volume);
            if (may_run && mount.sharing == Sharing::exclusive) users_[mount.volume].insert(id);
        }
    }

    bool waits(const Backoff& backoff) {
        if (!backoff.waits(now_)) return false;
        if (!plan_.wake || backoff.until < *plan_.wake) plan_.wake = backoff.until;
        return true;
    }

    // Its bytes leave with the instance's writable layer: made anew it would be nobody's.
    bool goes_with_its_instance(const Volume& wanted) const {
        const auto owner = assignment_.instances.find(wanted.instance);
        return owner != assignment_.instances.end() &&
               owner->second->instance.goal == InstanceGoal::remove;
    }

    void settle_volume(const Volume& wanted) {
        const auto& seen = volume(wanted.id);
        if (seen.settled || seen.busy || goes_with_its_instance(wanted) || waits(seen.trouble)) {
            return;
        }
        if (wanted.restored_from.empty()) {
            plan_.actions.emplace_back(CreateVolume{wanted});
        } else if (!trash(wanted.restored_from).busy) {
            plan_.actions.emplace_back(RestoreVolume{wanted.id, wanted.restored_from});
        }
    }

    void settle_trash(const TrashId& id, const TrashWork& work) {
        const auto& seen = trash(id);
        if (seen.busy || restoring_.contains(id) || waits(seen.trouble)) return;
        if (work.purging) {
            if (!seen.purged) plan_.actions.emplace_back(PurgeTrash{id});
            return;
        }
        if (work.restoring) {
            if (!seen.restored) plan_.actions.emplace_back(RestoreImage{id});
            return;
        }
        if (seen.settled || work.settled) return;
        if (work.kind == TrashKind::image) {
            plan_.actions.emplace_back(TrashImage{work.layers, id});
        } else if (work.kind == TrashKind::volume) {
            const VolumeId subject(work.subject);
            // Its record came back meanwhile, a sandbox has it mounted, or it is being made.
            if (assignment_.volumes.contains(subject) || mounted_.contains(subject) ||
                volume(subject).busy) {
                return;
            }
            plan_.actions.emplace_back(TrashVolume{subject, id});
        }
    }

    void step(const std::shared_ptr<const InstanceWork>& work) {
        const auto& id = work->instance.id;
        const auto& box = sandbox(id);
        if (box.busy) return;
        if (box.stale) {
            if (!waits(box.trouble)) plan_.actions.emplace_back(Inspect{id});
            return;
        }
        const bool runs = box.sight.phase == InstancePhase::running;
        switch (work->instance.goal) {
            case InstanceGoal::prepare: return make(work, box);
            case InstanceGoal::run: return keep_running(work, box);
            case InstanceGoal::drain: return;
            case InstanceGoal::stop:
                if (runs && !box.sight.signalled && box.signalled_for == 0) stop(*work, box);
                return;
            case InstanceGoal::kill:
                if (runs && !waits(box.trouble)) plan_.actions.emplace_back(Kill{id});
                return;
            case InstanceGoal::remove: return remove(*work, box);
        }
    }

    // One that was prepared ahead gets its exclusive volumes only when it is to run: it is prepared
    // again for that, before its first start.
    static bool is_to_be_made(const InstanceWork& work, const SandboxState& box) {
        if (box.sight.phase == InstancePhase::absent) return true;
        return box.sight.phase == InstancePhase::prepared &&
               work.instance.goal == InstanceGoal::run &&
               box.sight.generation != work.instance.generation;
    }

    void make(const std::shared_ptr<const InstanceWork>& work, const SandboxState& box) {
        if (!is_to_be_made(*work, box) || !work->problem.empty()) return;
        for (const auto& mount : work->mounts) {
            if (!volume(mount.volume).settled) return;
        }
        if (!waits(box.trouble)) plan_.actions.emplace_back(Prepare{work});
    }

    void keep_running(const std::shared_ptr<const InstanceWork>& work, const SandboxState& box) {
        const auto& id = work->instance.id;
        if (is_to_be_made(*work, box)) return make(work, box);
        if (box.sight.phase == InstancePhase::running) return;
        if (box.sight.phase == InstancePhase::ended) {
            // A run of cron and a one-off end when their work is done.
            if (work->instance.kind != InstanceKind::service) return;
            if (waits(box.restart)) return;
        }
        if (waits(box.trouble)) return;
        for (const auto& mount : work->mounts) {
            if (mount.sharing != Sharing::exclusive) continue;
            const auto& users = users_[mount.volume];
            if (users.size() > 1 || (users.size() == 1 && !users.contains(id))) return;
        }
        claim_for_start(*work);
        plan_.actions.emplace_back(Start{id});
    }

    void claim_for_start(const InstanceWork& work) {
        for (const auto& mount : work.mounts) {
            if (mount.sharing == Sharing::exclusive) {
                users_[mount.volume].insert(work.instance.id);
            }
        }
    }

    void stop(const InstanceWork& work, const SandboxState& box) {
        if (waits(box.trouble)) return;
        plan_.actions.emplace_back(
            Signal{work.instance.id, work.stop_signal, work.instance.generation});
    }

    void remove(const InstanceWork& work, const SandboxState& box) {
        if (box.removed_to == work.instance.trash || waits(box.trouble)) return;
        // The volumes of its own lifetime go with it: not while one is being made.
        for (const auto& mount : work.mounts) {
            if (volume(mount.volume).busy) return;
        }
        if (box.sight.phase == InstancePhase::running) {
            plan_.actions.emplace_back(Kill{work.instance.id});
        } else if (work.instance.trash.empty() || !trash(work.instance.trash).busy) {
            // Also when nothing seems to be there: a removal that a crash cut short is finished by
            // repeating it, and only its answer tells what lies in the trash.
            Remove action{work.instance.id, work.instance.trash};
            for (const auto& mount : work.mounts) {
                if (mount.lifetime == Lifetime::instance) action.volumes.push_back(mount.volume);
            }
            plan_.actions.emplace_back(std::move(action));
        }
    }

    const Assignment& assignment_;
    const State& state_;
    MonoTime now_;
    Plan plan_;
    std::set<TrashId> restoring_;
    std::set<VolumeId> mounted_;
    std::map<VolumeId, std::set<InstanceId>> users_;
};

}  // namespace

Plan plan(const Assignment& assignment, const State& state, MonoTime now) {
    return Planner(assignment, state, now).run();
}

}  // namespace moln::node
