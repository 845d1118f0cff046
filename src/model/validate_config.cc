// The checks of a whole AppConfig: each piece, and what the pieces must be to one another.
#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "model/cron.h"
#include "model/quantity.h"
#include "model/route.h"
#include "model/site.h"
#include "model/traffic_limits.h"
#include "model/validate.h"

namespace moln {
namespace {

constexpr Milliseconds k_probe_min{100};
constexpr Milliseconds k_probe_max = minutes(5);
constexpr Milliseconds k_start_grace_min = seconds(1);
constexpr Milliseconds k_start_grace_max = days(1);
constexpr Milliseconds k_drain_limit_max = days(365);
constexpr std::int64_t k_unhealthy_after_max = 100;
constexpr std::size_t k_user_length_max = 64;

class Problems {
public:
    explicit Problems(const AppConfig& config) : config_(config) {}

    std::vector<Problem> find() {
        processes();
        site();
        health();
        routes();
        take("env", validate_env(config_.env));
        volumes();
        exclusive_volumes();
        rest();
        return std::move(found_);
    }

private:
    void add(std::string field, std::string message) {
        if (found_.size() < k_problems_max) {
            found_.push_back({std::move(field), std::move(message)});
        }
    }

    void take(std::string field, const Status& status) {
        if (!status) add(std::move(field), status.error().reason);
    }

    void number(std::string field, std::int64_t value, std::int64_t min, std::int64_t max) {
        if (value >= min && value <= max) return;
        add(std::move(field), fmt::format("expected {} to {}, found {}", min, max, value));
    }

    void size(std::string field, Bytes value, Bytes min, Bytes max) {
        if (value >= min && value <= max) return;
        add(std::move(field), fmt::format("expected {} to {}, found {}", format_size(min),
                                          format_size(max), format_size(value)));
    }

    void duration(std::string field, Milliseconds value, Milliseconds min, Milliseconds max) {
        if (value >= min && value <= max) return;
        add(std::move(field), fmt::format("expected {} to {}, found {}", format_duration(min),
                                          format_duration(max), format_duration(value)));
    }

    void count(std::string field, std::size_t value, std::size_t max, std::string_view what) {
        if (value <= max) return;
        add(std::move(field), fmt::format("expected at most {} {}, found {}", max, what, value));
    }

    void processes() {
        if (config_.processes.empty() && !config_.site) {
            add("processes", "expected at least one process, or a site");
        }
        count("processes", config_.processes.size(), k_processes_per_app_max, "processes");
        for (const auto& [name, process] : config_.processes) {
            const auto field = "processes." + name;
            take(field, validate_name(name));
            one_process(field, name, process);
        }
    }

    void one_process(const std::string& field, std::string_view name, const ProcessSpec& process) {
        command(field + ".command", process.command);
        const bool cron = process.kind == ProcessKind::cron;
        const bool web = process.kind == ProcessKind::web;
        if (name == "web" && !web) {
            add(field + ".kind", fmt::format("expected web: the process web listens on its port, "
                                             "found {}",
                                             enum_word(process.kind)));
        }
        if (cron) {
            const auto schedule = parse_cron(process.schedule);
            if (!schedule) add(field + ".schedule", schedule.error().reason);
        } else if (!process.schedule.empty()) {
            add(field + ".schedule", fmt::format("expected none: only a cron process has one, "
                                                 "found \"{}\"",
                                                 process.schedule));
        }
        number(field + ".instances", process.instances, 0, cron ? 1 : k_instances_per_process_max);
        size(field + ".memory", process.memory, k_memory_min, k_memory_max);
        number(field + ".cpu_millis", process.cpu_millis, k_cpu_millis_min, k_cpu_millis_max);
        number(field + ".pids", process.pids, 1, k_pids_max);
        if (web) {
            number(field + ".concurrency", process.concurrency, 0, k_concurrency_max);
        } else if (process.concurrency != 0) {
            add(field + ".concurrency", fmt::format("expected none: only a web process is sent "
                                                    "requests, found {}",
                                                    process.concurrency));
        }
        if (!web && process.protocol != WebProtocol::http) {
            add(field + ".protocol", "expected none: only a web process is spoken to");
        }
        balancing(field, process);
        queue(field, process);
        if (web) {
            number(field + ".port", process.port, 1, 65'535);
        } else if (process.port != 0) {
            add(field + ".port",
                fmt::format("expected none: only a web process listens, found {}", process.port));
        }
    }

    void queue(const std::string& field, const ProcessSpec& process) {
        number(field + ".queue", process.queue, 0, k_queue_max);
        duration(field + ".queue_time", process.queue_time, k_queue_time_min, k_queue_time_max);
        if (process.kind == ProcessKind::web) return;
        const ProcessSpec unsaid;
        if (process.queue != unsaid.queue) {
            add(field + ".queue", "expected none: only a web process gets requests");
        }
        if (process.queue_time != unsaid.queue_time) {
            add(field + ".queue_time", "expected none: only a web process gets requests");
        }
    }

    void site() {
        if (!config_.site) return;
        const auto& site = *config_.site;
        const auto path = [&](std::string_view name, const std::string& value, bool needed) {
            if (value.empty() ? !needed : is_site_path(value)) return;
            add(fmt::format("site.{}", name),
                fmt::format("expected a path below the app's files such as \"{}\", found \"{}\"",
                            name == "folder" ? "dist" : "404.html", value.substr(0, 60)));
        };
        if (site.folder != ".") path("folder", site.folder, true);
        path("index", site.index, true);
        path("not_found", site.not_found, false);
        path("fallback", site.fallback, false);
        if (config_.processes.contains(k_site_process)) {
            add(fmt::format("processes.{}", k_site_process),
                "expected another name: beside a site this one is the site's");
        }
        if (site.folder == "." && !config_.processes.empty()) {
            add("site.folder",
                "expected a folder of its own: the app's program lies in \".\" and would be "
                "served with it");
        }
    }

    void balancing(const std::string& field, const ProcessSpec& process) {
        const bool web = process.kind == ProcessKind::web;
        take(field + ".balance", validate_balance(process.balance));
        duration(field + ".slow_start", process.slow_start, {0}, k_slow_start_max);
        size(field + ".replay", process.replay, Bytes{0}, k_replay_max);
        const bool said = process.balance != BalanceSpec{} || process.slow_start.count != 0;
        duration(field + ".answer_timeout", process.answer_timeout, k_answer_timeout_min,
                 k_answer_timeout_max);
        if (!web && (process.replay != ProcessSpec{}.replay || process.retry != RetryMode{})) {
            add(field + (process.retry != RetryMode{} ? ".retry" : ".replay"),
                "expected none: only a web process gets requests");
        }
        if (!web && process.answer_timeout != ProcessSpec{}.answer_timeout) {
            add(field + ".answer_timeout", "expected none: only a web process gets requests");
        }
        if (!web && (said || process.affinity)) {
            add(field + (process.affinity ? ".affinity" : ".balance"),
                "expected none: only a web process gets requests");
        }
    }

    void command(const std::string& field, const std::vector<std::string>& argv) {
        if (argv.empty() || argv.front().empty()) {
            add(field, "expected a command, found none");
            return;
        }
        std::size_t bytes = 0;
        for (const auto& word : argv) {
            bytes += word.size() + 1;
            if (word.find('\0') != std::string::npos) add(field, "expected no NUL byte");
        }
        count(field, bytes, k_command_bytes_max, "bytes");
    }

    void health() {
        const auto& health = config_.health;
        const auto& path = health.path;
        const auto visible = [](char c) { return c > 0x20 && c < 0x7f && c != '#'; };
        if (!path.starts_with('/') || path.size() > k_path_length_max ||
            !std::ranges::all_of(path, visible)) {
            add("health.path", fmt::format("expected a path such as \"/health\" (ASCII, at most {} "
                                           "bytes), found \"{}\"",
                                           k_path_length_max, path.substr(0, 60)));
        }
        duration("health.interval", health.interval, k_probe_min, k_probe_max);
        duration("health.timeout", health.timeout, k_probe_min, k_probe_max);
        duration("health.start_grace", health.start_grace, k_start_grace_min, k_start_grace_max);
        number("health.unhealthy_after", health.unhealthy_after, 1, k_unhealthy_after_max);
        if (health.kind != HealthKind::http) return;
        for (const auto& [name, process] : config_.processes) {
            if (process.protocol != WebProtocol::h2c) continue;
            add("health.path",
                fmt::format("expected none, but `tcp = true`: probes speak HTTP/1.1, "
                            "the process {} speaks h2c",
                            name));
        }
    }

    void routes() {
        count("routes", config_.routes.size(), k_routes_per_app_max, "routes");
        for (std::size_t i = 0; i < config_.routes.size(); ++i) {
            const auto& route = config_.routes[i];
            const auto field = fmt::format("routes.{}", i);
            for (auto& problem : find_problems(route)) {
                add(field + "." + problem.field, std::move(problem.message));
            }
            if (!leads_somewhere(config_, route)) {
                add(field + ".process",
                    fmt::format("expected a web process of this app{}, found \"{}\"",
                                config_.site && !is_stream(route) ? " or its site" : "",
                                route.process));
            }
            if (route.forward_auth) {
                const auto why = not_asked_why(config_, {}, route.forward_auth->process);
                if (!why.empty()) add(field + ".forward_auth", "process: " + why);
            }
            beside_others(field, i);
        }
    }

    void beside_others(const std::string& field, std::size_t index) {
        const auto& route = config_.routes[index];
        for (std::size_t i = 0; i < index; ++i) {
            const auto& other = config_.routes[i];
            if (same_place(route, other)) {
                add(field,
                    fmt::format("expected each route once, found {} again", route_words(route)));
                return;
            }
            if (is_stream(route) && route.listen == other.listen &&
                (route.keep_source || other.keep_source)) {
                add(field + ".keep_source",
                    fmt::format("expected a port of its own, found another route of {}",
                                route.listen));
                return;
            }
            if (is_stream(route) && route.listen == other.listen &&
                route.accept_proxy != other.accept_proxy) {
                add(field + ".accept_proxy",
                    fmt::format("expected the same for all routes of {}", route.listen));
                return;
            }
        }
    }

    void volumes() {
        count("volumes", config_.volumes.size(), k_volumes_per_app_max, "volumes");
        std::set<std::string> names;
        for (std::size_t i = 0; i < config_.volumes.size(); ++i) {
            const auto& volume = config_.volumes[i];
            const auto field = fmt::format("volumes.{}", i);
            take(field + ".name", validate_name(volume.name));
            if (!names.insert(volume.name).second) {
                add(field + ".name",
                    fmt::format("expected each name once, found \"{}\" again", volume.name));
            }
            take(field + ".path", validate_volume_path(volume.path));
            nesting(field, i);
            size(field + ".size", volume.size, k_volume_size_min, k_volume_size_max);
            for (const auto& process : volume.processes) {
                if (config_.processes.contains(process)) continue;
                add(field + ".processes",
                    fmt::format("expected processes of this app, found \"{}\"", process));
            }
        }
    }

    // Mounts within mounts depend on their order and hide one another's files.
    void nesting(const std::string& field, std::size_t index) {
        const auto& path = config_.volumes[index].path;
        for (std::size_t i = 0; i < index; ++i) {
            const auto& other = config_.volumes[i].path;
            if (path == other || path.starts_with(other + "/") || other.starts_with(path + "/")) {
                add(field + ".path", fmt::format("expected a folder apart from volume \"{}\" at "
                                                 "\"{}\", found \"{}\"",
                                                 config_.volumes[i].name, other, path));
            }
        }
    }

    // An exclusive volume has one writer: never more than one instance of all who mount it.
    void exclusive_volumes() {
        for (std::size_t i = 0; i < config_.volumes.size(); ++i) {
            const auto& volume = config_.volumes[i];
            if (volume.sharing == Sharing::shared || volume.lifetime == Lifetime::instance)
                continue;
            std::int64_t instances = 0;
            std::vector<std::string> mounting;
            for (const auto& [name, process] : config_.processes) {
                const auto& named = volume.processes;
                if (!named.empty() && std::ranges::find(named, name) == named.end()) continue;
                instances +=
                    std::clamp<std::int64_t>(process.instances, 0, k_instances_per_process_max);
                mounting.push_back(fmt::format("{} of {}", process.instances, name));
            }
            if (instances <= 1) continue;
            add(fmt::format("volumes.{}.sharing", i),
                fmt::format("expected one instance to mount the exclusive volume \"{}\", found {}: "
                            "name one process in `processes`, or make it `shared` if the app "
                            "copes with several writers",
                            volume.name, fmt::join(mounting, ", ")));
        }
    }

    void rest() {
        if (config_.drain.limit) {
            duration("drain.limit", *config_.drain.limit, Milliseconds{0}, k_drain_limit_max);
        }
        take("stop_signal", validate_signal(config_.stop_signal));
        const auto& folder = config_.workdir;
        if (!folder.starts_with('/') || folder.size() > k_path_length_max ||
            folder.find('\0') != std::string::npos) {
            add("workdir",
                fmt::format("expected an absolute path, found \"{}\"", folder.substr(0, 60)));
        }
        const auto plain = [](char c) { return c > 0x20 && c < 0x7f && c != '/'; };
        if (config_.user.size() > k_user_length_max || !std::ranges::all_of(config_.user, plain)) {
            add("user", fmt::format("expected uid, uid:gid or a name, found \"{}\"",
                                    config_.user.substr(0, 60)));
        }
    }

    const AppConfig& config_;
    std::vector<Problem> found_;
};

}  // namespace

std::vector<Problem> find_problems(const AppConfig& config) {
    return Problems(config).find();
}

Status validate(const AppConfig& config) {
    std::string text;
    for (const auto& problem : find_problems(config)) {
        text += fmt::format("{}{}: {}", text.empty() ? "" : "\n", problem.field, problem.message);
    }
    if (text.empty()) return {};
    return fail(ErrorCode::invalid, std::move(text));
}

}  // namespace moln
