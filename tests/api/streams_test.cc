// Deploys, logs, events, watch: streams through the real server, with clients that leave, that lag
// and that come in the middle.
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "api/follow.h"
#include "model/views.h"
#include "tests/api/api_fixture.h"

namespace moln {
namespace {

using testing::HasSubstr;

const std::map<std::string, std::string> k_tar = {{"Content-Type", "application/x-tar"}};

class Streams : public ApiTest {
protected:
    void SetUp() override {
        ApiTest::SetUp();
        on_loop([this] { control_->add_app("shop"); });
    }
    LogLine line(const std::string& text) {
        return {.at = {5}, .instance = InstanceId("web-shop"), .process = "web", .text = text};
    }
    std::size_t files_left() {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
            count += entry.path().filename().string().starts_with("upload") ? 1 : 0;
        }
        return count;
    }
};

TEST_F(Streams, a_deploy_tells_progress_and_its_result) {
    on_loop([this] { control_->build_lines = {"npm install"}; });
    const auto answer = call("POST", "/v1/apps/new/deploys?folder=new", "tar bytes", k_tar);
    const auto lines = answer.lines();
    ASSERT_GE(lines.size(), 3u) << answer.body;
    EXPECT_EQ(lines[0].at("line").as_string(), "npm install");
    EXPECT_EQ(lines[1].at("release").as_int64(), 1);
    EXPECT_EQ(lines.back().at("result").at("app").at("state").as_string(), "running");
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(on_loop([this] { return control_->built_archive; }), "tar bytes");
    EXPECT_TRUE(becomes([this] { return files_left() == 0; })) << "the upload stayed";
}

TEST_F(Streams, a_large_body_arrives_whole_however_it_is_framed) {
    std::string body(3'000'000, 'a');
    for (std::size_t i = 0; i < body.size(); i += 1000) body[i] = static_cast<char>('a' + i % 26);
    RawClient client(socket());
    client.send(
        "POST /v1/apps/new/deploys HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
        "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
    EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("100 Continue"));
    for (std::size_t at = 0; at < body.size(); at += 100'000) {
        ASSERT_TRUE(client.send("186a0\r\n" + body.substr(at, 100'000) + "\r\n"));
    }
    client.send("0\r\n\r\n");
    client.read_until("result");
    EXPECT_TRUE(on_loop([&] { return control_->built_archive == body; }));
}

TEST_F(Streams, a_dry_run_changes_nothing) {
    const auto lines = call("POST", "/v1/apps/new/deploys?dry_run=1", "tar", k_tar).lines();
    const auto& plan = lines.back().at("result");
    EXPECT_EQ(plan.at("detected").as_string(), "Node.js (package.json)");
    EXPECT_EQ(plan.at("effects").as_array().size(), 1u);
    EXPECT_FALSE(on_loop([this] { return control_->state.apps.contains(AppId("default/new")); }));
}

TEST_F(Streams, a_build_that_fails_at_once_is_a_plain_error) {
    on_loop([this] {
        control_->build_result = fail(ErrorCode::invalid, "moln.toml:3: expected a number");
    });
    const auto answer = call("POST", "/v1/apps/new/deploys", "tar", k_tar);
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.reason(), "moln.toml:3: expected a number");
}

TEST_F(Streams, a_build_that_fails_later_ends_its_lines_with_the_error) {
    on_loop([this] {
        control_->build_lines = {"npm install"};
        control_->build_result = fail(ErrorCode::refused, "npm failed");
    });
    const auto lines = call("POST", "/v1/apps/new/deploys", "tar", k_tar).lines();
    EXPECT_EQ(lines.back().at("error").at("reason").as_string(), "npm failed");
}

TEST_F(Streams, a_release_that_fails_shows_its_last_log_lines) {
    on_loop([this] {
        control_->settle_deploys = false;
        auto said = line("cannot find module");
        said.instance = InstanceId("web-shopr2");
        control_->log_lines = {line("of the old one"), said};
    });
    RawClient client(socket());
    client.send(
        "POST /v1/apps/shop/deploys HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
        "Content-Length: 1\r\n\r\nx");
    ASSERT_TRUE(
        becomes([this] { return control_->state.apps[AppId("default/shop")].release == 2; }));
    on_loop([this] {
        auto& app = control_->state.apps[AppId("default/shop")];
        app.rollout.state = RolloutState::failed;
        app.rollout.reason = "release 2 did not become healthy: web-shopr2 exited with code 1";
        app.release = 1;
        control_->changed();
    });
    const auto answer = client.read_answer();
    const auto lines = answer.lines();
    EXPECT_THAT(answer.body, HasSubstr("| cannot find module"));
    EXPECT_THAT(answer.body, testing::Not(HasSubstr("of the old one")));
    EXPECT_EQ(lines.back().at("error").at("code").as_string(), "failed");
    EXPECT_THAT(std::string(lines.back().at("error").at("reason").as_string()),
                HasSubstr("did not become healthy"));
}

TEST_F(Streams, a_failed_instance_that_is_gone_by_then_has_its_log_shown) {
    on_loop([this] {
        control_->settle_deploys = false;
        auto said = line("cannot find module");
        said.instance = InstanceId("web-shopr2");
        control_->log_lines = {said};
    });
    RawClient client(socket());
    client.send(
        "POST /v1/apps/shop/deploys HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
        "Content-Length: 1\r\n\r\nx");
    ASSERT_THAT(client.read_until("web-shopr2"), HasSubstr("web-shopr2"));
    on_loop([this] {
        control_->state.instances.erase(InstanceId("web-shopr2"));
        auto& app = control_->state.apps[AppId("default/shop")];
        app.rollout.state = RolloutState::failed;
        app.release = 1;
        control_->changed();
    });
    EXPECT_THAT(client.read_answer().body, HasSubstr("| cannot find module"));
}

TEST_F(Streams, without_waiting_a_deploy_ends_with_its_release) {
    on_loop([this] { control_->settle_deploys = false; });
    const auto lines = call("POST", "/v1/apps/shop/deploys?wait=0", "x", k_tar).lines();
    EXPECT_EQ(lines.back().at("result").at("app").at("state").as_string(), "switching");
}

TEST_F(Streams, a_client_that_leaves_cancels_the_build) {
    on_loop([this] { control_->hold_builds = true; });
    {
        RawClient client(socket());
        client.send(
            "POST /v1/apps/new/deploys HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
            "Content-Length: 1\r\n\r\nx");
        ASSERT_TRUE(becomes([this] { return control_->built_archive.has_value(); }));
    }
    EXPECT_TRUE(becomes([this] { return control_->build_cancelled; }));
    EXPECT_EQ(on_loop([this] { return control_->commands.size(); }), 0u);
}

TEST_F(Streams, an_image_is_imported) {
    const auto lines = call("POST", "/v1/apps/new/deploys", R"({"image":"docker://x/y:1"})",
                            {{"Content-Type", "application/json"}})
                           .lines();
    EXPECT_EQ(lines[0].at("line").as_string(), "fetching docker://x/y:1");
    EXPECT_TRUE(lines.back().as_object().contains("result"));
}

TEST_F(Streams, a_change_that_is_waited_for_ends_when_it_is_so) {
    RawClient client(socket());
    client.send(
        "PUT /v1/apps/shop/scale?wait=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 25\r\n\r\n"
        R"({"instances": {"web": 2}})");
    ASSERT_TRUE(becomes([this] { return !control_->commands.empty(); }));
    on_loop([this] {
        control_->make_ready(control_->add_instance("shop", "web-second", 1));
        control_->changed();
    });
    const auto answer = client.read_answer();
    EXPECT_THAT(answer.body, HasSubstr("web-second: running"));
    EXPECT_EQ(answer.lines().back().at("result").at("app").at("state").as_string(), "running");
}

TEST_F(Streams, what_was_ready_before_a_change_is_no_news) {
    const auto lines = call("PUT", "/v1/apps/shop/scale?wait=1", R"({"instances": {"web": 1}})",
                            {{"Content-Type", "application/json"}})
                           .lines();
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_TRUE(lines[0].as_object().contains("result"));
}

// Whoever is told that a route leads, or leads no more, may ask at once.
TEST_F(Streams, a_route_is_waited_for_until_every_edge_follows) {
    on_loop([this] { control_->plan_later = true; });
    RawClient client(socket());
    client.send(
        "POST /v1/apps/shop/routes?wait=1 HTTP/1.1\r\nHost: x\r\n"
        "Content-Type: application/json\r\nContent-Length: 18\r\n\r\n"
        R"({"host":"a.test"}  )");
    ASSERT_TRUE(becomes([this] { return !control_->commands.empty(); }));
    // An edge that follows the snapshot of before has not heard of it.
    on_loop([this] { control_->changed_without_plan(); });
    on_loop([this] {
        control_->state.edge.version = 8;
        control_->changed();
    });
    on_loop([this] {
        control_->state.edges.begin()->second.report.acked_version = 8;
        control_->state.apps.at(AppId("default/shop")).maintenance = MaintenanceSpec{};
        control_->changed();
    });
    // The result is of the World at the end of the waiting.
    const auto result = client.read_answer().lines().back().at("result");
    EXPECT_TRUE(result.at("app").at("maintenance").as_bool());
}

// Maintenance is for apps that crash: nobody waits for their instances.
TEST_F(Streams, maintenance_waits_for_no_instance) {
    on_loop([this] {
        control_->state.nodes.begin()->second.instances.clear();
        control_->state.edges.begin()->second.endpoints.clear();
    });
    const auto answer = call("PUT", "/v1/apps/shop/maintenance?wait=1", "{}",
                             {{"Content-Type", "application/json"}});
    EXPECT_TRUE(answer.lines().back().as_object().contains("result")) << answer.body;
}

TEST_F(Streams, logs_of_the_past_end) {
    on_loop([this] {
        auto error = line("bad \xff byte");
        error.is_error = true;
        control_->log_lines = {line("hello"), error};
    });
    const auto answer = call("GET", "/v1/apps/shop/logs");
    const auto lines = answer.lines();
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0].at("text").as_string(), "hello");
    EXPECT_EQ(lines[1].at("stream").as_string(), "stderr");
    EXPECT_EQ(lines[1].at("text").as_string(), "bad \xEF\xBF\xBD byte");
    EXPECT_TRUE(answer.whole);
}

TEST_F(Streams, all_lines_of_the_past_come_however_many_bytes_they_are) {
    constexpr int k_lines = 9'000;
    on_loop([this] { control_->log_lines.assign(k_lines, line(std::string(4'000, 'x'))); });
    ASSERT_GT(std::size_t{k_lines} * 4'000, k_api_queue_bytes_max);
    const auto answer = call("GET", "/v1/apps/shop/logs?lines=10000");
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(std::ranges::count(answer.body, '\n'), k_lines);
    EXPECT_THAT(answer.body, testing::Not(HasSubstr("skipped")));
}

TEST_F(Streams, logs_go_on_behind_positions_that_were_given_out) {
    on_loop([this] {
        control_->log_lines = {line("hello")};
        control_->log_lines[0].position = {InstanceId("web-shop"), {0x1a, 2}, 30};
    });
    const auto lines = call("GET", "/v1/apps/shop/logs").lines();
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(lines[0].at("position").as_string(), "web-shop.1a.2.1e");
    on_loop([this] { EXPECT_EQ(control_->log_query.lines, 100); });
    EXPECT_EQ(
        call("GET", "/v1/apps/shop/logs?after=web-shop.1a.2.1e%2Cweb-b.1.2.3&since=70").status,
        200);
    on_loop([this] {
        const auto& query = control_->log_query;
        ASSERT_EQ(query.after.size(), 2u);
        EXPECT_EQ(query.after.at(InstanceId("web-shop")), control_->log_lines[0].position);
        EXPECT_EQ(query.since, WallTime{70});
        EXPECT_EQ(query.lines, 10'000);
    });
    EXPECT_THAT(call("GET", "/v1/apps/shop/logs?after=5").reason(),
                HasSubstr("after: expected the `position` of a line, found \"5\""));
    std::string many;
    for (std::size_t i = 0; i < api::k_log_positions_max; ++i) many += fmt::format("w{}.1.2.3,", i);
    EXPECT_EQ(call("GET", "/v1/apps/shop/logs?after=" + many).status, 200);
    EXPECT_EQ(call("GET", "/v1/apps/shop/logs?after=" + many + "more.1.2.3").status, 400);
}

TEST_F(Streams, logs_of_an_instance_that_never_was_are_an_error) {
    on_loop([this] {
        control_->log_lines = {line("hello")};
        control_->log_lines[0].instance = InstanceId("web-gone");
    });
    EXPECT_THAT(call("GET", "/v1/apps/shop/logs?instance=web-gone&follow=1").body,
                HasSubstr("hello"));
    EXPECT_THAT(call("GET", "/v1/apps/shop/logs?instance=nope&follow=1").body,
                HasSubstr("instance nope: there is none"));
}

TEST_F(Streams, followed_logs_go_on_until_the_client_leaves) {
    {
        RawClient client(socket());
        client.send("GET /v1/apps/shop/logs?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n");
        ASSERT_TRUE(becomes([this] { return control_->log_followers == 1; }));
        on_loop([this] { control_->follow_log(line("later")); });
        EXPECT_THAT(client.read_until("later"), HasSubstr("later"));
    }
    EXPECT_TRUE(becomes([this] { return control_->log_followers == 0; }));
}

TEST_F(Streams, a_slow_reader_of_logs_loses_lines_and_is_told_how_many) {
    RawClient client(socket());
    client.send("GET /v1/apps/shop/logs?follow=1 HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(becomes([this] { return control_->log_followers == 1; }));
    const std::int64_t sent = 40'000;
    // 40 MB while nobody reads: more than the server may keep.
    on_loop([&] {
        for (int i = 0; i < sent; ++i) control_->follow_log(line(std::string(1000, 'x')));
    });
    std::int64_t got = 0;
    std::int64_t skipped = 0;
    std::string rest;
    while (got + skipped < sent) {
        const auto more = client.read_some();
        ASSERT_FALSE(more.empty()) << "got " << got << ", skipped " << skipped;
        rest += more;
        for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
            const auto text = rest.substr(0, end);
            rest.erase(0, end + 1);
            if (text.find("xxxx") != std::string::npos) ++got;
            const auto at = text.find("{\"skipped\":");
            if (at != std::string::npos) skipped += std::stoll(text.substr(at + 11));
        }
    }
    EXPECT_GT(skipped, 0);
    EXPECT_EQ(got + skipped, sent);
    EXPECT_LE(got * 1000, std::int64_t{k_api_queue_bytes_max});
}

TEST_F(Streams, events_are_filtered_bounded_and_followed) {
    on_loop([this] {
        for (int i = 1; i <= 5; ++i) {
            control_->state.events[i] = {.number = i,
                                         .name = "app.changed",
                                         .app = AppId(i % 2 == 1 ? "default/shop" : "default/x")};
        }
    });
    EXPECT_EQ(call("GET", "/v1/events").lines().size(), 5u);
    EXPECT_EQ(call("GET", "/v1/events?app=shop").lines().size(), 3u);
    const auto last = call("GET", "/v1/events?app=shop&lines=1").lines();
    ASSERT_EQ(last.size(), 1u);
    EXPECT_EQ(last[0].at("number").as_int64(), 5);
    EXPECT_EQ(call("GET", "/v1/events?after=3").lines().size(), 2u);

    RawClient client(socket());
    client.send("GET /v1/events?follow=1&after=5 HTTP/1.1\r\nHost: x\r\n\r\n");
    client.read_until("\r\n\r\n");
    on_loop([this] {
        control_->state.events[6] = {.number = 6, .name = "app.six"};
        control_->changed();
    });
    EXPECT_THAT(client.read_until("app.six"), HasSubstr("\"number\":6"));
}

TEST_F(Streams, a_watch_begins_with_everything_and_goes_on_with_changes) {
    RawClient client(socket());
    client.send("GET /v1/watch HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto first = client.read_until("synced");
    EXPECT_THAT(first, HasSubstr(R"("kind":"app","id":"default/shop","generation":1)"));
    EXPECT_THAT(first, HasSubstr(R"("kind":"instance","id":"web-shop")"));
    on_loop([this] {
        control_->state.apps[AppId("default/shop")].generation = 9;
        control_->state.instances.erase(InstanceId("web-shop"));
        control_->changed();
    });
    const auto later = client.read_until("\"generation\":9");
    EXPECT_THAT(later, HasSubstr(R"("change":"removed","kind":"instance","id":"web-shop")"));
}

}  // namespace
}  // namespace moln
