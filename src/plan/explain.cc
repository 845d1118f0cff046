#include "plan/explain.h"

#include <fmt/format.h>

#include "model/quantity.h"
#include "model/words.h"
#include "plan/judge.h"

namespace moln::plan {

std::string crash_words(const Member& member, const ProcessSpec& process) {
    const auto times = count_words(crashes(member), "time");
    const auto& name = member.instance->process;
    const auto& exit = member.seen->last_exit;
    if (!exit) return fmt::format("{} ended by itself, {}", name, times);
    if (exit->out_of_memory) {
        return fmt::format("{} needed more than its {} of memory, {}: raise processes.{}.memory",
                           name, size_words(process.memory), times, name);
    }
    return fmt::format("{} {}, {}", name, exit_words(*exit), times);
}

std::string unhealthy_words(const Member& member, const ProcessSpec& process,
                            const HealthSpec& health) {
    const auto& name = member.instance->process;
    const auto& reason = member.edge.report->health_reason;
    if (reason.find("refused") != std::string::npos) {
        return fmt::format(
            "{} listens on nothing at port {}: the app must listen on $PORT, on all "
            "addresses (0.0.0.0)",
            name, process.port);
    }
    return fmt::format("{} was not healthy within {}: {}", name, duration_words(health.start_grace),
                       reason.empty() ? "no probe was answered" : reason);
}

std::string end_words(const InstanceSeen* seen) {
    if (seen == nullptr || !seen->last_exit) return "ended";
    return exit_words(*seen->last_exit);
}

std::string wanted_words(const App& app, const Release& release) {
    std::string text;
    for (const auto& [name, process] : release.config.processes) {
        if (process.kind == ProcessKind::cron) continue;
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ",
                            wanted_count(app, release.config, name), name);
    }
    if (release.config.site) text += text.empty() ? "its site" : ", its site";
    return text.empty() ? "no instances" : text;
}

}  // namespace moln::plan
