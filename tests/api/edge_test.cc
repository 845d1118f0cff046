// The edge through the real server: its processes, putting a new one in the place of another, rates
// of its routes.
#include <utility>

#include <gmock/gmock.h>

#include "model/edge_process.h"
#include "model/top_routes.h"
#include "model/views.h"
#include "tests/api/api_fixture.h"

namespace moln {
namespace {

class Edge : public ApiTest {
protected:
    void SetUp() override {
        ApiTest::SetUp();
        on_loop([this] {
            control_->state.edge.epoch = 1;
            control_->state.edge.version = 8;
            control_->edge_processes_seen = {process(12, EdgeProcessState::starting),
                                             process(10, EdgeProcessState::serving)};
        });
    }
    std::vector<EdgeProcessView> processes() {
        const auto answer = call("GET", "/v1/edge");
        EXPECT_EQ(answer.status, 200) << answer.body;
        return from_json<Items<EdgeProcessView>>(answer.json())
            .value_or(Items<EdgeProcessView>{})
            .items;
    }
    static EdgeProcessView process(std::int64_t pid, EdgeProcessState state) {
        EdgeProcessView view;
        view.pid = pid;
        view.state = state;
        return view;
    }
    // What the daemon sees next, in the middle of an upgrade.
    void old_has(std::int64_t requests, std::int64_t tunnels, std::int64_t connections) {
        on_loop([&] {
            auto old = process(10, EdgeProcessState::leaving);
            old.requests_open = requests;
            old.tunnels_open = tunnels;
            old.oldest_open = minutes(14);
            old.connections_open = connections;
            control_->edge_processes_seen = {process(12, EdgeProcessState::serving), old};
        });
    }
    static void expect_told(RawClient& client, const std::string& text) {
        EXPECT_THAT(client.read_until(text), testing::HasSubstr(text));
    }
    void served(const Status& status) {
        ASSERT_TRUE(becomes([this] { return control_->edge_served != nullptr; }));
        on_loop([&] { std::exchange(control_->edge_served, nullptr)(status); });
    }
};

TEST_F(Edge, its_processes_are_listed_with_what_the_daemon_wants_of_them) {
    old_has(3, 2, 9);
    const auto views = processes();
    ASSERT_EQ(views.size(), 2u);
    EXPECT_EQ(views[0].pid, 12);
    EXPECT_EQ(views[0].node, NodeId("alpha"));
    EXPECT_EQ(views[0].epoch_wanted, 1);
    EXPECT_EQ(views[0].version_wanted, 8);
    EXPECT_EQ(views[1].state, EdgeProcessState::leaving);
    EXPECT_EQ(views[1].open_text, "3 requests, 2 websockets, oldest 14 min");
    on_loop([this] { control_->state.edge.streams.resize(1); });
    EXPECT_EQ(processes().at(1).open_text, "3 requests, 2 connections, oldest 14 min");
}

TEST_F(Edge, an_upgrade_is_answered_when_the_new_process_serves) {
    RawClient client(socket());
    client.send("POST /v1/edge/upgrade HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_told(client, "process 12 starts; process 10 serves until it does");
    // Another one has to wait.
    const auto second = call("POST", "/v1/edge/upgrade");
    EXPECT_EQ(second.status, 422);
    EXPECT_EQ(second.error_code(), "refused");
    old_has(1, 0, 1);
    served({});
    expect_told(client, "process 12 serves; process 10 finishes 1 request, oldest 14 min");
}

TEST_F(Edge, an_upgrade_that_is_waited_for_tells_what_the_old_process_has_open) {
    RawClient client(socket());
    client.send("POST /v1/edge/upgrade?until=ended HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_told(client, "until it does");
    old_has(3, 2, 6);
    served({});
    expect_told(client, "process 12 serves");
    expect_told(client, "process 10 drains: 3 requests, 2 websockets, oldest 14 min");
    old_has(0, 0, 1);
    expect_told(client, "process 10 drains: 1 connection");
    on_loop([this] { control_->edge_processes_seen.pop_back(); });
    expect_told(client, "process 10 has finished and ended");
}

TEST_F(Edge, an_upgrade_that_fails_says_why_and_that_the_old_one_serves) {
    on_loop([this] {
        control_->edge_upgrade_error = Error{ErrorCode::unavailable, "edge: no process serves"};
    });
    EXPECT_EQ(call("POST", "/v1/edge/upgrade").status, 503);
    on_loop([this] { control_->edge_upgrade_error.reset(); });
    RawClient client(socket());
    client.send("POST /v1/edge/upgrade HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_told(client, "until it does");
    served(fail(ErrorCode::failed, "the old one serves on: no luck"));
    const auto end = client.read_until("no luck");
    EXPECT_THAT(end, testing::HasSubstr(R"("code":"failed")"));
}

TEST_F(Edge, an_upgrade_need_not_be_waited_for) {
    const auto lines = call("POST", "/v1/edge/upgrade?until=begun").lines();
    ASSERT_EQ(lines.size(), 2u);
    const auto view = from_json<EdgeUpgradeView>(lines[1].at("result"));
    ASSERT_TRUE(view) << view.error().reason;
    EXPECT_EQ(view->stage, EdgeUpgradeStage::begun);
    EXPECT_EQ(view->pid_before, 10);
    EXPECT_EQ(view->pid, 12);
    served({});  // nobody listens any more
    EXPECT_EQ(call("POST", "/v1/edge/upgrade?until=soon").status, 400);
}

TEST_F(Edge, a_client_that_leaves_leaves_the_upgrade_alone) {
    {
        RawClient client(socket());
        client.send("POST /v1/edge/upgrade?until=ended HTTP/1.1\r\nHost: x\r\n\r\n");
        expect_told(client, "until it does");
    }
    old_has(1, 0, 1);
    served({});
    EXPECT_EQ(call("GET", "/v1/edge").status, 200);
}

TEST_F(Edge, top_tells_rates_of_routes) {
    on_loop([this] {
        control_->add_app("shop");
        control_->add_app("blog");
        EdgeRoute route;
        route.host = "shop.example.org";
        route.app = AppId("default/shop");
        control_->state.edge.routes = {route};
        control_->edge_processes_seen = {EdgeProcessView{.node = {}, .pid = 12}};
    });
    const auto lines = call("GET", "/v1/top/routes?interval_ms=200&count=2").lines();
    ASSERT_EQ(lines.size(), 2u);
    const auto view = from_json<TopRoutesView>(lines[1]);
    ASSERT_TRUE(view) << view.error().reason;
    EXPECT_GE(view->interval.count, 200);
    ASSERT_EQ(view->routes.size(), 2u);
    EXPECT_EQ(view->routes[0].app, AppId("default/shop"));
    EXPECT_GT(view->routes[0].requests_per_s, 0);
    EXPECT_LE(view->routes[0].requests_per_s, 100);
    EXPECT_EQ(view->routes[0].p99_us, 500);
    EXPECT_EQ(view->routes[0].cache_hit_percent, 50);
    EXPECT_EQ(view->routes[1].host, "");
    EXPECT_EQ(view->routes[1].requests_per_s, 0);
    const auto other = call("GET", "/v1/top/routes?interval_ms=200&count=1&app=blog").lines();
    ASSERT_EQ(other.size(), 1u);
    EXPECT_TRUE(from_json<TopRoutesView>(other[0])->routes.empty());
    EXPECT_EQ(call("GET", "/v1/top/routes?limit=0").status, 400);
    EXPECT_EQ(call("GET", "/v1/top/routes?limit=10001").status, 400);
}

TEST_F(Edge, top_of_routes_without_an_edge_says_so_at_once) {
    on_loop([this] {
        control_->edge_routes_error = Error{ErrorCode::unavailable, "the edge is not there"};
    });
    const auto answer = call("GET", "/v1/top/routes?count=1");
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.reason(), "the edge is not there");
}

}  // namespace
}  // namespace moln
