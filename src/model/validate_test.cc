#include "model/validate.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/traffic_limits.h"

namespace moln {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

AppConfig web_app() {
    AppConfig config;
    config.processes["web"] = {.kind = ProcessKind::web, .command = {"node", "app.js"}, .port = 80};
    return config;
}

// The field and message of the only problem after `change`, or all of them.
std::string problem_of(const std::function<void(AppConfig&)>& change) {
    auto config = web_app();
    change(config);
    std::string text;
    for (const auto& problem : find_problems(config)) {
        text += problem.field + ": " + problem.message + "\n";
    }
    return text;
}

TEST(ValidateName, at_the_limit_and_one_past) {
    EXPECT_TRUE(validate_name(std::string(k_name_length_max, 'a')));
    EXPECT_FALSE(validate_name(std::string(k_name_length_max + 1, 'a')));
    EXPECT_TRUE(validate_name("a"));
    EXPECT_TRUE(validate_name("web-2"));
    for (const auto* name : {"", "2web", "-web", "web-", "Web", "we_b", "web ", "wéb", "a/b"}) {
        EXPECT_FALSE(validate_name(name)) << name;
    }
}

TEST(ValidateAppId, is_project_and_name) {
    EXPECT_TRUE(validate_app_id("default/shop"));
    for (const auto* id : {"shop", "/shop", "default/", "a/b/c", "A/b"}) {
        EXPECT_FALSE(validate_app_id(id)) << id;
    }
}

TEST(ValidateEnv, names) {
    EXPECT_TRUE(validate_env_name(std::string(k_env_name_length_max, 'A')));
    EXPECT_FALSE(validate_env_name(std::string(k_env_name_length_max + 1, 'A')));
    EXPECT_TRUE(validate_env_name("_x1"));
    for (const auto* name : {"", "1A", "A-B", "A B", "A=B", "PORT", "MOLN_APP"}) {
        EXPECT_FALSE(validate_env_name(name)) << name;
    }
}

TEST(ValidateEnv, values_at_the_limit_and_one_past) {
    EXPECT_TRUE(validate_env_value(std::string(k_env_value_bytes_max, 'x')));
    EXPECT_FALSE(validate_env_value(std::string(k_env_value_bytes_max + 1, 'x')));
    EXPECT_FALSE(validate_env_value(std::string("a\0b", 3)));
    EXPECT_TRUE(validate_env_value("lines\nare fine"));
}

TEST(ValidateEnv, entries_at_the_limit_and_one_past) {
    std::map<std::string, std::string> env;
    for (std::size_t i = 0; i < k_env_entries_max; ++i) env["V" + std::to_string(i)] = "x";
    EXPECT_TRUE(validate_env(env));
    env["ONE_MORE"] = "";
    EXPECT_THAT(validate_env(env).error().reason, HasSubstr("at most 512 variables, found 513"));
}

TEST(ValidateEnv, total_size_at_the_limit_and_one_past) {
    // Eight entries "A=…\0" that fill the limit exactly: name, "=" and NUL take three bytes each.
    std::map<std::string, std::string> env;
    for (char c = 'A'; c <= 'H'; ++c) {
        env[std::string(1, c)] = std::string(k_env_bytes_max / 8 - 3, 'x');
    }
    EXPECT_TRUE(validate_env(env));
    env["A"] += "x";
    EXPECT_FALSE(validate_env(env));
}

TEST(ValidateHost, what_is_a_host) {
    for (const auto* host : {"*", "*.example.org", "example.org", "a-b.c", "localhost", "10.0.0.1",
                             "xn--bcher-kva.example"}) {
        EXPECT_TRUE(validate_host(host)) << host;
    }
    for (const auto* host : {"", "Example.org", "example.org.", ".example.org", "a..b", "*.",
                             "*a.org", "a.*.org", "**", "-a.org", "a-.org", "a_b.org", "a b"}) {
        EXPECT_FALSE(validate_host(host)) << host;
    }
    EXPECT_THAT(validate_host("bücher.example").error().reason, HasSubstr("punycode"));
    EXPECT_THAT(validate_host("example.org:80").error().reason, HasSubstr("without a scheme"));
}

TEST(ValidateHost, length_at_the_limit_and_one_past) {
    const auto label = std::string(63, 'a');
    auto host = label + "." + label + "." + label + "." + std::string(61, 'a');
    ASSERT_EQ(host.size(), k_host_length_max);
    EXPECT_TRUE(validate_host(host));
    EXPECT_FALSE(validate_host(host + "a"));
    EXPECT_FALSE(validate_host(std::string(64, 'a')));
}

TEST(ValidateRoutePath, what_is_a_path) {
    for (const auto* path : {"/", "/api", "/a/b.c", "/a%20b", "/~x/@y"}) {
        EXPECT_TRUE(validate_route_path(path)) << path;
    }
    for (const auto* path : {"", "api", "/api/", "//", "/a//b", "/a/../b", "/.", "/a?b", "/a#b",
                             "/a b", "/%zz", "/%2", "/é"}) {
        EXPECT_FALSE(validate_route_path(path)) << path;
    }
    EXPECT_TRUE(validate_route_path("/" + std::string(k_path_length_max - 1, 'a')));
    EXPECT_FALSE(validate_route_path("/" + std::string(k_path_length_max, 'a')));
}

TEST(ValidateVolumePath, system_folders_are_refused) {
    for (const auto* path : {"/data", "/app/uploads", "/var/lib/postgresql", "/usr/share/site"}) {
        EXPECT_TRUE(validate_volume_path(path)) << path;
    }
    for (const auto* path : {"", "/", "data", "/data/", "/a/../b", "/./a", "/proc", "/proc/x",
                             "/dev/shm", "/sys/fs", "/etc", "/usr", "/tmp", "/var"}) {
        EXPECT_FALSE(validate_volume_path(path)) << path;
    }
    EXPECT_FALSE(validate_volume_path("/" + std::string(k_path_length_max, 'a')));
}

TEST(ValidateSignal, only_those_that_end_a_program) {
    EXPECT_TRUE(validate_signal("SIGTERM"));
    EXPECT_TRUE(validate_signal("SIGKILL"));
    for (const auto* signal : {"", "TERM", "15", "SIGSTOP", "sigterm"}) {
        EXPECT_FALSE(validate_signal(signal)) << signal;
    }
}

TEST(Validate, a_plain_web_app_is_good) {
    EXPECT_THAT(find_problems(web_app()), IsEmpty());
    EXPECT_TRUE(validate(web_app()));
}

TEST(Validate, an_app_without_processes_is_refused) {
    EXPECT_EQ(validate(AppConfig{}).error().reason,
              "processes: expected at least one process, or a site");
}

TEST(Validate, number_of_processes_at_the_limit_and_one_past) {
    const auto with = [](std::size_t count) {
        return problem_of([count](AppConfig& config) {
            while (config.processes.size() < count) {
                config.processes["w" + std::to_string(config.processes.size())] = {
                    .command = {"work"}};
            }
        });
    };
    EXPECT_EQ(with(k_processes_per_app_max), "");
    EXPECT_EQ(with(k_processes_per_app_max + 1),
              "processes: expected at most 32 processes, found 33\n");
}

// Sets one number of the web process to its limits and past them.
template <typename Set>
void expect_limits(Set set, std::int64_t min, std::int64_t max) {
    const auto problem = [&](std::int64_t value) {
        return problem_of([&](AppConfig& c) { set(c, value); });
    };
    EXPECT_EQ(problem(min), "");
    EXPECT_EQ(problem(max), "");
    EXPECT_THAT(problem(min - 1), HasSubstr("expected"));
    EXPECT_THAT(problem(max + 1), HasSubstr("expected"));
}

TEST(Validate, every_number_at_its_limits_and_one_past) {
    const auto web = [](AppConfig& c) -> ProcessSpec& { return c.processes["web"]; };
    expect_limits([&](auto& c, auto v) { web(c).instances = v; }, 0, k_instances_per_process_max);
    expect_limits([&](auto& c, auto v) { web(c).memory = {v}; }, k_memory_min.count,
                  k_memory_max.count);
    expect_limits([&](auto& c, auto v) { web(c).cpu_millis = v; }, k_cpu_millis_min,
                  k_cpu_millis_max);
    expect_limits([&](auto& c, auto v) { web(c).pids = v; }, 1, k_pids_max);
    expect_limits([&](auto& c, auto v) { web(c).concurrency = v; }, 0, k_concurrency_max);
    expect_limits([&](auto& c, auto v) { web(c).replay = {v}; }, 0, k_replay_max.count);
    expect_limits([&](auto& c, auto v) { web(c).answer_timeout = {v}; }, k_answer_timeout_min.count,
                  k_answer_timeout_max.count);
    expect_limits([&](auto& c, auto v) { web(c).queue = v; }, 0, k_queue_max);
    expect_limits([&](auto& c, auto v) { web(c).queue_time = {v}; }, k_queue_time_min.count,
                  k_queue_time_max.count);
    expect_limits([](auto& c, auto v) { c.health.interval = {v}; }, 100, 300'000);
    expect_limits([](auto& c, auto v) { c.health.timeout = {v}; }, 100, 300'000);
    expect_limits([](auto& c, auto v) { c.health.start_grace = {v}; }, 1000, 86'400'000);
    expect_limits([](auto& c, auto v) { c.health.unhealthy_after = v; }, 1, 100);
    expect_limits([](auto& c, auto v) { c.drain.limit = Milliseconds{v}; }, 0, days(365).count);
    expect_limits(
        [](auto& c, auto v) { c.volumes = {{.name = "data", .path = "/data", .size = {v}}}; },
        k_volume_size_min.count, k_volume_size_max.count);
}

TEST(Validate, only_a_web_process_has_time_to_answer) {
    EXPECT_EQ(problem_of([](AppConfig& c) {
                  c.processes["mail"] = {.command = {"x"}, .answer_timeout = seconds(30)};
              }),
              "processes.mail.answer_timeout: expected none: only a web process gets requests\n");
    EXPECT_EQ(problem_of([](AppConfig& c) { c.processes["web"].answer_timeout = {999}; }),
              "processes.web.answer_timeout: expected 1s to 1d, found 999ms\n");
}

TEST(Validate, message_names_field_range_and_value) {
    EXPECT_EQ(problem_of([](AppConfig& c) { c.processes["web"].memory = kib(4); }),
              "processes.web.memory: expected 8M to 1T, found 4K\n");
    EXPECT_EQ(problem_of([](AppConfig& c) { c.processes["web"].port = 0; }),
              "processes.web.port: expected 1 to 65535, found 0\n");
}

TEST(Validate, kinds_have_what_belongs_to_them_and_no_more) {
    EXPECT_THAT(problem_of([](AppConfig& c) { c.processes["web"].kind = ProcessKind::worker; }),
                HasSubstr("processes.web.kind: expected web"));
    EXPECT_THAT(problem_of([](AppConfig& c) { c.processes["web"].schedule = "* * * * *"; }),
                HasSubstr("only a cron process has one"));
    EXPECT_THAT(
        problem_of([](AppConfig& c) { c.processes["work"] = {.command = {"work"}, .port = 80}; }),
        HasSubstr("only a web process listens"));
    EXPECT_THAT(problem_of([](AppConfig& c) {
                    c.processes["tidy"] = {.kind = ProcessKind::cron, .command = {"tidy"}};
                }),
                HasSubstr("processes.tidy.schedule: expected five fields"));
    EXPECT_THAT(problem_of([](AppConfig& c) {
                    c.processes["tidy"] = {.kind = ProcessKind::cron,
                                           .command = {"tidy"},
                                           .schedule = "0 4 * * *",
                                           .instances = 2};
                }),
                HasSubstr("processes.tidy.instances: expected 0 to 1"));
}

TEST(Validate, commands_at_the_limit_and_one_past) {
    const auto with = [](std::vector<std::string> argv) {
        return problem_of([&](AppConfig& c) { c.processes["web"].command = argv; });
    };
    EXPECT_THAT(with({}), HasSubstr("expected a command, found none"));
    EXPECT_THAT(with({""}), HasSubstr("expected a command, found none"));
    EXPECT_THAT(with({"a", std::string("b\0c", 3)}), HasSubstr("NUL"));
    EXPECT_EQ(with({std::string(k_command_bytes_max - 1, 'x')}), "");
    EXPECT_THAT(with({std::string(k_command_bytes_max, 'x')}), HasSubstr("at most 32768 bytes"));
}

TEST(Validate, times_of_a_routes_cache_are_none_or_a_second_to_a_year) {
    const auto with = [](Milliseconds time) {
        return problem_of([time](AppConfig& c) {
            c.routes = {{.host = "a.org", .cache = CacheSpec{.stale_if_error = time}}};
        });
    };
    for (const auto good : {Milliseconds{0}, seconds(1), k_cache_time_max}) {
        EXPECT_EQ(with(good), "");
    }
    for (const auto bad : {Milliseconds{-1}, Milliseconds{999}, k_cache_time_max + seconds(1)}) {
        EXPECT_THAT(with(bad),
                    HasSubstr("routes.0.cache: stale_if_error: expected nothing, or 1s to 365d"));
    }
}

TEST(Validate, hsts_of_a_route_is_none_or_a_second_to_two_years) {
    const auto with = [](Milliseconds hsts) {
        return problem_of([hsts](AppConfig& c) { c.routes = {{.host = "a.org", .hsts = hsts}}; });
    };
    for (const auto good : {Milliseconds{0}, seconds(1), k_hsts_max}) EXPECT_EQ(with(good), "");
    for (const auto bad : {Milliseconds{-1}, Milliseconds{999}, k_hsts_max + Milliseconds{1}}) {
        EXPECT_THAT(with(bad), HasSubstr("routes.0.hsts: expected nothing, or 1s to 730d"));
    }
}

TEST(Validate, routes_name_web_processes_and_stand_once) {
    EXPECT_EQ(problem_of([](AppConfig& c) { c.routes = {{.host = "a.org"}, {.host = "b.org"}}; }),
              "");
    EXPECT_THAT(problem_of([](AppConfig& c) { c.routes = {{.host = "a.org", .process = "w"}}; }),
                HasSubstr("routes.0.process: expected a web process"));
    EXPECT_THAT(problem_of([](AppConfig& c) { c.routes = {{.host = "*"}, {.host = "*"}}; }),
                HasSubstr("routes.1: expected each route once"));
    const auto with = [](std::size_t count) {
        return problem_of([count](AppConfig& c) {
            for (std::size_t i = 0; i < count; ++i) {
                c.routes.push_back({.host = "h" + std::to_string(i) + ".org"});
            }
        });
    };
    EXPECT_EQ(with(k_routes_per_app_max), "");
    EXPECT_THAT(with(k_routes_per_app_max + 1), HasSubstr("at most 256 routes, found 257"));
}

TEST(Validate, volumes_do_not_nest_and_stand_once) {
    const auto with = [](std::string path, std::string name = "other") {
        return problem_of([&](AppConfig& c) {
            c.volumes = {{.name = "data", .path = "/data"}, {.name = name, .path = path}};
        });
    };
    EXPECT_EQ(with("/data-2"), "");
    EXPECT_THAT(with("/data"), HasSubstr("apart from volume \"data\""));
    EXPECT_THAT(with("/data/sub"), HasSubstr("apart from volume \"data\""));
    EXPECT_THAT(with("/cache", "data"), HasSubstr("expected each name once"));
}

TEST(Validate, number_of_volumes_at_the_limit_and_one_past) {
    const auto with = [](std::size_t count) {
        return problem_of([count](AppConfig& c) {
            for (std::size_t i = 0; i < count; ++i) {
                const auto name = "v" + std::to_string(i);
                c.volumes.push_back({.name = name, .path = "/" + name});
            }
        });
    };
    EXPECT_EQ(with(k_volumes_per_app_max), "");
    EXPECT_THAT(with(k_volumes_per_app_max + 1), HasSubstr("at most 32 volumes, found 33"));
}

TEST(Validate, an_exclusive_volume_has_one_writer) {
    const auto with = [](Sharing sharing, std::int64_t instances, std::vector<std::string> names) {
        return problem_of([&](AppConfig& c) {
            c.processes["web"].instances = instances;
            c.processes["work"] = {.command = {"work"}};
            c.volumes = {{.name = "data", .path = "/d", .sharing = sharing, .processes = names}};
        });
    };
    EXPECT_EQ(with(Sharing::exclusive, 1, {"web"}), "");
    EXPECT_EQ(with(Sharing::shared, 3, {}), "");
    EXPECT_THAT(with(Sharing::exclusive, 2, {"web"}), HasSubstr("found 2 of web: name one"));
    EXPECT_THAT(with(Sharing::exclusive, 1, {}), HasSubstr("found 1 of web, 1 of work"));
    EXPECT_THAT(with(Sharing::shared, 1, {"wob"}), HasSubstr("found \"wob\""));
}

TEST(Validate, instance_volumes_are_each_instances_own) {
    EXPECT_EQ(problem_of([](AppConfig& c) {
                  c.processes["web"].instances = 5;
                  c.volumes = {{.name = "data", .path = "/d", .lifetime = Lifetime::instance}};
              }),
              "");
}

TEST(Validate, the_rest_is_looked_at_too) {
    const auto speaks_h2c = [](AppConfig& c) { c.processes["web"].protocol = WebProtocol::h2c; };
    EXPECT_THAT(problem_of([&](AppConfig& c) {
                    speaks_h2c(c);
                    c.health.kind = HealthKind::http;
                }),
                HasSubstr("probes speak HTTP/1.1, the process web speaks h2c"));
    EXPECT_EQ(problem_of([&](AppConfig& c) {
                  speaks_h2c(c);
                  c.health.kind = HealthKind::tcp;
              }),
              "");
    EXPECT_THAT(problem_of([](AppConfig& c) { c.health.path = "health"; }),
                HasSubstr("health.path"));
    EXPECT_THAT(problem_of([](AppConfig& c) { c.env["A-B"] = ""; }), HasSubstr("env: expected"));
    EXPECT_THAT(problem_of([](AppConfig& c) { c.stop_signal = "SIGSTOP"; }),
                HasSubstr("stop_signal"));
    EXPECT_THAT(problem_of([](AppConfig& c) { c.workdir = "app"; }), HasSubstr("workdir"));
    EXPECT_THAT(problem_of([](AppConfig& c) { c.user = "a/b"; }), HasSubstr("user"));
}

TEST(Validate, no_more_problems_than_the_limit_are_told) {
    auto config = web_app();
    for (std::size_t i = 0; i < k_problems_max + 5; ++i) config.routes.push_back({.host = "-"});
    EXPECT_EQ(find_problems(config).size(), k_problems_max);
}

}  // namespace
}  // namespace moln
