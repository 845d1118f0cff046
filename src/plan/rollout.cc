#include "plan/rollout.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <fmt/format.h>

#include "plan/canary.h"
#include "plan/drain.h"
#include "plan/explain.h"
#include "plan/judge.h"
#include "plan/volumes.h"

namespace moln::plan {
namespace {

struct ProcessState {
    const ProcessSpec* spec = nullptr;  // null: the wanted release has no such process
    std::int64_t wanted = 0;
    std::vector<std::size_t> current;  // places in AppScope::members
    std::vector<std::size_t> outdated;
    bool ready = false;    // all wanted instances are there and proved
    bool waiting = false;  // as `ready`, but for instances that wait for an exclusive volume
};

class Roll {
public:
    Roll(Draft& draft, const Sight& sight, AppScope& scope, AddressSlots& slots)
        : draft_(draft), sight_(sight), scope_(scope), slots_(slots) {}

    void step() {
        if (scope_.wanted == nullptr) return;
        sort_members();
        if (is_switching() && fail_if_hopeless()) return;
        drop_overtaken();
        for (auto& [name, process] : processes_) {
            make_missing(*scope_.wanted, name, process);
            drop_surplus(process);
            judge(process);
        }
        if (is_canary()) keep_serving();
        advance_hand_overs();
        activate_and_replace();
    }

private:
    bool is_switching() const {
        const auto state = scope_.app->rollout.state;
        return state == RolloutState::switching || state == RolloutState::canary;
    }
    bool is_canary() const { return is_switching() && has_canary(*scope_.app); }
    Member& member(std::size_t place) { return scope_.members[place]; }

    void sort_members() {
        for (const auto& [name, spec] : scope_.wanted->config.processes) {
            if (spec.kind == ProcessKind::cron) continue;
            auto& process = processes_[name];
            process.spec = &spec;
            process.wanted = wanted_count(*scope_.app, scope_.wanted->config, name);
            // A canary is there for requests: work of other kinds stays with what serves.
            if (is_canary() && spec.kind != ProcessKind::web) process.wanted = 0;
        }
        for (std::size_t i = 0; i < scope_.members.size(); ++i) {
            const auto& one = scope_.members[i];
            if (!lives(one) || one.instance->kind != InstanceKind::service) continue;
            auto& process = processes_[one.instance->process];
            const bool current = process.spec != nullptr && is_current(scope_, one);
            (current ? process.current : process.outdated).push_back(i);
        }
    }

    // ---- a release that does not come up --------------------------------------------------

    bool fail_if_hopeless() {
        for (const auto& [name, process] : processes_) {
            for (const auto place : process.current) {
                const auto& one = member(place);
                // What served before it became wanted again has nothing to prove.
                const bool proved = one.instance->in_edge && !is_canary();
                if (proved || one.instance->created < scope_.app->rollout.began) {
                    continue;
                }
                const auto verdict = judge_start(sight_, one, *process.spec,
                                                 scope_.wanted->config.health, draft_.now());
                if (verdict.failed) return fail_rollout(*verdict.failed, one);
                if (verdict.look_again) draft_.wake_in(*verdict.look_again);
            }
        }
        return false;
    }

    // The instances of the release before that still run, if there is something to go back to.
    const Instance* fallback() const {
        const Instance* newest = nullptr;
        for (const auto& [name, process] : processes_) {
            for (const auto place : process.outdated) {
                const auto* instance = scope_.members[place].instance;
                // Below 0: one that the user stopped, to be replaced in any case.
                if (instance->release != scope_.app->release_served ||
                    instance->restart_count < 0) {
                    continue;
                }
                if (newest == nullptr || newest->restart_count < instance->restart_count) {
                    newest = instance;
                }
            }
        }
        return newest;
    }

    // To another release; within the same one (a restart) only to instances of before it, and not
    // if some of after it serve already.
    bool can_go_back(const App& app, const Instance* kept) const {
        if (app.release_served == 0) return false;
        if (draft_.release(app.id, app.release_served) == nullptr) return false;
        if (app.release_served != app.release) return true;
        return kept != nullptr && std::ranges::none_of(scope_.members, [&](const Member& one) {
                   return is_current(scope_, one) && one.instance->in_edge;
               });
    }

    bool fail_rollout(const std::string& reason, const Member& culprit) {
        App next = *scope_.app;
        next.canary.reset();
        const auto* kept = fallback();
        const bool back = can_go_back(next, kept);
        next.rollout.state = RolloutState::failed;
        next.rollout.to = next.release;
        next.rollout.ended = draft_.now().wall;
        next.rollout.reason =
            fmt::format("{} (see the log of {})", reason, culprit.instance->id.text);
        if (back) {
            draft_.tell(
                EventLevel::error, "release.rolled_back", next.id, std::to_string(next.release),
                fmt::format("release {} of {} did not become healthy: {}; release {} serves "
                            "on",
                            next.release, next.id.text, reason, next.release_served));
            next.release = next.release_served;
            ++next.generation;
            if (kept != nullptr) next.restart_count = kept->restart_count;
            for (auto& [name, process] : processes_) {
                for (const auto place : process.current) leave(draft_, member(place));
            }
        } else {
            draft_.tell(EventLevel::error, "release.failed", next.id, std::to_string(next.release),
                        fmt::format("release {} of {} did not become healthy: {}; there is no "
                                    "other to go back to",
                                    next.release, next.id.text, reason));
        }
        scope_.app = draft_.put(std::move(next));
        return true;
    }

    // ---- numbers --------------------------------------------------------------------------

    // A release that was overtaken by another before it served anybody, or as a canary beside the
    // one that serves.
    void drop_overtaken() {
        for (auto& [name, process] : processes_) {
            const auto serves = [&](std::size_t place) {
                const auto& instance = *member(place).instance;
                return instance.in_edge && instance.release == scope_.app->release_served;
            };
            const bool served = std::ranges::any_of(process.outdated, serves);
            std::erase_if(process.outdated, [&](std::size_t place) {
                auto& one = member(place);
                const auto release = one.instance->release;
                if (release == scope_.app->release_served) return false;
                // One that the user stopped is replaced once another serves in its place.
                if (one.instance->in_edge && release == scope_.app->release) return false;
                if (one.instance->in_edge && !(served && is_switching())) return false;
                leave(draft_, one);
                return true;
            });
        }
    }

    void make_missing(const Release& release, const std::string& name, ProcessState& process) {
        if (process.spec == nullptr || scope_.layers_missing) return;
        while (static_cast<std::int64_t>(process.current.size()) < process.wanted) {
            if (!make_instance(draft_, scope_, slots_, {.release = &release, .process = name})) {
                return;
            }
            process.current.push_back(scope_.members.size() - 1);
        }
    }

    // The least proved, least loaded and newest go first.
    void drop_surplus(ProcessState& process) {
        const auto count = static_cast<std::int64_t>(process.current.size());
        if (process.spec == nullptr || count <= process.wanted) return;
        std::ranges::sort(process.current, {}, [&](std::size_t place) {
            const auto& one = member(place);
            return std::tuple(!is_ready(one, *process.spec, draft_.now().wall) ? 0 : 1,
                              one.instance->in_edge ? 1 : 0, one.edge.open,
                              -one.instance->created.ms, one.instance->id);
        });
        const auto surplus = count - process.wanted;
        for (std::int64_t i = 0; i < surplus; ++i) {
            leave(draft_, member(process.current[static_cast<std::size_t>(i)]));
        }
        process.current.erase(process.current.begin(), process.current.begin() + surplus);
    }

    void judge(ProcessState& process) {
        if (process.spec == nullptr) {
            process.ready = process.waiting = true;
            return;
        }
        const auto now = draft_.now().wall;
        std::int64_t ready = 0;
        std::int64_t waiting = 0;
        for (const auto place : process.current) {
            const auto& one = member(place);
            if (is_ready(one, *process.spec, now)) {
                ++ready;
            } else if (one.instance->goal == InstanceGoal::prepare) {
                ++waiting;
            } else if (const auto at = ready_at(one, *process.spec)) {
                draft_.wake_at(*at);
            }
        }
        process.ready = ready >= process.wanted;
        process.waiting = ready + waiting >= process.wanted;
    }

    // A canary may be there for days: the release that serves beside it is kept whole meanwhile,
    // and scaled, as if there were none.
    void keep_serving() {
        for (const auto& [name, spec] : scope_.serving->config.processes) {
            if (spec.kind == ProcessKind::cron) continue;
            ProcessState process{.spec = &spec,
                                 .wanted = wanted_count(*scope_.app, scope_.serving->config, name),
                                 .current = {},
                                 .outdated = {}};
            for (std::size_t i = 0; i < scope_.members.size(); ++i) {
                const auto& one = *scope_.members[i].instance;
                if (!lives(scope_.members[i]) || one.kind != InstanceKind::service ||
                    one.process != name || one.release != scope_.serving->number) {
                    continue;
                }
                const bool current = one.restart_count == scope_.app->restart_count;
                (current ? process.current : process.outdated).push_back(i);
            }
            make_missing(*scope_.serving, name, process);
            drop_surplus(process);
            judge(process);
            activate(process);
            if (!process.ready) continue;
            for (const auto place : process.outdated) leave(draft_, member(place));
        }
    }

    // ---- exclusive volumes ----------------------------------------------------------------

    // Nothing that serves is stopped for a hand-over before all else of the release is proved.
    void advance_hand_overs() {
        const bool others_ready =
            std::ranges::all_of(processes_, [](const auto& entry) { return entry.second.waiting; });
        if (is_switching() && !others_ready) return;
        for (auto& [name, process] : processes_) {
            for (const auto place : process.current) advance_hand_over(process, place);
        }
    }

    void advance_hand_over(ProcessState& process, std::size_t place) {
        auto& one = member(place);
        if (one.instance->goal != InstanceGoal::prepare || one.seen == nullptr ||
            one.seen->phase != InstancePhase::prepared) {
            return;
        }
        const auto holders = holders_waited_for(scope_, one);
        if (holders.empty()) return hand_over(draft_, scope_, one);
        for (const auto holder : holders) {
            if (!is_outdated(scope_, member(holder))) continue;
            std::erase(process.outdated, holder);
            leave(draft_, member(holder));
        }
    }

    // ---- the switch -----------------------------------------------------------------------

    // A release exists only once its site is published: that is its proof, unless it went to the
    // trash since.
    bool site_is_there() const { return !scope_.wanted->config.site || !scope_.layers_missing; }

    void activate_and_replace() {
        const bool all_ready =
            site_is_there() &&
            std::ranges::all_of(processes_, [](const auto& entry) { return entry.second.ready; });
        if (is_canary()) {
            if (all_ready) begin_canary();
        } else if (may_settle() && all_ready) {
            settle();
        }
        for (auto& [name, process] : processes_) {
            const bool replace = is_switching() ? false : process.ready;
            const bool serves_alone = std::ranges::none_of(
                process.outdated,
                [&](std::size_t place) { return member(place).instance->in_edge; });
            const bool proved = is_canary() && all_ready;
            if (replace || serves_alone || proved) activate(process);
            for (const auto place : process.outdated) {
                auto& one = member(place);
                const bool of_canary = proved && one.instance->release == scope_.app->release;
                if ((replace || of_canary) && lives(one)) leave(draft_, one);
            }
        }
    }

    void begin_canary() {
        if (scope_.app->rollout.state == RolloutState::canary) return;
        App next = *scope_.app;
        next.rollout.state = RolloutState::canary;
        draft_.tell(EventLevel::info, "canary.began", next.id, std::to_string(next.release),
                    fmt::format("release {} of {} gets {}; release {} serves on", next.release,
                                next.id.text, canary_words(*next.canary), next.release_served));
        scope_.app = draft_.put(std::move(next));
    }

    // One that has failed with nothing to go back to settles if it comes up after all; a failed
    // restart that went back to the instances of before it stays failed.
    bool may_settle() const {
        const auto& rollout = scope_.app->rollout;
        if (rollout.state == RolloutState::switching) return true;
        return rollout.state == RolloutState::failed && rollout.to == scope_.app->release &&
               std::ranges::any_of(scope_.members, [&](const Member& one) {
                   return is_current(scope_, one) && one.instance->created >= rollout.began;
               });
    }

    void settle() {
        App next = *scope_.app;
        next.rollout.state = RolloutState::settled;
        next.rollout.to = next.release;
        next.rollout.ended = draft_.now().wall;
        next.rollout.reason.clear();
        next.release_served = next.release;
        next.canary.reset();
        // Not before: had it failed, the release that has the process would have lost instances.
        std::erase_if(next.scale, [&](const auto& entry) {
            return !scope_.wanted->config.processes.contains(entry.first);
        });
        draft_.tell(EventLevel::info, "release.settled", next.id, std::to_string(next.release),
                    fmt::format("release {} of {} serves: {}", next.release, next.id.text,
                                wanted_words(next, *scope_.wanted)));
        scope_.app = draft_.put(std::move(next));
        tell_unmounted(draft_, scope_);
        scope_.serving = scope_.wanted;
        adopt_specs(draft_, scope_);
    }

    // From here on the edge sends it requests: it is taken out again only by a drain.
    void activate(ProcessState& process) {
        if (process.spec == nullptr || process.spec->kind != ProcessKind::web) return;
        for (const auto place : process.current) {
            auto& one = member(place);
            if (one.instance->in_edge || !is_ready(one, *process.spec, draft_.now().wall)) continue;
            Instance next = *one.instance;
            next.in_edge = true;
            one.instance = draft_.put(std::move(next));
        }
    }

    Draft& draft_;
    const Sight& sight_;
    AppScope& scope_;
    AddressSlots& slots_;
    std::map<std::string, ProcessState> processes_;
};

}  // namespace

void roll(Draft& draft, const Sight& sight, AppScope& scope, AddressSlots& slots) {
    Roll(draft, sight, scope, slots).step();
}

}  // namespace moln::plan
