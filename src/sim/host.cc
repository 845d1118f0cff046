#include "sim/host.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sim/checkers.h"

namespace moln::sim {

Temper temper_of(const SandboxSpec& spec) {
    const auto& digest = spec.image.digest;
    return enum_from_word<Temper>(digest.substr(0, digest.find(':'))).value_or(Temper::good);
}

void Host::later(const HostSandbox& sandbox, Milliseconds delay,
                 std::function<void(HostSandbox&)> what) {
    timeline.at(delay,
                [this, id = sandbox.spec.instance, life = sandbox.life, what = std::move(what)] {
                    const auto found = sandboxes.find(id);
                    if (found == sandboxes.end() || found->second.life != life) return;
                    if (found->second.phase == InstancePhase::running) what(found->second);
                });
}

void Host::start(HostSandbox& sandbox) {
    checkers.starting(sandbox, sandboxes);
    sandbox.phase = InstancePhase::running;
    sandbox.started = timeline.now().wall;
    sandbox.pid = ++pids_;
    sandbox.exit.reset();
    sandbox.signalled = sandbox.listening = false;
    ++sandbox.life;
    // The contract's programs say whether they write; the others do as they like.
    const auto& digest = sandbox.spec.image.digest;
    const bool writes = digest == "writing" || (digest != "dry" && random.chance(0.7));
    if (sandbox.layer.empty() && writes) sandbox.layer = fresh_token();
    story.tell("runs " + sandbox.spec.instance.text);
    live(sandbox);
}

// What the program does with its life.
void Host::live(HostSandbox& sandbox) {
    const auto temper = temper_of(sandbox.spec);
    const auto end_by_itself = [this](int code) {
        return [this, code](HostSandbox& box) { end(box.spec.instance, End::itself, code); };
    };
    const auto& work = sandbox.spec.command.empty() ? std::string() : sandbox.spec.command[0];
    if (work == "exit") {
        return later(sandbox, Milliseconds{5},
                     end_by_itself(std::stoi(sandbox.spec.command.at(1))));
    }
    if (work == "abort") {
        return later(sandbox, Milliseconds{5},
                     [this](HostSandbox& box) { end(box.spec.instance, End::by_signal, 6); });
    }
    if (work == "job") return later(sandbox, random.span(500, 60'000), end_by_itself(0));
    if (temper == Temper::exiting) return later(sandbox, random.span(5, 800), end_by_itself(1));
    if (temper == Temper::frail) later(sandbox, random.around(minutes(5)), end_by_itself(139));
    if (temper == Temper::deaf || !sandbox.spec.env.contains("PORT")) return;
    const auto warm_up =
        temper == Temper::slow ? random.span(3'000, 20'000) : random.span(20, 1'500);
    later(sandbox, warm_up, [](HostSandbox& box) { box.listening = true; });
}

void Host::stop_signal(HostSandbox& sandbox) {
    sandbox.signalled = true;
    if (temper_of(sandbox.spec) == Temper::stubborn) return;
    if (!sandbox.spec.command.empty() && sandbox.spec.command[0] == "sleep") {
        // Has no handler: the signal itself ends it.
        return later(sandbox, Milliseconds{5},
                     [this](HostSandbox& box) { end(box.spec.instance, End::by_signal, 15); });
    }
    later(sandbox, random.span(5, 3'000),
          [this](HostSandbox& box) { end(box.spec.instance, End::itself, 0); });
}

void Host::end(const InstanceId& instance, End how, int number) {
    auto& sandbox = sandboxes.at(instance);
    sandbox.phase = InstancePhase::ended;
    sandbox.listening = false;
    sandbox.exit = InstanceExit{how == End::itself ? number : 0, how == End::itself ? 0 : number,
                                false, timeline.now().wall};
    story.tell(fmt::format("ended {} {}", instance.text, how == End::itself ? "" : "by a signal"));
    checkers.ended(sandbox, how == End::itself && !sandbox.signalled);
    on_ended(instance);
    if (faults.happens(&FaultRates::exit_unheard)) return;
    timeline.at(random.span(0, 40), [this, instance] {
        if (tell_exit) tell_exit(instance);
    });
}

void Host::kill_one_at_random() {
    std::vector<InstanceId> running;
    for (const auto& [id, sandbox] : sandboxes) {
        if (sandbox.phase == InstancePhase::running) running.push_back(id);
    }
    if (running.empty()) return;
    const auto index = random.below(static_cast<std::int64_t>(running.size()));
    end(running[static_cast<std::size_t>(index)], End::itself, 134);
}

bool Host::listens(const InstanceId& instance) const {
    const auto found = sandboxes.find(instance);
    return found != sandboxes.end() && found->second.listening;
}

}  // namespace moln::sim
