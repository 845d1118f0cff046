// A node in miniature for tests: an assignment, a state, and the verbs to move both on.
#pragma once

#include <algorithm>
#include <string>

#include "node/plan.h"
#include "node/report.h"
#include "node/state.h"

namespace moln::node {

struct NodeFixture {
    Assignment assignment;
    State state;
    MonoTime now{1000};

    Instance& add(const std::string& name, InstanceGoal goal,
                  InstanceKind kind = InstanceKind::service) {
        InstanceWork work;
        work.instance.id = InstanceId(name);
        work.instance.app = AppId("default/shop");
        work.instance.goal = goal;
        work.instance.kind = kind;
        work.instance.trash = TrashId("tr-" + name);
        work.stop_signal = "SIGTERM";
        works_[work.instance.id] = work;
        republish();
        return works_[InstanceId(name)].instance;
    }
    void mount(const std::string& name, const std::string& volume) {
        Volume& noun = assignment_volumes_[VolumeId(volume)];
        noun.id = VolumeId(volume);
        works_[InstanceId(name)].mounts.push_back({noun.id, "/data", Sharing::exclusive});
        republish();
    }
    void goal(const std::string& name, InstanceGoal goal) {
        auto& instance = works_[InstanceId(name)].instance;
        instance.goal = goal;
        ++instance.generation;
        republish();
    }
    Volume& volume(const std::string& name) {
        auto& noun = assignment_volumes_[VolumeId(name)];
        noun.id = VolumeId(name);
        return noun;
    }
    TrashWork& trash(const std::string& name) { return trash_[TrashId(name)]; }
    void forget_volume(const std::string& name) { assignment_volumes_.erase(VolumeId(name)); }

    void republish() {
        const Assignment before = assignment;
        ++assignment.version;
        assignment.instances.clear();
        for (const auto& [id, work] : works_) {
            assignment.instances.emplace(id, std::make_shared<const InstanceWork>(work));
        }
        assignment.volumes = assignment_volumes_;
        assignment.trash = trash_;
        assigned(state, before, assignment);
    }

    std::vector<Action> actions() const { return plan(assignment, state, now).actions; }
    std::string story() const {
        std::string text;
        for (const auto& action : actions()) {
            if (!text.empty()) text += "; ";
            text += describe(action);
        }
        return text;
    }
    void finish(const Action& action, Outcome outcome) { done(state, action, outcome, now); }
    static Outcome ok() { return {}; }
    static Outcome bad(const std::string& reason) {
        return {fail(ErrorCode::unavailable, reason), {}, {}};
    }
    Sight sight(const std::string& name, InstancePhase phase) const {
        Sight seen;
        seen.instance = InstanceId(name);
        seen.phase = phase;
        if (phase == InstancePhase::running) seen.started = WallTime{now.ms};
        return seen;
    }
    // Carries out all that can begin, each with success, and says what it was.
    std::string round() {
        const auto told = story();
        for (const auto& action : actions()) {
            begun(state, action);
            Outcome outcome;
            const auto id = instance_of(action);
            if (std::holds_alternative<Prepare>(action)) {
                outcome.sight = sight(id.text, InstancePhase::prepared);
                outcome.sight->generation = std::get<Prepare>(action).work->instance.generation;
            } else if (std::holds_alternative<Start>(action)) {
                outcome.sight = sight(id.text, InstancePhase::running);
            } else if (std::holds_alternative<Kill>(action)) {
                outcome.sight = sight(id.text, InstancePhase::ended);
            } else if (!id.empty()) {
                outcome.sight = state.sandboxes[id].sight;
            }
            finish(action, outcome);
        }
        return told;
    }
    void ends(const std::string& name) {
        noticed(state, InstanceId(name));
        const Action look = Inspect{InstanceId(name)};
        begun(state, look);
        Outcome outcome;
        outcome.sight = sight(name, InstancePhase::ended);
        finish(look, outcome);
    }
    InstancePhase phase(const std::string& name) const {
        return report(NodeId("n1"), assignment, state).instances.at(InstanceId(name)).phase;
    }

private:
    std::map<InstanceId, InstanceWork> works_;
    std::map<VolumeId, Volume> assignment_volumes_;
    std::map<TrashId, TrashWork> trash_;
};

}  // namespace moln::node
