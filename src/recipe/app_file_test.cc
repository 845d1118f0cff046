#include "recipe/app_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/nearest.h"
#include "model/limits.h"
#include "model/validate.h"
#include "recipe/toml_tree.h"

namespace moln {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

std::string reason(std::string_view text) {
    const auto file = parse_app_file(text);
    return file ? "" : file.error().reason;
}

// The configuration that a file alone gives.
Result<AppConfig> config_of(std::string_view text) {
    MOLN_ASSIGN(const auto file, parse_app_file(text));
    return apply_app_file(file, {});
}

constexpr std::string_view k_full = R"(
name = "shop"
platform = "debian-12-20261122"
stop_signal = "SIGINT"

[build]
command = "make all"
env = { DEBUG = "0" }

[process.web]
command = "node server.js"
instances = 3
memory = "256M"
cpu = 0.5
pids = 64
port = 3000
concurrency = 8
queue = 50
queue_time = "20s"

[process.mail]
command = ["node", "mail.js"]
memory = "1G"
cpu = 2

[process.tidy]
command = "node tidy.js"
schedule = "0 4 * * *"

[health]
path = "/health"
interval = "5s"
timeout = "1s"
grace = "2m"
unhealthy_after = 5

[[route]]
host = ["shop.example.org", "*.shop.example.org"]
path = "/api"
https = "redirect"
hsts = "30d"
cache = { ttl = "1m", stale_if_error = "1h", compress = false }
rate_limit = { client = "20/s burst 100", route = "600/m" }
auth = { users = ["alice:$y$x"], realm = "shop" }

[env]
COLOR = "blue"
LEVEL = 3
DEBUG = false

[[volume]]
name = "uploads"
path = "/app/uploads"
lifetime = "independent"
sharing = "shared"
size = "20G"
processes = ["web"]

[drain]
limit = "10m"
)";

TEST(AppFile, every_key_is_taken) {
    const auto file = parse_app_file(k_full);
    ASSERT_TRUE(file) << file.error().reason;
    EXPECT_EQ(file->name, "shop");
    EXPECT_EQ(file->platform, "debian-12-20261122");
    EXPECT_EQ(file->build_command, (std::vector<std::string>{"/bin/sh", "-c", "make all"}));
    EXPECT_EQ(file->build_env.at("DEBUG"), "0");
    const auto config = apply_app_file(*file, {});
    ASSERT_TRUE(config) << config.error().reason;
    AppConfig expected;
    expected.processes["web"] = {.kind = ProcessKind::web,
                                 .command = {"/bin/sh", "-c", "node server.js"},
                                 .instances = 3,
                                 .memory = mib(256),
                                 .cpu_millis = 500,
                                 .pids = 64,
                                 .port = 3000,
                                 .concurrency = 8,
                                 .queue = 50,
                                 .queue_time = seconds(20)};
    expected.processes["mail"] = {
        .command = {"node", "mail.js"}, .memory = gib(1), .cpu_millis = 2000};
    expected.processes["tidy"] = {.kind = ProcessKind::cron,
                                  .command = {"/bin/sh", "-c", "node tidy.js"},
                                  .schedule = "0 4 * * *"};
    expected.health = {.kind = HealthKind::http,
                       .path = "/health",
                       .interval = seconds(5),
                       .timeout = seconds(1),
                       .start_grace = minutes(2),
                       .unhealthy_after = 5};
    for (const auto* host : {"shop.example.org", "*.shop.example.org"}) {
        expected.routes.push_back(
            {.host = host,
             .path = "/api",
             .process = "web",
             .https = Https::redirect,
             .hsts = days(30),
             .cache =
                 CacheSpec{.ttl = seconds(60), .stale_if_error = minutes(60), .compress = false},
             .rate = RateSpec{.client = RateLimit{20, seconds(1), 100},
                              .route = RateLimit{600, seconds(60), 0}},
             .auth = AuthSpec{.users = {"alice:$y$x"}, .realm = "shop"}});
    }
    expected.env = {{"COLOR", "blue"}, {"LEVEL", "3"}, {"DEBUG", "false"}};
    expected.volumes = {{.name = "uploads",
                         .path = "/app/uploads",
                         .lifetime = Lifetime::independent,
                         .sharing = Sharing::shared,
                         .size = gib(20),
                         .processes = {"web"}}};
    expected.drain.limit = minutes(10);
    expected.stop_signal = "SIGINT";
    EXPECT_EQ(to_json_text(*config), to_json_text(expected));
}

TEST(AppFile, an_empty_file_says_nothing) {
    const auto file = parse_app_file("");
    ASSERT_TRUE(file);
    EXPECT_EQ(apply_app_file(*file, {}).error().reason,
              "moln.toml: processes: expected at least one process, or a site");
}

TEST(AppFile, kinds_follow_from_what_is_said) {
    const auto config = config_of(
        "[process.web]\ncommand = 'a'\n"
        "[process.admin]\ncommand = 'b'\nport = 9000\n"
        "[process.work]\ncommand = 'c'\n"
        "[process.night]\ncommand = 'd'\nschedule = '0 0 * * *'\n");
    ASSERT_TRUE(config) << config.error().reason;
    EXPECT_EQ(config->processes.at("web").kind, ProcessKind::web);
    EXPECT_EQ(config->processes.at("web").port, k_port_default);
    EXPECT_EQ(config->processes.at("admin").kind, ProcessKind::web);
    EXPECT_EQ(config->processes.at("work").kind, ProcessKind::worker);
    EXPECT_EQ(config->processes.at("night").kind, ProcessKind::cron);
}

TEST(AppFile, detection_is_kept_where_nothing_else_is_said) {
    AppConfig base;
    base.processes["web"] = {.kind = ProcessKind::web, .command = {"node", "a.js"}, .port = 8080};
    base.env = {{"NODE_ENV", "production"}, {"A", "1"}};
    const auto file = parse_app_file("[process.web]\nmemory = '64M'\n[env]\nA = '2'\n");
    ASSERT_TRUE(file) << file.error().reason;
    const auto config = apply_app_file(*file, base);
    ASSERT_TRUE(config) << config.error().reason;
    EXPECT_EQ(config->processes.at("web").command, base.processes["web"].command);
    EXPECT_EQ(config->processes.at("web").memory, mib(64));
    EXPECT_EQ(config->env,
              (std::map<std::string, std::string>{{"NODE_ENV", "production"}, {"A", "2"}}));
}

TEST(AppFile, drain_is_until_done_unless_limited) {
    EXPECT_FALSE(parse_app_file("[drain]\nlimit = 'until done'")->drain.limit);
    EXPECT_EQ(parse_app_file("[drain]\nlimit = '5m'")->drain.limit, minutes(5));
    EXPECT_EQ(reason("[drain]\nlimit = 'soon'"),
              "moln.toml:2: drain.limit: expected \"until done\" or a duration such as \"30s\" or "
              "\"5m\", found \"soon\"");
}

TEST(AppFile, wrong_values_name_line_field_and_value) {
    EXPECT_EQ(reason("\n[process.web]\nmemory = 'lots'"),
              "moln.toml:3: process.web.memory: expected a size such as \"512M\", found \"lots\"");
    EXPECT_EQ(reason("[process.web]\ninstances = '3'"),
              "moln.toml:2: process.web.instances: expected a whole number from 0 to 1000, found "
              "\"3\"");
    EXPECT_EQ(reason("[process.web]\ncpu = 0.001"),
              "moln.toml:2: process.web.cpu: expected a number of cores from 0.01 to 1024, such as "
              "0.5, found 0.001");
    EXPECT_EQ(reason("[process.web]\nport = 99999999999"),
              "moln.toml:2: process.web.port: expected a whole number from 1 to 65535, found "
              "99999999999");
    EXPECT_EQ(reason("[process.web]\nmemory = '1K'"),
              "moln.toml:2: process.web.memory: expected 8M to 1T, found 1K");
    EXPECT_EQ(reason("[[route]]\nhost = 'Shop.org'").substr(0, 37),
              "moln.toml:2: route.host: expected a h");
    EXPECT_EQ(reason("[[volume]]\nname = 'd'\npath = '/d'\nlifetime = 'ever'"),
              "moln.toml:4: volume.lifetime: expected one of instance, app, independent, found "
              "\"ever\"");
    EXPECT_EQ(reason("[[volume]]\nname = 'd'"), "moln.toml:1: volume: expected a path, found none");
    EXPECT_THAT(reason("[[volume]]\nname = 'd'\npath = '/app'"), HasSubstr("does not hide"));
    EXPECT_THAT(reason("name = 'Shop'"), HasSubstr("moln.toml:1: name: expected a name"));
    EXPECT_THAT(reason("stop_signal = 'TERM'"), HasSubstr("moln.toml:1: stop_signal: expected"));
    EXPECT_THAT(reason("[env]\n'A-B' = 1"), HasSubstr("moln.toml:2: env.A-B: expected a variable"));
    EXPECT_THAT(reason("[env]\nA = [1]"), HasSubstr("found a list"));
    EXPECT_THAT(reason("[env]\nA = 2026-11-22"), HasSubstr("found a date or time"));
    EXPECT_THAT(reason("[process.web]\ncommand = ' '"), HasSubstr("expected a command such as"));
    EXPECT_THAT(reason("[process.web]\ncommand = []"), HasSubstr("expected a command such as"));
    EXPECT_THAT(reason("[process]\nweb = 'node'"), HasSubstr("process.web: expected a table"));
    EXPECT_THAT(reason("process = 3"), HasSubstr("expected a table, [process], found 3"));
    EXPECT_THAT(reason("[route]\nhost = 'a'"), HasSubstr("[[route]] above it, found a table"));
    EXPECT_THAT(reason("[health]\npath = '/'\ntcp = true"), HasSubstr("either path or tcp"));
    EXPECT_THAT(reason("[health]\ntcp = false"), HasSubstr("expected a path when tcp is false"));
    EXPECT_THAT(reason("[process.tidy]\nschedule = 'daily'"), HasSubstr("moln.toml:2: "
                                                                        "process.tidy.schedule"));
}

TEST(AppFile, unknown_keys_are_refused_with_what_may_be_meant) {
    EXPECT_EQ(reason("[process.web]\nmemroy = '1G'"),
              "moln.toml:2: process.web.memroy: unknown key; did you mean \"memory\"?");
    EXPECT_EQ(reason("[processes.web]\nmemory = '1G'"),
              "moln.toml:1: processes: unknown key; did you mean \"process\"?");
    EXPECT_EQ(reason("[drain]\nquickly = true"),
              "moln.toml:2: drain.quickly: unknown key; known are limit");
}

TEST(AppFile, all_problems_are_told_in_the_order_of_the_lines) {
    EXPECT_EQ(reason("nmae = 'x'\n[process.web]\nport = 0\nmemory = 'x'\n"),
              "moln.toml:1: nmae: unknown key; did you mean \"name\"?\n"
              "moln.toml:3: process.web.port: expected a whole number from 1 to 65535, found 0\n"
              "moln.toml:4: process.web.memory: expected a size such as \"512M\", found \"x\"");
}

TEST(AppFile, what_is_not_understood_and_what_cannot_be_are_told_at_once) {
    EXPECT_EQ(
        reason("nmae = 'x'\n"
               "stop_signal = 'TERM'\n"
               "[process.web]\nmemroy = '1G'\nmemory = '1K'\n"
               "[[route]]\nhost = ['a.test', 'b.test']\npaht = '/x'\nhsts = '999d'\n"
               "[env]\n'A-B' = 1\n"),
        "moln.toml:1: nmae: unknown key; did you mean \"name\"?\n"
        "moln.toml:2: stop_signal: expected one of SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, "
        "SIGUSR2, SIGKILL, SIGWINCH, SIGRTMIN+3, found \"TERM\"\n"
        "moln.toml:4: process.web.memroy: unknown key; did you mean \"memory\"?\n"
        "moln.toml:5: process.web.memory: expected 8M to 1T, found 1K\n"
        "moln.toml:8: route.paht: unknown key; did you mean \"path\"?\n"
        "moln.toml:9: route.hsts: expected nothing, or 1s to 730d, found \"999d\"\n"
        "moln.toml:11: env.A-B: expected a variable name of letters, digits and underscores "
        "(at most 128, no digit first), found \"A-B\"");
    EXPECT_EQ(reason("[[volume]]\npath = '/proc'\n[[volume]]\nname = 'd'\npath = 5\n"),
              "moln.toml:1: volume: expected a name, found none\n"
              "moln.toml:2: volume.path: expected a folder of the app's own such as \"/data\", "
              "found \"/proc\"\n"
              "moln.toml:5: volume.path: expected text in quotes, found 5");
}

TEST(AppFile, what_may_follow_from_a_misspelt_key_is_not_told) {
    // Without its port the process would be none for requests.
    EXPECT_EQ(reason("[process.api]\nprot = 80\nconcurrency = 5\nbalance = 'path'\n"
                     "[[route]]\nhost = 'a.test'\nprocess = 'api'\n"
                     "forward_auth = { process = 'api', path = '/' }\n"),
              "moln.toml:2: process.api.prot: unknown key; did you mean \"port\"?");
    EXPECT_EQ(reason("[processes.api]\nport = 80\n[[route]]\nhost = 'a.test'\nprocess = 'api'\n"),
              "moln.toml:1: processes: unknown key; did you mean \"process\"?");
    EXPECT_EQ(reason("[process.api]\nprot = 80\n[[route]]\nhost = 'a.test'\nprocess = 'apj'\n"),
              "moln.toml:2: process.api.prot: unknown key; did you mean \"port\"?\n"
              "moln.toml:5: route.process: expected a web process of this app, found \"apj\"");
    // Without its path one route would be the other, without its listen it would have no port.
    EXPECT_EQ(reason("[[route]]\nhost = 'a.test'\npaht = '/x'\n[[route]]\nhost = 'a.test'\n"
                     "[[route]]\nhost = 'b.test'\nlisen = 'tcp:1'\nport = 7\n"),
              "moln.toml:3: route.paht: unknown key; did you mean \"path\"?\n"
              "moln.toml:8: route.lisen: unknown key; did you mean \"listen\"?");
    // What detection may bring is not missed, what it cannot take away is told.
    EXPECT_EQ(reason("[process.work]\ncommand = 'x'\n[[volume]]\nname = 'd'\npath = '/d'\n"), "");
    EXPECT_THAT(
        reason("nmae = 'x'\n[process.web]\ninstances = 2\nport = 'x'\n"
               "[[volume]]\nname = 'd'\npath = '/d'\n"),
        HasSubstr("found \"x\"\nmoln.toml:5: volume.sharing: expected one instance to mount "
                  "the exclusive volume \"d\", found 2 of web"));
    EXPECT_EQ(reason("[process.web]\ncommand = 'x'\n[process.work]\ninstnces = 0\n"
                     "[[volume]]\nname = 'd'\npath = '/d'\n"),
              "moln.toml:4: process.work.instnces: unknown key; did you mean \"instances\"?");
    EXPECT_EQ(reason("[process.web]\ninstances = 2\n[[volume]]\nname = 'd'\npath = '/d'\n"
                     "sharng = 'shared'\n"),
              "moln.toml:6: volume.sharng: unknown key; did you mean \"sharing\"?");
}

TEST(AppFile, no_more_problems_than_the_limit_are_told) {
    std::string text = "[build]\n";
    for (std::size_t i = 0; i < k_problems_max + 3; ++i) text += fmt::format("unknown-{} = 1\n", i);
    const auto told = reason(text);
    EXPECT_EQ(std::ranges::count(told, '\n'), static_cast<long>(k_problems_max));
    EXPECT_THAT(told, HasSubstr("\nmoln.toml: 3 more"));
}

TEST(AppFile, relations_between_processes_are_told_with_their_line) {
    const auto told = [](std::string_view text) { return config_of(text).error().reason; };
    EXPECT_EQ(told("[process.web]\ncommand = 'a'\n[[route]]\nhost = '*'\nprocess = 'wob'"),
              "moln.toml:5: route.process: expected a web process of this app, found \"wob\"");
    EXPECT_EQ(told("[process.web]\ncommand = 'a'\n[process.work]\nmemory = '1G'"),
              "moln.toml:3: process.work.command: expected a command, found none");
    EXPECT_THAT(told("[process.web]\ncommand = 'a'\ninstances = 2\n"
                     "[[volume]]\nname = 'd'\npath = '/d'\n"),
                HasSubstr("moln.toml:4: volume.sharing: expected one instance to mount"));
}

TEST(AppFile, what_is_no_toml_is_refused_with_its_line_and_column) {
    EXPECT_THAT(reason("[process.web]\nmemory = "), HasSubstr("moln.toml:2:10: not TOML: "));
    EXPECT_THAT(reason("a = 1\na = 2"), HasSubstr("moln.toml:2:5: not TOML: "));
    EXPECT_THAT(reason("name = shop"), EndsWith("; text stands in quotes"));
    EXPECT_THAT(reason("name = \"shop\n"), EndsWith("end with its quote, on its line?"));
    EXPECT_THAT(reason("name = \"\xff\xfe\""), HasSubstr("not TOML"));
    EXPECT_EQ(reason(std::string_view("a = 1\n\0", 7)),
              "moln.toml:2: expected text, found a NUL byte");
    EXPECT_THAT(reason("port = 99999999999999999999"), HasSubstr("moln.toml:1:28: not TOML"));
}

TEST(AppFile, a_value_in_the_place_of_a_table_is_told_what_one_looks_like) {
    const auto route = [](std::string_view line) {
        return reason(fmt::format("[[route]]\nhost = \"a.test\"\n{}\n", line));
    };
    EXPECT_EQ(route("cache = true"),
              "moln.toml:3: route.cache: expected a table such as {} or "
              "{ ttl = \"60s\" }, found true");
    EXPECT_EQ(route("rate_limit = 20"),
              "moln.toml:3: route.rate_limit: expected a table such as { client = \"20/s\" }, or "
              "text such as \"20/s\", found 20");
    EXPECT_THAT(route("auth = 'alice'"), HasSubstr("such as { users = ["));
    EXPECT_THAT(route("forward_auth = '/check'"), HasSubstr("such as { process = \"auth\", path"));
    EXPECT_THAT(route("client_cert = 'ca.pem'"), HasSubstr("such as { ca = \"ca.pem\" }"));
}

TEST(AppFile, a_table_of_the_app_within_a_process_is_told_where_it_belongs) {
    EXPECT_EQ(reason("[process.web]\n[process.web.health]\npath = '/x'"),
              "moln.toml:2: process.web.health: expected as a table of the whole app, [health] "
              "alone on a line");
    EXPECT_THAT(reason("[process.web]\nvolume = 'data'"), HasSubstr("[[volume]] alone on a line"));
}

TEST(AppFile, a_list_without_a_host_is_no_route) {
    EXPECT_EQ(reason("[[route]]\nhost = []"),
              "moln.toml:2: route.host: expected at least one host, found none");
}

TEST(AppFile, what_is_no_name_is_told_once) {
    EXPECT_EQ(reason("name = 5"), "moln.toml:1: name: expected text in quotes, found 5");
}

TEST(AppFile, a_worker_has_no_queue) {
    const auto told = [](std::string_view key) {
        return config_of(fmt::format("[process.web]\ncommand = 'a'\n[process.work]\n"
                                     "command = 'b'\n{}",
                                     key))
            .error()
            .reason;
    };
    EXPECT_EQ(told("queue = 3"),
              "moln.toml:5: process.work.queue: expected none: only a web "
              "process gets requests");
    EXPECT_EQ(told("queue_time = '3s'"),
              "moln.toml:5: process.work.queue_time: expected none: "
              "only a web process gets requests");
}

TEST(AppFile, size_at_the_limit_and_one_past) {
    std::string text = "#";
    text.resize(k_app_file_bytes_max, 'x');
    EXPECT_EQ(reason(text), "");
    EXPECT_EQ(reason(text + "x"), "moln.toml: expected at most 262144 bytes, found 262145");
}

TEST(AppFile, nesting_at_the_limit_and_one_past) {
    const auto list = [](std::size_t depth) {
        return "x = " + std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_THAT(reason(list(k_toml_depth_max)), HasSubstr("unknown key"));
    EXPECT_THAT(reason(list(k_toml_depth_max + 1)), HasSubstr("at most 16 levels"));
    const auto dotted = [](std::size_t depth) {
        std::string key = "a";
        for (std::size_t i = 1; i < depth; ++i) key += ".a";
        return key + " = 1";
    };
    EXPECT_THAT(reason(dotted(k_toml_depth_max)), HasSubstr("unknown key"));
    EXPECT_THAT(reason(dotted(k_toml_depth_max + 1)), HasSubstr("at most 16 levels"));
    EXPECT_THAT(reason(dotted(100'000)), HasSubstr("at most 16 levels"));
    EXPECT_THAT(reason("[" + std::string(100'000, '[')), HasSubstr("at most 16 levels"));
}

TEST(AppFile, brackets_and_dots_in_texts_and_comments_do_not_nest) {
    const std::string dots(100, '.');
    EXPECT_EQ(
        reason("# " + dots + std::string(100, '[') + "\n[env]\nA = \"" + dots + "\\\"" + dots +
               "\"\nB = '" + dots + "'\nC = \"\"\"\n" + dots + "\"\n" + dots + "\"\"\"\n"),
        "");
}

RC_GTEST_PROP(AppFile, any_text_gives_a_file_or_an_error_with_the_files_name,
              (const std::string& text)) {
    const auto file = parse_app_file(text);
    if (!file) RC_ASSERT(file.error().reason.starts_with("moln.toml"));
}

TEST(Nearest, finds_what_may_be_meant) {
    constexpr std::string_view known[] = {"memory", "command", "port"};
    EXPECT_EQ(nearest("memroy", known), "memory");
    EXPECT_EQ(nearest("ports", known), "port");
    EXPECT_EQ(nearest("colour", known), "");
    EXPECT_EQ(nearest("", known), "");
    EXPECT_EQ(nearest(std::string(100'000, 'm'), known), "");
}

TEST(AppFile, a_route_of_a_port) {
    const auto config = config_of(
        "[process.web]\ncommand = 'a'\n[process.db]\ncommand = 'b'\nport = 5432\n"
        "[[route]]\nlisten = 'tcp:5432'\nprocess = 'db'\nport = 7\naccept_proxy = true\n"
        "send_proxy = 'v2'\nidle = '10m'\n"
        "[[route]]\nlisten = 'tcp:8443'\nhost = ['a.test', 'b.test']\nprocess = 'db'\n");
    ASSERT_TRUE(config) << config.error().reason;
    ASSERT_EQ(config->routes.size(), 3U);
    EXPECT_EQ(config->routes[0], (RouteSpec{.host = "*",
                                            .process = "db",
                                            .listen = "tcp:5432",
                                            .port = 7,
                                            .accept_proxy = true,
                                            .send_proxy = SendProxy::v2,
                                            .idle = minutes(10)}));
    EXPECT_EQ(config->routes[2].host, "b.test");
    const auto kept = config_of(
        "[process.web]\ncommand = 'a'\n[[route]]\nlisten = 'tcp:25'\nkeep_source = true\n");
    ASSERT_TRUE(kept) << kept.error().reason;
    EXPECT_TRUE(kept->routes[0].keep_source);
    EXPECT_THAT(reason("[[route]]\nlisten = 'tcp:25'\nkeep_source = true\n"
                       "[[route]]\nlisten = 'tcp:25'\nhost = 'a.test'\n"),
                HasSubstr("expected a port of its own, found another route of tcp:25"));
    EXPECT_THAT(reason("[[route]]\npath = '/'"), HasSubstr("expected a host or a listen"));
    EXPECT_THAT(reason("[[route]]\nlisten = '5432'"),
                HasSubstr("moln.toml:2: route.listen: expected tcp:PORT"));
    EXPECT_THAT(reason("[[route]]\nhost = 'a.test'\naccept_proxy = true"),
                HasSubstr("moln.toml:3: route.accept_proxy: expected none"));
    EXPECT_THAT(reason("[[route]]\nlisten = 'tcp:25'\n[[route]]\nlisten = 'tcp:25'\n"),
                HasSubstr("found tcp:25 again"));
}

TEST(AppFile, forward_auth_asks_who_speaks_http) {
    EXPECT_EQ(reason("[process.dns]\ncommand = 'd'\nport = 5353\n"
                     "[[route]]\nlisten = 'udp:53'\nprocess = 'dns'\n"
                     "[[route]]\nhost = 'a.org'\n"
                     "forward_auth = { process = 'dns', path = '/check' }\n"),
              "moln.toml:9: route.forward_auth: process: expected a process that is spoken HTTP "
              "to, found \"dns\", whose port is that of udp:53 alone: name another, or add a route "
              "with a host that leads to it");
}

TEST(AppFile, how_a_process_shares_its_requests) {
    const auto config = config_of(
        "[process.web]\ncommand = 'x'\nbalance = 'header:X-Tenant'\naffinity = true\n"
        "slow_start = '30s'\nreplay = '20M'\nretry = 'all'\n"
        "answer_timeout = '1h'\n[process.auth]\ncommand = 'y'\n"
        "port = 4000\n[[route]]\nhost = 'a.org'\nrate_limit = '20/s'\n"
        "forward_auth = { process = 'auth', path = '/check', copy = ['X-User'] }\n");
    ASSERT_TRUE(config) << config.error().reason;
    const auto& web = config->processes.at("web");
    EXPECT_EQ(format_balance(web.balance), "header:X-Tenant");
    EXPECT_TRUE(web.affinity);
    EXPECT_EQ(web.slow_start, seconds(30));
    EXPECT_EQ(web.replay, mib(20));
    EXPECT_EQ(web.retry, RetryMode::all);
    EXPECT_EQ(web.answer_timeout, minutes(60));
    EXPECT_EQ(config->processes.at("auth").answer_timeout, minutes(5));
    const ForwardAuthSpec asked{.process = "auth", .path = "/check", .copy = {"X-User"}};
    EXPECT_EQ(config->routes.front().forward_auth, asked);
    EXPECT_EQ(config->routes.front().rate->client->requests, 20);
    EXPECT_FALSE(config->routes.front().rate->route);
    const auto wrong = parse_app_file(
        "[process.web]\nbalance = 'most'\n[[route]]\nhost = 'a.org'\nrate_limit = 'many'\n");
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().reason.find("moln.toml:2: process.web.balance: expected least, client"),
              std::string::npos);
    EXPECT_NE(wrong.error().reason.find("moln.toml:5: route.rate_limit: expected a rate such as"),
              std::string::npos)
        << wrong.error().reason;
}

constexpr const char* k_authority =
    "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";

TEST(AppFile, authorities_of_clients_are_a_file_beside_it_or_stand_there_themselves) {
    const auto text =
        "[process.web]\ncommand = \"x\"\n"
        "[[route]]\nhost = \"a.org\"\nclient_cert = { ca = \"ca.pem\" }\n"
        "[[route]]\nhost = \"b.org\"\nclient_cert = { need = \"optional\", ca = \"\"\"\n" +
        std::string(k_authority) + "\"\"\" }\n";
    auto file = parse_app_file(text);
    ASSERT_TRUE(file) << file.error().reason;
    EXPECT_EQ(named_files(*file), std::vector<std::string>{"ca.pem"});
    EXPECT_FALSE(apply_app_file(*file, {}));  // a name is no authority
    const std::map<std::string, std::string> files = {{"ca.pem", k_authority}};
    file = parse_app_file(text, &files);
    ASSERT_TRUE(file) << file.error().reason;
    EXPECT_TRUE(named_files(*file).empty());
    const auto config = apply_app_file(*file, {});
    ASSERT_TRUE(config) << config.error().reason;
    EXPECT_EQ(config->routes[0].client_cert, ClientCertSpec{.ca = k_authority});
    EXPECT_EQ(config->routes[1].client_cert->need, ClientCertNeed::optional);
}

// It was told after all else had been mended.
TEST(AppFile, authorities_that_are_not_there_are_told_with_what_else_is_wrong) {
    const std::string text =
        "[process.web]\ncommand = \"x\"\nmemory = \"lots\"\n"
        "[[route]]\nhost = \"a.org\"\nclient_cert = { ca = \"ca.pem\" }\n"
        "[[route]]\nhost = \"b.org\"\nclient_cert = { ca = \"other.pem\" }\n";
    const std::map<std::string, std::string> files = {{"other.pem", "no certificate"}};
    const auto file = parse_app_file(text, &files);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().reason,
              "moln.toml:3: process.web.memory: expected a size such as \"512M\", found \"lots\"\n"
              "moln.toml:6: route.client_cert.ca: there is no file ca.pem beside moln.toml: put it "
              "there, or its text in place of its name\n"
              "moln.toml:9: route.client_cert.ca: expected certificates of authorities as PEM "
              "(\"-----BEGIN CERTIFICATE-----\"), found none");
}

TEST(AppFile, a_client_cert_that_cannot_be_is_told) {
    const auto reason = [](const std::string& route) {
        const auto file = parse_app_file(
            "[process.web]\ncommand = \"x\"\n[[route]]\nhost = \"a\"\n" + route + "\n");
        return file ? std::string() : file.error().reason;
    };
    EXPECT_THAT(reason("client_cert = {}"), HasSubstr("route.client_cert.ca: expected the name"));
    for (const auto* path : {"../ca.pem", "/etc/ca.pem", "certs/ca.pem", ".hidden"}) {
        EXPECT_THAT(reason("client_cert = { ca = \"" + std::string(path) + "\" }"),
                    HasSubstr("beside moln.toml"));
    }
    EXPECT_THAT(reason("client_cert = { ca = \"ca.pem\", need = \"maybe\" }"),
                HasSubstr("expected one of"));
    EXPECT_THAT(reason("https = \"both\"\nclient_cert = { ca = \"ca.pem\" }"),
                HasSubstr("expected automatic or redirect"));
    EXPECT_THAT(reason("cache = {}\nclient_cert = { ca = \"ca.pem\" }"),
                HasSubstr("is not kept for others"));
    EXPECT_EQ(reason("cache = {}\nclient_cert = { ca = \"ca.pem\", need = \"optional\" }"), "");
}

}  // namespace
}  // namespace moln
