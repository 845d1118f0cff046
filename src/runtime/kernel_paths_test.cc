#include "runtime/kernel_paths.h"

#include <deque>
#include <map>
#include <utility>

#include <gtest/gtest.h>

#include "runtime/edge_reports.h"

namespace moln {
namespace {

const AppId k_db("default/db");

// Jobs run when they are begun, their ends with the next turn; timers by a clock that is told.
class TurnLoop final : public Loop {
public:
    Now now() const override { return now_; }
    void after(Milliseconds delay, std::function<void()> callback) override {
        timers_.emplace(now_.mono.ms + delay.count, std::move(callback));
    }
    void post(std::function<void()> callback) override { after({}, std::move(callback)); }
    void submit(const std::string&, std::function<void()> job,
                std::function<void()> done) override {
        job();
        post(std::move(done));
    }
    void pass(Milliseconds time) {
        const auto end = now_.mono.ms + time.count;
        while (!timers_.empty() && timers_.begin()->first <= end) {
            auto first = timers_.extract(timers_.begin());
            now_.mono.ms = std::max(now_.mono.ms, first.key());
            first.mapped()();
        }
        now_.mono.ms = end;
    }

private:
    Now now_;
    std::multimap<std::int64_t, std::function<void()>> timers_;
};

class FakeEdges final : public EdgeLink {
public:
    void publish(const EdgeSnapshot& snapshot) override { published.push_back(snapshot.version); }
    void on_news(std::function<void(const EdgeNews&)> callback) override {
        news = std::move(callback);
    }
    std::vector<std::int64_t> published;
    std::function<void(const EdgeNews&)> news;
};

// A kernel: what was begun stays where it is.
class FakeTable final : public PathTable {
public:
    std::string cannot() override { return lacks; }
    std::string in_the_way() override { return others; }
    bool is_there() override { return table && !table->paths.empty(); }
    Status apply(const PathTableSpec& spec) override {
        if (refuses) return fail(ErrorCode::internal, "no buffer space");
        table = spec;
        return {};
    }
    Result<std::vector<PathCount>> counts() override {
        std::vector<PathCount> out;
        for (const auto& path : table->paths) out.push_back({path.listen, port});
        return out;
    }
    void wait(Milliseconds time) override { waited = waited + time; }
    Result<std::vector<KernelFlow>> flows() override {
        ++looks;
        return open;
    }
    Status end_flows(const std::vector<KernelFlow>& flows) override {
        for (const auto& flow : flows) std::erase(open, flow);
        ended += static_cast<int>(flows.size());
        return {};
    }
    // A client begins; false: the edge has it.
    bool connect() {
        if (!is_there() || table->paths.front().endpoints.empty()) return false;
        const auto& to = table->paths.front().endpoints.front();
        open.push_back({.client_port = ++port, .address = to.address, .port = to.port});
        return true;
    }

    std::string lacks, others;
    bool refuses = false;
    std::optional<PathTableSpec> table;
    std::vector<KernelFlow> open;
    std::uint16_t port = 0;
    int ended = 0;
    int looks = 0;
    Milliseconds waited{0};
};

class KernelPathsTest : public testing::Test {
protected:
    void begin(const std::string& forbidden = "") {
        paths.emplace(loop, edges, table, forbidden);
        paths->recover();
        paths->on_news([this](const EdgeNews& news) {
            if (news.process == k_kernel_process) heard.push_back(news.kind);
            reports.take(news);
        });
        edges.news({.process = 1, .kind = EdgeNews::Kind::began});
    }
    void publish() {
        ++snapshot.version;
        paths->publish(snapshot);
        loop.pass({});
    }
    // The edge has taken the snapshot and says what it sees.
    void edge_reports(std::vector<InstanceId> healthy) {
        EdgeReport report;
        report.pid = 10;
        report.acked_version = snapshot.version;
        report.streams = {{.listen = "tcp:5432", .addresses = {"127.0.0.1:5432"}}};
        for (const auto& id : {InstanceId("db-a"), InstanceId("db-b")}) {
            const bool well = std::ranges::find(healthy, id) != healthy.end();
            report.endpoints.push_back(
                {.instance = id,
                 .health = well ? EndpointHealth::healthy : EndpointHealth::unhealthy});
        }
        edges.news({.process = 1, .kind = EdgeNews::Kind::reported, .report = &report});
        loop.pass({});
    }
    void serve_a() {
        snapshot.apps = {{.app = k_db, .process = "db", .endpoints = {endpoint("db-a", "2")}}};
        snapshot.streams = {{.listen = "tcp:5432", .app = k_db, .process = "db"}};
        publish();
        edge_reports({InstanceId("db-a")});
        publish();
        loop.pass({});
    }
    void switch_to_b() {
        auto& endpoints = snapshot.apps.front().endpoints;
        endpoints.front().state = EndpointState::draining;
        endpoints.push_back(endpoint("db-b", "3"));
        publish();
        edge_reports({InstanceId("db-a"), InstanceId("db-b")});
    }
    static EdgeEndpoint endpoint(const char* instance, const std::string& last) {
        return {.instance = InstanceId(instance),
                .address = "10.213.1." + last,
                .port = 5000,
                .state = EndpointState::active};
    }
    std::int64_t open_at(const char* instance) {
        const auto sum = reports.sum();
        if (!sum) return -1;
        for (const auto& one : sum->endpoints) {
            if (one.instance.text == instance) return one.tunnels_open;
        }
        return -1;
    }
    std::int64_t acked() { return reports.sum() ? reports.sum()->acked_version : -2; }

    TurnLoop loop;
    FakeEdges edges;
    FakeTable table;
    EdgeSnapshot snapshot;
    EdgeReports reports;
    std::vector<EdgeNews::Kind> heard;
    std::optional<KernelPaths> paths;
    int seen = 0;
};

TEST_F(KernelPathsTest, without_streams_nobody_is_troubled) {
    begin();
    publish();
    loop.pass(seconds(30));
    EXPECT_EQ(edges.published, std::vector<std::int64_t>{1});
    EXPECT_FALSE(table.table);
    EXPECT_TRUE(heard.empty());
}

TEST_F(KernelPathsTest, a_ready_instance_is_sent_to_and_the_snapshot_acknowledged) {
    begin();
    serve_a();
    ASSERT_TRUE(table.is_there());
    edge_reports({InstanceId("db-a")});
    EXPECT_EQ(acked(), snapshot.version);
    EXPECT_EQ(paths->told().front().via, StreamVia::kernel);
    EXPECT_TRUE(table.connect());
    loop.pass(seconds(1));
    EXPECT_EQ(open_at("db-a"), 1);
}

// The snapshot without it was taken for none of the kernel's business, which went on with the one
// before: the route was led on after all, and no later snapshot was acknowledged.
TEST_F(KernelPathsTest, a_route_that_goes_while_the_kernel_is_asked_leaves_nothing) {
    begin();
    snapshot.apps = {{.app = k_db, .process = "db", .endpoints = {endpoint("db-a", "2")}}};
    snapshot.streams = {{.listen = "tcp:5432", .app = k_db, .process = "db"}};
    ++snapshot.version;
    paths->publish(snapshot);  // its answer is under way
    snapshot.streams.clear();
    ++snapshot.version;
    paths->publish(snapshot);
    edge_reports({InstanceId("db-a")});
    loop.pass(seconds(5));
    EXPECT_FALSE(table.is_there());
    EXPECT_EQ(acked(), snapshot.version);
    publish();
    edge_reports({InstanceId("db-a")});
    EXPECT_EQ(acked(), snapshot.version);
}

TEST_F(KernelPathsTest, a_drain_is_acknowledged_after_the_kernel_and_lasts_as_its_connections) {
    begin();
    serve_a();
    ASSERT_TRUE(table.connect());
    const auto waited = table.waited;
    switch_to_b();
    edge_reports({InstanceId("db-a"), InstanceId("db-b")});
    EXPECT_EQ(acked(), snapshot.version);
    EXPECT_GT(table.waited, waited) << "a first packet may be on its way";
    EXPECT_EQ(table.table->paths.front().endpoints.front().instance.text, "db-b");
    loop.pass(minutes(10));
    EXPECT_EQ(open_at("db-a"), 1);
    table.open.clear();
    loop.pass(k_path_look_draining);
    EXPECT_EQ(open_at("db-a"), 1) << "it was seen once that there is none";
    loop.pass(k_path_look_draining);
    EXPECT_EQ(open_at("db-a"), 0);
}

TEST_F(KernelPathsTest, what_the_kernel_counts_is_told_to_who_asks) {
    begin();
    std::string told = "nothing yet";
    const auto ask = [&] {
        paths->metrics([&](const Result<std::string>& text) { told = *text; });
        loop.pass({});
    };
    ask();
    EXPECT_EQ(told, "") << "the kernel has nothing to do";
    serve_a();
    ASSERT_TRUE(table.connect());
    ASSERT_TRUE(table.connect());
    loop.pass(seconds(1));
    table.open.pop_back();
    loop.pass(seconds(1));
    ask();
    EXPECT_NE(told.find("\nmoln_kernel_streams_open 1\n"), std::string::npos) << told;
    EXPECT_NE(told.find("\nmoln_kernel_streams_total{listen=\"tcp:5432\"} 2\n"), std::string::npos)
        << told;
}

TEST_F(KernelPathsTest, nothing_is_acknowledged_that_the_kernel_refuses) {
    begin();
    serve_a();
    ASSERT_TRUE(table.connect());
    table.refuses = true;
    const auto before = snapshot.version;
    switch_to_b();
    EXPECT_EQ(acked(), before);
    table.refuses = false;
    loop.pass(seconds(1));
    EXPECT_EQ(acked(), snapshot.version);
    EXPECT_EQ(paths->told().front().via, StreamVia::edge) << "in doubt";
    EXPECT_EQ(open_at("db-a"), 1);
    loop.pass(k_path_refused + seconds(2));
    EXPECT_EQ(paths->told().front().via, StreamVia::kernel) << "it is tried again";
}

TEST_F(KernelPathsTest, without_a_healthy_instance_the_edge_has_what_is_new) {
    begin();
    serve_a();
    ASSERT_TRUE(table.connect());
    edge_reports({});
    EXPECT_FALSE(table.connect());
    EXPECT_EQ(open_at("db-a"), 1) << "what was begun goes on";
    edge_reports({InstanceId("db-a")});
    EXPECT_TRUE(table.connect());
}

TEST_F(KernelPathsTest, with_the_edge_gone_the_kernel_goes_on) {
    begin();
    serve_a();
    edges.news({.process = 1, .kind = EdgeNews::Kind::lost});
    edges.news({.process = 1, .kind = EdgeNews::Kind::ended});
    loop.pass(seconds(5));
    EXPECT_TRUE(table.connect());
    EXPECT_FALSE(reports.sum()) << "it is no edge";
}

TEST_F(KernelPathsTest, an_instance_that_is_gone_loses_its_connections) {
    begin();
    serve_a();
    ASSERT_TRUE(table.connect());
    snapshot.apps.front().endpoints.clear();
    publish();
    loop.pass(seconds(1));
    EXPECT_EQ(table.ended, 0) << "its address is still there";
    table.open.front().gone = true;
    loop.pass(seconds(1));
    EXPECT_EQ(table.ended, 1);
    EXPECT_TRUE(table.open.empty());
}

TEST_F(KernelPathsTest, a_daemon_that_comes_back_finds_what_goes_on) {
    table.table =
        PathTableSpec{.paths = {{.listen = {Protocol::tcp, 5432},
                                 .addresses = {"127.0.0.1"},
                                 .endpoints = {{InstanceId("db-a"), "10.213.1.2", 5000}}}},
                      .listens = {{Protocol::tcp, 5432}}};
    ASSERT_TRUE(table.connect());
    begin();
    EXPECT_EQ(heard, std::vector{EdgeNews::Kind::began}) << "before any plan counts on the edges";
    edge_reports({InstanceId("db-a")});
    loop.pass(seconds(3));
    EXPECT_EQ(table.open.size(), 1u) << "nobody has said yet who there is";
    snapshot.apps = {{.app = k_db, .process = "db", .endpoints = {endpoint("db-a", "2")}}};
    snapshot.streams = {{.listen = "tcp:5432", .app = k_db, .process = "db"}};
    publish();
    edge_reports({InstanceId("db-a")});
    EXPECT_TRUE(table.is_there());
    EXPECT_EQ(acked(), snapshot.version);
    EXPECT_EQ(open_at("db-a"), 1);
}

TEST_F(KernelPathsTest, a_daemon_that_comes_back_waits_for_an_edge_to_say_who_is_well) {
    table.table =
        PathTableSpec{.paths = {{.listen = {Protocol::tcp, 5432},
                                 .addresses = {"127.0.0.1"},
                                 .endpoints = {{InstanceId("db-a"), "10.213.1.2", 5000}}}},
                      .listens = {{Protocol::tcp, 5432}}};
    begin();
    snapshot.apps = {{.app = k_db, .process = "db", .endpoints = {endpoint("db-a", "2")}}};
    snapshot.streams = {{.listen = "tcp:5432", .app = k_db, .process = "db"}};
    publish();
    loop.pass(seconds(3));
    EXPECT_TRUE(table.is_there());
    edge_reports({});
    EXPECT_FALSE(table.is_there());
}

TEST_F(KernelPathsTest, the_last_route_takes_the_table_with_it_and_its_connections_count_on) {
    begin();
    serve_a();
    ASSERT_TRUE(table.connect());
    snapshot.streams.clear();
    publish();
    edge_reports({InstanceId("db-a")});
    EXPECT_FALSE(table.is_there());
    EXPECT_EQ(open_at("db-a"), 1);
    table.open.clear();
    loop.pass(seconds(3));
    EXPECT_EQ(heard.back(), EdgeNews::Kind::ended);
    EXPECT_EQ(acked(), snapshot.version);
}

TEST_F(KernelPathsTest, many_connections_are_counted_less_often) {
    begin();
    serve_a();
    const auto looks_in_ten_seconds = [&](std::int64_t flows) {
        table.open.clear();
        for (std::int64_t i = 0; i < flows; ++i) ASSERT_TRUE(table.connect());
        loop.pass(seconds(5));
        const int before = table.looks;
        loop.pass(seconds(10));
        seen = table.looks - before;
    };
    looks_in_ten_seconds(k_path_flows_a_look - 1);
    EXPECT_EQ(seen, 10);
    looks_in_ten_seconds(k_path_flows_a_look);
    EXPECT_EQ(seen, 5);
}

TEST_F(KernelPathsTest, rules_of_others_give_way_to_the_edge_and_are_looked_for_again) {
    begin();
    table.others = "a wall";
    serve_a();
    EXPECT_FALSE(table.is_there());
    EXPECT_EQ(paths->told().front().why, "a wall");
    EXPECT_EQ(table.table->listens.size(), 1u) << "instances may go to the edge";
    table.others = "";
    loop.pass(k_path_look_around + seconds(1));
    EXPECT_TRUE(table.is_there());
    table.others = "another wall";
    loop.pass(k_path_look_around + seconds(1));
    EXPECT_FALSE(table.is_there());
}

TEST_F(KernelPathsTest, a_node_may_keep_its_streams_in_the_edge) {
    begin("told so");
    serve_a();
    loop.pass(minutes(2));
    EXPECT_FALSE(table.is_there());
    EXPECT_EQ(paths->told().front().why, "told so");
}

TEST_F(KernelPathsTest, closing_takes_nothing_new_and_waits_for_what_was_begun) {
    begin();
    serve_a();
    ASSERT_TRUE(table.connect());
    bool closed = false;
    paths->close(Ending::drained, [&] { closed = true; });
    loop.pass(seconds(9));
    EXPECT_FALSE(table.is_there());
    EXPECT_FALSE(closed);
    table.open.clear();
    loop.pass(seconds(1));
    EXPECT_TRUE(closed);
    EXPECT_EQ(table.table, PathTableSpec{});
}

TEST_F(KernelPathsTest, closing_now_waits_for_the_table_alone) {
    begin();
    serve_a();
    ASSERT_TRUE(table.connect());
    int closed = 0;
    paths->close(Ending::drained, [&] { ++closed; });
    loop.pass(seconds(9));
    paths->close(Ending::now, [&] { ++closed; });
    loop.pass(seconds(1));
    EXPECT_EQ(closed, 1);
    EXPECT_EQ(table.table, PathTableSpec{});
}

TEST_F(KernelPathsTest, closing_now_does_not_wait_for_a_kernel_that_refuses) {
    begin();
    serve_a();
    table.refuses = true;
    bool closed = false;
    paths->close(Ending::drained, nullptr);
    loop.pass(seconds(9));
    paths->close(Ending::now, [&] { closed = true; });
    loop.pass(seconds(1));
    EXPECT_TRUE(closed);
}

TEST_F(KernelPathsTest, closing_without_streams_is_done_at_once) {
    begin();
    bool closed = false;
    paths->close(Ending::drained, [&] { closed = true; });
    loop.pass({});
    EXPECT_TRUE(closed);
}

}  // namespace
}  // namespace moln
