// Stories: tests/scenarios/*.txt. A block is verbs, "----", and what came of them, up to an empty
// line. With MOLN_REGOLD=1 the answers are written anew; read the difference before you keep it.
//
//   deploy APP [PROCESS=N …] [volume=NAME:SHARING:LIFETIME] [drain=SECONDS] [health=PATH]
//   [cron=EXPR] scale APP PROCESS=N · env APP NAME=VALUE · rollback APP [N] · restart|stop|start|rm
//   APP run APP WORD … · stop-instance PREFIX [now] · rm-volume NAME · recover KIND · purge KIND
//   behave RELEASE HOW · open PREFIX N · edge on|off|slow · pass SECONDS · plan · step · settle
//   ps · trash · volumes
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "model/words.h"
#include "plan/reality.h"

namespace moln::plan {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> words_of(const std::string& line) {
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
}

std::pair<std::string, std::string> split(const std::string& word, char at) {
    const auto place = word.find(at);
    if (place == std::string::npos) return {word, ""};
    return {word.substr(0, place), word.substr(place + 1)};
}

class Story {
public:
    Story() {
        r_.issues = false;  // certificates are not what these stories are about
        r_.on_plan = [this](const World& before, const Plan& next) { tell(before, next); };
    }

    std::string play(const std::string& line) {
        out_.clear();
        const auto words = words_of(line);
        if (!play_world(words) && !play_command(words)) out_ = "no such verb: " + line + "\n";
        return out_;
    }

private:
    // ---- telling a plan -------------------------------------------------------------------

    void say(const std::string& text) { out_ += text + "\n"; }

    void tell(const World& before, const Plan& next) {
        for (const auto& change : next.changes) {
            if (const auto* put = std::get_if<PutInstance>(&change)) tell(before, put->instance);
            if (const auto* gone = std::get_if<DeleteInstance>(&change)) say("- " + gone->id.text);
            if (const auto* put = std::get_if<PutTrash>(&change)) tell(put->item);
            if (const auto* gone = std::get_if<DeleteTrash>(&change)) {
                say("- trash: " + before.trash.at(gone->id).what);
            }
            if (const auto* put = std::get_if<PutEvent>(&change)) {
                say(fmt::format("! {}: {}", put->event.name, put->event.text));
            }
        }
        if (next.edge) tell(*next.edge);
    }

    void tell(const World& before, const Instance& instance) {
        const auto last = before.instances.find(instance.id);
        const auto goal = enum_word(instance.goal);
        if (last == before.instances.end()) {
            return say(
                fmt::format("+ {} (release {}): {}", instance.id.text, instance.release, goal));
        }
        if (instance.goal != last->second.goal) {
            say(fmt::format("  {}: {} -> {}", instance.id.text, enum_word(last->second.goal),
                            goal));
        }
        if (instance.in_edge && !last->second.in_edge) {
            say(fmt::format("  {} enters the edge", instance.id.text));
        }
    }

    void tell(const TrashItem& item) {
        say(fmt::format("+ trash: {}{}{}", item.what, item.settled ? "" : ", being moved",
                        item.purging ? ", being destroyed" : ""));
    }

    void tell(const EdgeSnapshot& edge) {
        std::string text = fmt::format("  edge {}:", edge.version);
        for (const auto& app : edge.apps) {
            text += fmt::format(" {}/{} [", app.app.text, app.process);
            for (std::size_t i = 0; i < app.endpoints.size(); ++i) {
                const auto& endpoint = app.endpoints[i];
                text += fmt::format("{}{} {}", i == 0 ? "" : ", ", endpoint.instance.text,
                                    enum_word(endpoint.state));
                if (endpoint.health) text += " probed by its own words";
            }
            text += app.hold ? "] requests wait" : "]";
        }
        say(text);
    }

    // ---- verbs of the world ---------------------------------------------------------------

    bool play_world(const std::vector<std::string>& words) {
        const auto& verb = words.at(0);
        if (verb == "plan") {
            (void)r_.plan_once();
        } else if (verb == "step") {
            r_.step();
            r_.pass(Milliseconds{100});
        } else if (verb == "settle") {
            say(fmt::format("at rest: {}", r_.settle() >= 0 ? "yes" : "no"));
        } else if (verb == "pass") {
            r_.pass(seconds(std::stoll(words.at(1))));
        } else if (verb == "edge") {
            r_.edge_connected = words.at(1) != "off";
            r_.edge_applies = words.at(1) == "on";
        } else if (verb == "open") {
            r_.open[instance(words.at(1))] = std::stoll(words.at(2));
        } else if (verb == "behave") {
            r_.behaviours[std::stoll(words.at(1))] = behaviour(words.at(2));
        } else if (verb == "ps") {
            ps();
        } else if (verb == "trash") {
            for (const auto& [id, item] : r_.world.trash) {
                say(fmt::format("{}, {}", item.what, size_words(item.size)));
            }
        } else if (verb == "volumes") {
            for (const auto& [id, volume] : r_.world.volumes) {
                say(fmt::format("{} of {}: {}, {}", volume.name, volume.app.text,
                                enum_word(volume.lifetime), enum_word(volume.sharing)));
            }
        } else {
            return false;
        }
        return true;
    }

    void ps() {
        for (const auto& [id, one] : r_.world.instances) {
            const auto& seen = r_.world.nodes.at(r_.world.self).instances;
            const auto found = seen.find(id);
            const auto phase = found == seen.end() ? InstancePhase::absent : found->second.phase;
            say(fmt::format("{} release {}: {}, {}{}", id.text, one.release, enum_word(one.goal),
                            enum_word(phase), one.volumes.empty() ? "" : ", holds its volume"));
        }
        for (const auto& [id, app] : r_.world.apps) {
            say(fmt::format("{}: wants {}, serves {}, {}{}{}", id.text, app.release,
                            app.release_served, enum_word(app.rollout.state),
                            app.rollout.reason.empty() ? "" : ": ", app.rollout.reason));
        }
    }

    static Behaviour behaviour(const std::string& word) {
        if (word == "crashing") return Behaviour::crashing;
        if (word == "silent") return Behaviour::silent;
        if (word == "unstartable") return Behaviour::unstartable;
        if (word == "stubborn") return Behaviour::stubborn;
        return Behaviour::well;
    }

    // The n-th instance of a process, oldest first: "web.1".
    InstanceId instance(const std::string& word) const {
        const auto [process, number] = split(word, '.');
        std::vector<const Instance*> all;
        for (const auto& [id, one] : r_.world.instances) {
            if (one.process == process) all.push_back(&one);
        }
        std::ranges::sort(all, {},
                          [](const Instance* one) { return std::pair(one->created, one->id); });
        return all.at(static_cast<std::size_t>(std::stoll(number)) - 1)->id;
    }

    TrashId trash(const std::string& kind) const {
        for (const auto& [id, item] : r_.world.trash) {
            if (enum_word(item.kind) == kind) return id;
        }
        return TrashId("none");
    }

    // ---- verbs of users -------------------------------------------------------------------

    bool play_command(const std::vector<std::string>& words) {
        const auto command = command_of(words);
        if (!command) return false;
        const auto outcome = r_.command(*command);
        if (!outcome) {
            say(fmt::format("refused ({}): {}", word(outcome.error().code),
                            outcome.error().reason));
            return true;
        }
        say(outcome->reply.text);
        for (const auto& effect : outcome->effects) say("  " + effect);
        return true;
    }

    std::optional<Command> command_of(const std::vector<std::string>& words) const {
        const auto& verb = words.at(0);
        const AppId app(words.size() > 1 ? words[1] : "");
        const auto rest = std::vector<std::string>(
            words.begin() + std::min<std::ptrdiff_t>(2, std::ssize(words)), words.end());
        if (verb == "deploy") return deploy_of(app.text, config_of(rest));
        if (verb == "rollback") {
            return RollbackCommand{app, rest.empty() ? 0 : std::stoll(rest[0])};
        }
        if (verb == "restart") return RestartCommand{app};
        if (verb == "stop") return StopCommand{app};
        if (verb == "start") return StartCommand{app};
        if (verb == "rm") return RemoveAppCommand{app};
        if (verb == "run") return RunCommand{app, rest, false};
        if (verb == "recover") return RecoverCommand{trash(words.at(1))};
        if (verb == "purge") return PurgeCommand{trash(words.at(1))};
        if (verb == "stop-instance") {
            return StopInstanceCommand{instance(words.at(1)), !rest.empty()};
        }
        if (verb == "rm-volume") {
            for (const auto& [id, volume] : r_.world.volumes) {
                if (volume.name == words.at(1)) return RemoveVolumeCommand{id};
            }
        }
        if (verb != "scale" && verb != "env") return std::nullopt;
        const auto [name, value] = split(rest.at(0), '=');
        if (verb == "scale") return ScaleCommand{app, {{name, std::stoll(value)}}};
        return SetEnvCommand{app, {{name, value}}, {}};
    }

    static AppConfig config_of(const std::vector<std::string>& words) {
        AppConfig config;
        for (const auto& word : words) {
            const auto [name, value] = split(word, '=');
            if (name == "volume") {
                const auto [volume, rest] = split(value, ':');
                const auto [sharing, lifetime] = split(rest, ':');
                config.volumes.push_back(
                    {.name = volume,
                     .path = "/" + volume,
                     .lifetime = enum_from_word<Lifetime>(lifetime).value_or(Lifetime::app),
                     .sharing = enum_from_word<Sharing>(sharing).value_or(Sharing::exclusive),
                     .processes = {}});
            } else if (name == "drain") {
                config.drain.limit = seconds(std::stoll(value));
            } else if (name == "health") {
                config.health.kind = HealthKind::http;
                config.health.path = value;
            } else if (name == "hourly") {
                config.processes[value] = {.kind = ProcessKind::cron,
                                           .command = {"/app/" + value},
                                           .schedule = "0 * * * *"};
            } else {
                ProcessSpec process{.command = {"/app/" + name}, .schedule = ""};
                process.instances = std::stoll(value);
                if (name == "web") {
                    process.kind = ProcessKind::web;
                    process.port = 8080;
                }
                config.processes[name] = process;
            }
        }
        return config;
    }

    Reality r_;
    std::string out_;
};

// Plays a file: the same text with the answers as they are now.
std::string play(const std::string& text) {
    Story story;
    std::istringstream in(text);
    std::string out;
    std::vector<std::string> verbs;
    bool in_answer = false;
    for (std::string line; std::getline(in, line);) {
        if (in_answer) {
            if (!line.empty()) continue;
            in_answer = false;
        }
        if (line == "----") {
            out += line + "\n";
            for (const auto& verb : verbs) out += story.play(verb);
            verbs.clear();
            in_answer = true;
            continue;
        }
        if (!line.empty() && line[0] != '#') verbs.push_back(line);
        out += line + "\n";
        if (line.empty()) continue;
    }
    return out;
}

std::vector<std::string> scenarios() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(MOLN_SCENARIOS)) {
        if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
    }
    std::ranges::sort(names);
    return names;
}

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, reads_as_it_is_written) {
    const auto path = fs::path(MOLN_SCENARIOS) / (GetParam() + ".txt");
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    const auto played = play(text.str());
    if (std::getenv("MOLN_REGOLD") != nullptr) std::ofstream(path) << played;
    EXPECT_EQ(played, std::getenv("MOLN_REGOLD") != nullptr ? played : text.str());
}

INSTANTIATE_TEST_SUITE_P(Stories, Scenario, testing::ValuesIn(scenarios()),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace moln::plan
