// Properties of node::plan over random goals, random driver outcomes and random deaths.
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "node/node_fixture.h"

namespace moln::node {
namespace {

// What the driver of this little host holds: the truth that the state only sees.
struct LittleHost {
    NodeFixture node;
    std::map<InstanceId, InstancePhase> truth;
    std::map<InstanceId, std::int64_t> made_for;
    std::vector<Action> under_way;
    std::int64_t starts = 0;

    void begin_all() {
        std::set<std::string> keys;
        for (const auto& action : under_way) keys.insert(key_of(action));
        for (const auto& action : node.actions()) {
            RC_ASSERT(keys.insert(key_of(action)).second);
            begun(node.state, action);
            under_way.push_back(action);
        }
    }

    void effect(const Action& action) {
        const auto id = instance_of(action);
        auto& phase = truth[id];
        if (const auto* prepare = std::get_if<Prepare>(&action)) {
            RC_ASSERT(phase == InstancePhase::absent || phase == InstancePhase::prepared);
            made_for[id] = prepare->work->instance.generation;
            phase = InstancePhase::prepared;
        } else if (std::holds_alternative<Start>(action)) {
            RC_ASSERT(phase == InstancePhase::prepared || phase == InstancePhase::ended);
            for (const auto& [other, other_phase] : truth) {
                RC_ASSERT(other == id || other_phase != InstancePhase::running);
            }
            phase = InstancePhase::running;
            ++starts;
        } else if (std::holds_alternative<Kill>(action) && phase == InstancePhase::running) {
            phase = InstancePhase::ended;
        } else if (std::holds_alternative<Remove>(action)) {
            RC_ASSERT(phase != InstancePhase::running);
            phase = InstancePhase::absent;
        }
    }

    enum class Luck { ok, error_before, error_after, lost_sight };

    void finish_one(std::size_t index, Luck luck) {
        const auto action = under_way[index];
        under_way.erase(under_way.begin() + static_cast<std::ptrdiff_t>(index));
        if (luck != Luck::error_before) effect(action);
        Outcome outcome;
        if (luck != Luck::ok) outcome.status = fail(ErrorCode::unavailable, "bad luck");
        const auto id = instance_of(action);
        if (!id.empty() && luck != Luck::lost_sight) {
            outcome.sight = node.sight(id.text, truth[id]);
            outcome.sight->generation = made_for[id];
        }
        node.finish(action, outcome);
    }

    void die(const InstanceId& id) {
        if (truth[id] != InstancePhase::running) return;
        truth[id] = InstancePhase::ended;
        noticed(node.state, id);
    }
};

// Three instances that all want one exclusive volume: at most one ever runs, whatever happens, and
// when the bad luck is over every goal is reached.
RC_GTEST_PROP(NodePlanProperty, converges_and_never_starts_two_on_one_volume, ()) {
    LittleHost host;
    const std::vector<std::string> names = {"web-a", "web-b", "web-c"};
    for (const auto& name : names) {
        host.node.add(name, InstanceGoal::prepare);
        host.node.mount(name, "vol-1");
    }
    const auto steps = *rc::gen::inRange(0, 120);
    for (int i = 0; i < steps; ++i) {
        host.node.now = host.node.now + Milliseconds{*rc::gen::inRange<std::int64_t>(0, 4000)};
        const auto name = names[static_cast<std::size_t>(*rc::gen::inRange(0, 3))];
        switch (*rc::gen::inRange(0, 6)) {
            case 0:
                host.node.goal(name, *rc::gen::element(InstanceGoal::run, InstanceGoal::run,
                                                       InstanceGoal::drain, InstanceGoal::stop,
                                                       InstanceGoal::kill));
                break;
            case 1: host.die(InstanceId(name)); break;
            default:
                host.begin_all();
                if (host.under_way.empty()) break;
                host.finish_one(
                    static_cast<std::size_t>(
                        *rc::gen::inRange(0, static_cast<int>(host.under_way.size()))),
                    *rc::gen::element(LittleHost::Luck::ok, LittleHost::Luck::ok,
                                      LittleHost::Luck::error_before, LittleHost::Luck::error_after,
                                      LittleHost::Luck::lost_sight));
        }
    }
    host.node.goal("web-a", InstanceGoal::run);
    host.node.goal("web-b", InstanceGoal::kill);
    host.node.goal("web-c", InstanceGoal::remove);
    for (int i = 0; i < 60; ++i) {
        host.node.now = host.node.now + seconds(60);
        host.begin_all();
        while (!host.under_way.empty()) host.finish_one(0, LittleHost::Luck::ok);
    }
    RC_ASSERT(host.node.story() == "");
    RC_ASSERT(host.node.phase("web-a") == InstancePhase::running);
    RC_ASSERT(host.node.phase("web-b") == InstancePhase::ended);
    RC_ASSERT(host.node.phase("web-c") == InstancePhase::absent);
    const auto starts = host.starts;
    host.begin_all();
    RC_ASSERT(host.starts == starts);
}

}  // namespace
}  // namespace moln::node
