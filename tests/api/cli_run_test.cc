// `moln` as a process against the real server over a FakeControl: words in, text and exit code out.
#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "tests/api/cli_fixture.h"

namespace moln {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST_F(Cli, an_authority_is_set_shown_and_turned_off) {
    EXPECT_THAT(moln({"cert", "acme"}).out, HasSubstr("--agree-tos"));
    std::ofstream(folder_ + "/shop/ca.pem") << "certificate of ours\n";
    std::ofstream(folder_ + "/shop/none.pem") << "nothing\n";
    const auto set =
        moln({"cert", "acme", "--agree-tos", "--directory", "https://ca.example.org/dir", "--email",
              "ops@example.org", "--ca-file", "ca.pem"});
    EXPECT_EQ(set.exit_code, 0) << set.out;
    EXPECT_THAT(set.out, HasSubstr("ca.example.org knows this cloud."));
    const auto shown = moln({"cert", "acme"});
    EXPECT_THAT(shown.out, HasSubstr("https://ca.example.org/dir"));
    EXPECT_THAT(shown.out, HasSubstr("ops@example.org"));
    on_loop([this] {
        EXPECT_EQ(control_->state.acme->ca_bundle, "certificate of ours\n");
        EXPECT_EQ(control_->state.acme->sealed_key, "sealed account key");
    });
    const auto wrong = moln({"cert", "acme", "--agree-tos", "--ca-file", "none.pem"});
    EXPECT_THAT(wrong.out, HasSubstr("ca_bundle: there is no certificate"));
    EXPECT_EQ(moln({"cert", "acme", "--off", "--agree-tos"}).exit_code, 2);
    EXPECT_EQ(moln({"cert", "acme", "--off"}).exit_code, 0);
    EXPECT_THAT(moln({"cert", "acme"}).out, HasSubstr("off: nothing is ordered"));
}

TEST_F(Cli, an_authority_that_refuses_is_told_at_once) {
    on_loop([this] { control_->acme_takes = "SSL peer certificate was not OK"; });
    const auto set = moln({"cert", "acme", "--agree-tos"});
    EXPECT_NE(set.exit_code, 0);
    EXPECT_THAT(set.out, HasSubstr("letsencrypt does not take this cloud: SSL peer"));
    EXPECT_EQ(moln({"cert", "acme", "--agree-tos", "--no-wait"}).exit_code, 0);
    EXPECT_THAT(moln({"cert", "acme"}).out, HasSubstr("SSL peer"));
}

TEST_F(Cli, certificates_are_added_from_files_and_shown) {
    std::ofstream(folder_ + "/shop/chain.pem") << "certificate shop.example.org\n";
    std::ofstream(folder_ + "/shop/key.pem") << "key hunter2\n";
    const auto added = moln({"cert", "add", "--cert", "chain.pem", "--key", "key.pem"});
    EXPECT_EQ(added.exit_code, 0) << added.out;
    on_loop([this] {
        EXPECT_EQ(control_->state.certificates.at(CertificateId("cert-1")).sealed_key,
                  "sealed 7 bytes for cert-1");
    });
    const auto listed = moln({"cert", "ls"});
    EXPECT_THAT(listed.out, HasSubstr("cert-1"));
    EXPECT_THAT(listed.out, HasSubstr("shop.example.org"));
    EXPECT_THAT(listed.out, HasSubstr("A public authority"));
    EXPECT_THAT(listed.out, HasSubstr("no route"));
    const auto shown = moln({"cert", "show", "cert-1"});
    EXPECT_THAT(shown.out, HasSubstr("chain of shop.example.org"));
    EXPECT_THAT(moln({"cert", "show", "cert-1", "--json"}).out, HasSubstr("\"fingerprint\""));
    EXPECT_EQ(moln({"cert", "show", "cert-9"}).exit_code, 3);
    for (const auto& ran : {added, listed, shown}) EXPECT_THAT(ran.out, Not(HasSubstr("hunter2")));
    EXPECT_EQ(moln({"cert", "rm", "cert-1"}).exit_code, 2) << "nobody can be asked";
    EXPECT_EQ(moln({"cert", "rm", "cert-1", "--yes"}).exit_code, 0);
    EXPECT_THAT(moln({"cert", "ls"}).out, HasSubstr("No certificates."));
}

TEST_F(Cli, a_key_may_come_by_standard_input_and_is_never_an_argument) {
    std::ofstream(folder_ + "/shop/chain.pem") << "certificate shop.example.org";
    EXPECT_EQ(moln({"cert", "add", "--cert", "chain.pem", "--key", "-"}, "key hunter2").exit_code,
              0);
    EXPECT_EQ(moln({"cert", "add", "--cert", "-"}, "certificate a.org\nkey x\n").exit_code, 0);
    EXPECT_EQ(moln({"cert", "add", "--cert", "-", "--key", "-"}).exit_code, 2);
    EXPECT_EQ(moln({"cert", "add", "--key", "-"}).exit_code, 2);
    EXPECT_EQ(moln({"cert", "add", "--cert", "none.pem", "--key", "-"}).exit_code, 3);
    const auto refused = moln({"cert", "add", "--cert", "chain.pem"});
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_THAT(refused.out, HasSubstr("there is no private key"));
    const auto large = moln({"cert", "add", "--cert", "-"}, std::string(100'000, 'x'));
    EXPECT_EQ(large.exit_code, 2);
    EXPECT_THAT(large.out, HasSubstr("at most 65536 bytes"));
}

TEST_F(Cli, trust_prints_the_authority) {
    EXPECT_EQ(moln({"trust", "--print"}).exit_code, 3);
    on_loop([this] {
        control_->state.authority = Authority{.certificate = "-----BEGIN the root\n",
                                              .sealed_key = "sealed",
                                              .not_before = {},
                                              .not_after = {},
                                              .fingerprint = "f00d"};
    });
    const auto printed = moln({"trust", "--print"});
    EXPECT_EQ(printed.exit_code, 0);
    EXPECT_EQ(printed.out, "-----BEGIN the root\n");
    EXPECT_THAT(moln({"trust", "--json"}).out, HasSubstr("\"fingerprint\":\"f00d\""));
    EXPECT_EQ(moln({"trust", "--print", "--remove"}).exit_code, 2);
}

TEST_F(Cli, a_host_that_failed_is_tried_again_by_its_name) {
    EXPECT_EQ(moln({"cert", "retry", "shop.example.org"}).exit_code, 0);
    on_loop([this] {
        EXPECT_EQ(std::get<RetryCertificateCommand>(control_->commands.back()).host,
                  "shop.example.org");
    });
    EXPECT_EQ(moln({"cert", "retry"}).exit_code, 2);
}

TEST_F(Cli, a_canary_and_maintenance_are_sent_as_said) {
    EXPECT_EQ(moln({"canary", "25%", "--header", "X-Canary: yes", "--no-wait"}).exit_code, 0);
    on_loop([this] {
        const auto& command = std::get<SetCanaryCommand>(control_->commands.back());
        EXPECT_EQ(command.canary, (CanarySpec{.share = 25, .header = "X-Canary: yes"}));
    });
    EXPECT_EQ(moln({"promote", "--no-wait"}).exit_code, 0);
    on_loop(
        [this] { EXPECT_TRUE(std::holds_alternative<PromoteCommand>(control_->commands.back())); });
    const auto wrong = moln({"canary", "some"});
    EXPECT_EQ(wrong.exit_code, 2);
    EXPECT_THAT(wrong.out, HasSubstr("expected a share such as \"10%\", found \"some\""));
    EXPECT_EQ(moln({"canary", "101"}).exit_code, 2);
    std::ofstream(folder_ + "/shop/soon.html") << "<p>soon</p>";
    EXPECT_EQ(
        moln({"maintenance", "on", "--page", "soon.html", "--retry-after", "10m", "--no-wait"})
            .exit_code,
        0);
    on_loop([this] {
        const auto& command = std::get<SetMaintenanceCommand>(control_->commands.back());
        EXPECT_EQ(command.maintenance,
                  (MaintenanceSpec{.page = "<p>soon</p>", .retry_after_s = 600}));
    });
    EXPECT_EQ(moln({"maintenance", "off", "--no-wait"}).exit_code, 0);
    on_loop([this] {
        EXPECT_FALSE(std::get<SetMaintenanceCommand>(control_->commands.back()).maintenance);
    });
    EXPECT_EQ(moln({"maintenance", "on", "--retry-after", "0s"}).exit_code, 2);
}

TEST_F(Cli, a_password_becomes_a_line_that_has_only_its_hash) {
    const auto made = moln({"password", "alice"}, "open sesame\n");
    EXPECT_EQ(made.exit_code, 0) << made.out;
    EXPECT_THAT(made.out, testing::StartsWith("alice:$y$"));
    EXPECT_THAT(made.out, Not(HasSubstr("sesame")));
    EXPECT_EQ(moln({"password", "alice"}, "").exit_code, 2);
    EXPECT_EQ(moln({"password", "al ice"}, "x\n").exit_code, 2);
}

TEST_F(Cli, a_port_is_routed) {
    EXPECT_EQ(moln({"route", "add", "--listen", "tcp:5432", "--port", "7", "--send-proxy", "v1",
                    "--accept-proxy", "--idle", "10m"})
                  .exit_code,
              0);
    on_loop([this] {
        const auto& route = std::get<AddRouteCommand>(control_->commands.back()).route;
        EXPECT_EQ(route, (RouteSpec{.host = "*",
                                    .listen = "tcp:5432",
                                    .port = 7,
                                    .accept_proxy = true,
                                    .send_proxy = SendProxy::v1,
                                    .idle = minutes(10)}));
    });
    EXPECT_EQ(moln({"route", "rm", "--listen", "tcp:5432"}).exit_code, 0);
    EXPECT_EQ(moln({"route", "add"}).exit_code, 2);
    EXPECT_EQ(moln({"route", "add", "--listen", "5432"}).exit_code, 2);
    EXPECT_EQ(moln({"route", "add", "--listen", "tcp:5432", "--port", "0"}).exit_code, 2);
}

TEST_F(Cli, status_and_lists_are_tables) {
    const auto status = moln({"status"});
    EXPECT_EQ(status.exit_code, 0) << status.out;
    EXPECT_THAT(status.out, HasSubstr("instances  1 of 1 ready"));
    EXPECT_THAT(status.out, Not(HasSubstr("\x1b"))) << "colours without a terminal";
    EXPECT_THAT(moln({"ps"}).out, HasSubstr("web-shop  shop  1        running"));
    EXPECT_THAT(moln({"apps"}).out, HasSubstr("http://shop.localhost:8080/"));
    EXPECT_THAT(moln({"releases"}).out, HasSubstr("serving"));
    EXPECT_THAT(moln({"route", "ls"}).out, HasSubstr("shop.localhost"));
    EXPECT_THAT(moln({"platform", "ls"}).out, HasSubstr("host (default)"));
    EXPECT_THAT(moln({"trash", "ls"}).out, HasSubstr("empty"));
    EXPECT_THAT(moln({"metrics"}).out, HasSubstr("moln_apps 1"));
}

TEST_F(Cli, json_is_what_the_api_answers) {
    const auto ran = moln({"ps", "--json"});
    EXPECT_EQ(ran.out, call("GET", "/v1/instances").body);
}

TEST_F(Cli, exit_codes_tell_apart_what_went_wrong) {
    EXPECT_EQ(moln({"bogus"}).exit_code, 2);
    const auto none = moln({"releases", "-a", "none"});
    EXPECT_EQ(none.exit_code, 3);
    EXPECT_THAT(none.out, HasSubstr("moln: app none"));
    on_loop([this] { control_->next_error = Error{ErrorCode::refused, "too many"}; });
    EXPECT_EQ(moln({"restart"}).exit_code, 4);
    const auto away = moln({"--socket", "/nonexistent/x.sock", "ps"});
    EXPECT_EQ(away.exit_code, 2) << "an option twice";
}

TEST_F(Cli, without_a_daemon_it_says_how_to_start_one) {
    on_loop([this] { server_ = nullptr; });
    const auto ran = moln({"ps"});
    EXPECT_EQ(ran.exit_code, 5);
    EXPECT_THAT(ran.out, HasSubstr("`moln up`"));
}

TEST_F(Cli, deploy_sends_the_folder_and_names_the_app_by_it) {
    on_loop([this] { control_->build_lines = {"npm install"}; });
    const auto ran = moln({"deploy"});
    EXPECT_EQ(ran.exit_code, 0) << ran.out;
    EXPECT_THAT(ran.out, HasSubstr("npm install"));
    EXPECT_THAT(ran.out, HasSubstr("release 2 is made"));
    EXPECT_THAT(ran.out, HasSubstr("web-shopr2: running"));
    EXPECT_THAT(on_loop([this] { return *control_->built_archive; }), HasSubstr("hello"));
}

TEST_F(Cli, deploy_that_is_refused_in_the_middle_says_why) {
    // More than sockets hold, to an app whose name the daemon refuses before it reads a body.
    std::ofstream(folder_ + "/shop/large", std::ios::binary) << std::string(8'000'000, 'x');
    const auto ran = moln({"deploy", "--platform", "p", "--project", "No_Such"});
    EXPECT_EQ(ran.exit_code, 2) << ran.out;
    EXPECT_THAT(ran.out, HasSubstr("project"));
}

TEST_F(Cli, deploy_fails_with_the_log_of_what_failed) {
    on_loop([this] {
        control_->build_lines = {"building"};
        control_->build_result = fail(ErrorCode::failed, "npm install failed");
    });
    const auto ran = moln({"deploy"});
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.out, HasSubstr("moln: npm install failed"));
}

TEST_F(Cli, ctrl_c_in_a_build_cancels_it_and_says_so) {
    on_loop([this] { control_->hold_builds = true; });
    const auto started = start_moln({"deploy"});
    ASSERT_TRUE(becomes([this] { return control_->built_archive.has_value(); }));
    ::kill(started.pid, SIGINT);
    const auto ran = finish(started);
    EXPECT_EQ(ran.exit_code, 130);
    EXPECT_THAT(ran.out, HasSubstr("Cancelled"));
    EXPECT_TRUE(becomes([this] { return control_->build_cancelled; }));
}

TEST_F(Cli, ctrl_c_in_a_switch_lets_it_go_on_and_says_so) {
    on_loop([this] { control_->settle_deploys = false; });
    const auto started = start_moln({"deploy"});
    ASSERT_NO_FATAL_FAILURE(read_until(started, "is made"));
    ::kill(started.pid, SIGINT);
    const auto ran = finish(started);
    EXPECT_EQ(ran.exit_code, 130);
    EXPECT_THAT(ran.out, HasSubstr("goes on in the background"));
}

TEST_F(Cli, a_daemon_that_ends_in_a_switch_leaves_it_to_the_next_and_that_is_said) {
    on_loop([this] { control_->settle_deploys = false; });
    const auto started = start_moln({"deploy"});
    ASSERT_NO_FATAL_FAILURE(read_until(started, "is made"));
    on_loop([this] { server_ = nullptr; });
    const auto ran = finish(started);
    EXPECT_EQ(ran.exit_code, 5);
    EXPECT_THAT(ran.out, HasSubstr("goes on in the background"));
    EXPECT_THAT(ran.out, HasSubstr("the daemon closed the connection"));
}

TEST_F(Cli, a_dry_run_prints_the_plan) {
    const auto ran = moln({"deploy", "--dry-run"});
    EXPECT_EQ(ran.exit_code, 0) << ran.out;
    EXPECT_THAT(ran.out, HasSubstr("something would happen to default/shop"));
}

TEST_F(Cli, a_secret_comes_from_standard_input_or_a_file_without_its_last_newline) {
    EXPECT_EQ(moln({"secret", "set", "KEY"}, "12345\n").exit_code, 0);
    std::ofstream(folder_ + "/key.pem") << "123\n456";
    EXPECT_EQ(moln({"secret", "set", "PEM", "--file", folder_ + "/key.pem"}).exit_code, 0);
    const auto secrets =
        on_loop([this] { return control_->state.apps[AppId("default/shop")].secrets; });
    EXPECT_EQ(secrets.at("KEY"), "sealed-5");
    EXPECT_EQ(secrets.at("PEM"), "sealed-7");
    EXPECT_EQ(moln({"secret", "set", "KEY", "value"}).exit_code, 2) << "taken from argv";
    EXPECT_EQ(moln({"secret", "set", "KEY"}, std::string(64 * 1024 + 2, 'x')).exit_code, 2);
}

TEST_F(Cli, rm_asks_and_without_a_terminal_wants_yes) {
    const auto refused = moln({"rm", "--app", "shop"});
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_THAT(refused.out, HasSubstr("something would happen"));
    EXPECT_THAT(refused.out, HasSubstr("--yes"));
    EXPECT_EQ(moln({"rm", "--app", "shop", "--dry-run"}).exit_code, 0);
    EXPECT_TRUE(on_loop([this] { return control_->state.apps.contains(AppId("default/shop")); }));
    EXPECT_EQ(moln({"rm", "--app", "shop", "--yes"}).exit_code, 0);
    EXPECT_FALSE(on_loop([this] { return control_->state.apps.contains(AppId("default/shop")); }));
}

TEST_F(Cli, logs_and_events_are_lines) {
    on_loop([this] {
        control_->log_lines = {
            {.instance = InstanceId("web-shop"), .process = "web", .text = "hello"}};
        control_->state.events[1] = {.number = 1, .name = "app.deployed", .text = "all is well"};
    });
    EXPECT_THAT(moln({"logs"}).out, HasSubstr("web-shop | hello\n"));
    EXPECT_THAT(moln({"logs", "--json"}).out, HasSubstr("\"text\":\"hello\""));
    EXPECT_THAT(moln({"events"}).out, HasSubstr("all is well"));
}

TEST_F(Cli, ctrl_c_ends_a_follow_well) {
    const auto started = start_moln({"logs", "-f"});
    ASSERT_TRUE(becomes([this] { return control_->log_followers == 1; }));
    ::kill(started.pid, SIGINT);
    EXPECT_EQ(finish(started).exit_code, 0);
}

TEST_F(Cli, run_without_a_terminal_prints_and_exits_as_its_command) {
    const auto started = start_moln({"run", "--", "ls", "--json"}, "typed");
    ASSERT_TRUE(
        becomes([this] { return control_->state.instances.contains(InstanceId("run-abc")); }));
    on_loop([this] {
        control_->make_ready(InstanceId("run-abc"));
        control_->changed();
    });
    ASSERT_TRUE(becomes([this] {
        const auto shell = control_->terminals[InstanceId("run-abc")];
        return shell != nullptr && shell->input == "typed" && shell->input_ended;
    }));
    on_loop([this] {
        const auto shell = control_->terminals[InstanceId("run-abc")];
        shell->output("said\n");
        shell->end(42);
        auto& seen = control_->state.nodes[control_->state.self].instances[InstanceId("run-abc")];
        seen.phase = InstancePhase::ended;
        seen.last_exit = InstanceExit{.code = 42};
        control_->changed();
    });
    const auto ran = finish(started);
    EXPECT_EQ(ran.exit_code, 42);
    EXPECT_THAT(ran.out, HasSubstr("said\n"));
}

TEST_F(Cli, completion_asks_the_daemon_for_names) {
    // Its socket is found by --data: a directory whose run/api.sock is ours.
    std::filesystem::create_directory(folder_ + "/run");
    std::filesystem::create_symlink(socket(), folder_ + "/run/api.sock");
    const auto complete = [&](const std::string& words) {
        const auto command =
            "MOLN_DATA=" + folder_ + " " + MOLN_CLI_PROGRAM + " __complete " + words;
        std::string out;
        std::FILE* const pipe = ::popen(command.c_str(), "r");
        std::array<char, 256> buffer;
        while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) out += buffer.data();
        ::pclose(pipe);
        return out;
    };
    EXPECT_EQ(complete("logs --app ''"), "shop\n");
    EXPECT_EQ(complete("shell web"), "web-shop\n");
    on_loop([this] {
        auto& app = control_->state.apps.at(AppId("default/shop"));
        app.routes = {{.host = "a.test", .path = "/api"}, {.host = "*", .listen = "tcp:1"}};
        // A host without a certificate is in the list without an id.
        control_->state.edge.routes = {{.host = "shop.example.org", .path = "/"}};
    });
    EXPECT_EQ(complete("route rm ''"), "a.test/api\n");
    EXPECT_EQ(complete("cert show ''"), "");
    EXPECT_EQ(complete("stat"), "status\n");
}

TEST_F(Cli, completion_scripts_are_what_their_shells_take) {
    for (const std::string shell : {"bash", "zsh", "fish"}) {
        const auto script = moln({"completion", shell});
        EXPECT_EQ(script.exit_code, 0);
        EXPECT_THAT(script.out, HasSubstr("__complete"));
        if (std::system(("command -v " + shell + " >/dev/null").c_str()) != 0) continue;
        const auto path = folder_ + "/script";
        std::ofstream(path) << script.out;
        EXPECT_EQ(std::system((shell + " -n " + path).c_str()), 0) << shell;
    }
}

TEST_F(Cli, an_edge_is_shown_and_upgraded) {
    on_loop([this] {
        EdgeProcessView serving;
        serving.pid = 10;
        serving.state = EdgeProcessState::serving;
        serving.listens = {"127.0.0.1:8080"};
        control_->edge_processes_seen = {serving};
    });
    EXPECT_THAT(moln({"edge", "status"}).out, HasSubstr("alpha  10       serving"));
    EXPECT_THAT(moln({"edge", "status", "--json"}).out, HasSubstr(R"("state":"serving")"));

    const auto started = start_moln({"edge", "upgrade"});
    ASSERT_TRUE(becomes([this] { return control_->edge_served != nullptr; }));
    on_loop([this] { std::exchange(control_->edge_served, nullptr)({}); });
    const auto done = finish(started);
    EXPECT_EQ(done.exit_code, 0);
    EXPECT_THAT(done.out, HasSubstr("process 12 starts; process 10 serves until it does\n"));
    EXPECT_THAT(done.out, HasSubstr("process 12 serves; process 10 finishes what it has begun\n"));

    const auto vain = start_moln({"edge", "upgrade"});
    ASSERT_TRUE(becomes([this] { return control_->edge_served != nullptr; }));
    on_loop([this] {
        std::exchange(control_->edge_served, nullptr)(
            fail(ErrorCode::failed, "the new edge did not come up, the old one serves on: why"));
    });
    const auto failed = finish(vain);
    EXPECT_EQ(failed.exit_code, 1);
    EXPECT_THAT(failed.out, HasSubstr("the old one serves on: why"));

    const auto begun = moln({"edge", "upgrade", "--no-wait", "--json", "-q"});
    EXPECT_EQ(begun.exit_code, 0);
    EXPECT_THAT(begun.out, HasSubstr(R"({"stage":"begun","pid_before":10,"pid":12,)"));
    EXPECT_EQ(moln({"edge", "upgrade"}).exit_code, 4) << "one is under way";
}

TEST_F(Cli, who_waits_for_an_upgrade_of_the_edge_may_stop_waiting) {
    auto started = start_moln({"edge", "upgrade", "--wait"});
    std::string told;
    std::array<char, 256> buffer;
    while (told.find("until it does") == std::string::npos) {
        const auto count = ::read(started.out, buffer.data(), buffer.size());
        ASSERT_GT(count, 0) << told;
        told.append(buffer.data(), static_cast<std::size_t>(count));
    }
    ::kill(started.pid, SIGINT);
    const auto ran = finish(started);
    EXPECT_EQ(ran.exit_code, 130);
    EXPECT_THAT(ran.out, HasSubstr("goes on in the background; see `moln edge status`"));
}

TEST_F(Cli, top_shows_routes) {
    on_loop([this] {
        EdgeRoute route;
        route.host = "shop.example.org";
        route.app = AppId("default/shop");
        control_->state.edge.routes = {route};
        control_->edge_processes_seen = {EdgeProcessView{.node = {}, .pid = 12}};
    });
    const auto shown = moln({"top", "--routes", "--once", "--interval", "1"});
    EXPECT_EQ(shown.exit_code, 0);
    EXPECT_THAT(shown.out, HasSubstr("shop.example.org  shop"));
    EXPECT_THAT(shown.out, HasSubstr("50 %"));
    EXPECT_THAT(shown.out, HasSubstr("all others"));
}

}  // namespace
}  // namespace moln
