// The link against an edge of the test's own: a real socket, and lines as an edge would write them.
#include "io/host/edge_socket_link.h"

#include <functional>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/file/temp_dir_for_test.h"
#include "io/host/fake_edge_for_test.h"
#include "model/codec.h"
#include "model/edge_delta.h"

namespace moln {
namespace {

class EdgeSocketLinkTest : public testing::Test {
protected:
    EdgeSocketLinkTest() {
        loop_.after(seconds(30), [] { FAIL() << "the test is stuck"; });
    }
    EdgeSocketOptions options() const { return {.path = path_}; }

    TempDir dir_;
    std::string path_ = dir_.path() + "/edge.sock";
    HostLoop loop_;
};

EdgeSnapshot snapshot_of(std::int64_t version) {
    EdgeSnapshot snapshot;
    snapshot.version = version;
    return snapshot;
}
std::shared_ptr<const EdgeSnapshot> shared(EdgeSnapshot snapshot) {
    return std::make_shared<const EdgeSnapshot>(std::move(snapshot));
}
std::string line_of(const EdgeSnapshot& snapshot) {
    return fmt::format("{{\"snapshot\":{}}}", to_json_text(snapshot));
}
std::string report_line(std::int64_t acked_version) {
    EdgeReport report;
    report.acked_version = acked_version;
    return fmt::format("{{\"report\":{}}}\n", to_json_text(report));
}

TEST_F(EdgeSocketLinkTest, a_published_snapshot_arrives_and_its_report_comes_back) {
    FakeEdgeSocket edge(loop_, path_);
    EdgeSocketLink link(loop_, options());
    edge.on_line([&](const std::string& line) {
        EXPECT_EQ(line, line_of(snapshot_of(7)));
        edge.say(report_line(7));
    });
    std::optional<EdgeReport> seen;
    link.on_report([&](const EdgeReport* report) {
        ASSERT_NE(report, nullptr);
        seen = *report;
        loop_.stop();
    });
    link.publish(shared(snapshot_of(7)));
    loop_.run();
    EXPECT_EQ(seen->acked_version, 7);
    EXPECT_EQ(link.peer_pid(), ::getpid());
}

TEST_F(EdgeSocketLinkTest, an_edge_that_comes_late_gets_the_latest_snapshot_only) {
    EdgeSocketLink link(loop_, options());
    link.publish(shared(snapshot_of(1)));
    link.publish(shared(snapshot_of(2)));
    std::optional<FakeEdgeSocket> edge;
    std::vector<std::string> lines;
    loop_.after({120}, [&] {  // after some refused connects
        edge.emplace(loop_, path_);
        edge->on_line([&](const std::string& line) {
            lines.push_back(line);
            loop_.stop();
        });
    });
    loop_.run();
    EXPECT_EQ(lines, std::vector{line_of(snapshot_of(2))});
}

TEST_F(EdgeSocketLinkTest, a_lost_edge_is_told_and_the_snapshot_sent_again_to_the_next) {
    FakeEdgeSocket edge(loop_, path_);
    EdgeSocketLink link(loop_, options());
    int lines = 0;
    edge.on_line([&](const std::string& line) {
        EXPECT_EQ(line, line_of(snapshot_of(3)));
        if (++lines == 1) edge.drop();
        if (lines == 2) loop_.stop();
    });
    int lost = 0;
    link.on_report([&](const EdgeReport* report) {
        EXPECT_EQ(report, nullptr);
        EXPECT_EQ(link.peer_pid(), 0);
        ++lost;
    });
    link.publish(shared(snapshot_of(3)));
    loop_.run();
    EXPECT_EQ(lost, 1);
    EXPECT_EQ(edge.connections(), 2);
}

TEST_F(EdgeSocketLinkTest, snapshots_replaced_while_the_edge_does_not_read_are_never_sent) {
    FakeEdgeSocket edge(loop_, path_);
    edge.stop_reading();
    EdgeSocketLink link(loop_, options());
    // More than the socket's buffers take, so that the first is still on its way.
    auto large = snapshot_of(1);
    large.routes.resize(20'000, EdgeRoute{.host = std::string(60, 'h'), .app = {}, .process = {}});
    std::vector<std::string> lines;
    edge.on_line([&](std::string line) {
        lines.push_back(std::move(line));
        if (lines.size() == 2) loop_.stop();
    });
    link.publish(shared(large));
    edge.on_connect([&] {
        for (int version = 2; version <= 50; ++version) link.publish(shared(snapshot_of(version)));
        edge.resume_reading();
    });
    loop_.run();
    EXPECT_EQ(lines.at(0), line_of(large));
    EXPECT_EQ(lines.at(1), line_of(snapshot_of(50)));
}

TEST_F(EdgeSocketLinkTest, a_snapshot_past_the_line_limit_is_not_sent) {
    FakeEdgeSocket edge(loop_, path_);
    EdgeSocketLink link(loop_, options());
    auto snapshot = snapshot_of(1);
    snapshot.routes.push_back(EdgeRoute{.host = "", .app = {}, .process = {}});
    snapshot.routes[0].host.resize(k_edge_line_bytes_max - line_of(snapshot).size(), 'h');
    std::size_t arrived = 0;
    edge.on_line([&](const std::string& line) {
        arrived = line.size();
        auto larger = snapshot;
        larger.routes[0].host += 'h';
        link.publish(shared(larger));
        edge.on_line([&](const std::string& next) {
            EXPECT_EQ(next, line_of(snapshot_of(3)));
            loop_.stop();
        });
        link.publish(shared(snapshot_of(3)));
    });
    link.publish(shared(snapshot));
    loop_.run();
    EXPECT_EQ(arrived, k_edge_line_bytes_max);
}

// As an edge that takes differences: the snapshot that it has after each line that was the last.
class DeltaEdge {
public:
    DeltaEdge(HostLoop& loop, const std::string& path) : socket_(loop, path) {
        socket_.on_line([this](const std::string& line) {
            lines.push_back(line);
            const auto message = parse_json(line, k_edge_line_bytes_max);
            ASSERT_TRUE(message);
            if (message->get_object().contains("snapshot")) {
                has = *from_json<EdgeSnapshot>(message->at("snapshot"));
                // The first to come is greeted by the edge at once; the test's cannot before this.
                greet();
            } else {
                take(*from_json<EdgeDelta>(message->at("delta")));
            }
            if (on_snapshot && !part) on_snapshot();
        });
    }
    void greet_at_once() {
        socket_.on_connect([this] { greet(); });
    }
    void greet() { say(R"({"report":{},"deltas":true})"); }
    void say(const std::string& line) { socket_.say(line + "\n"); }
    void drop() { socket_.drop(); }

    std::vector<std::string> lines;
    EdgeSnapshot has;
    std::function<void()> on_snapshot;
    std::optional<EdgeDelta> part;

private:
    void take(EdgeDelta delta) {
        if (part) {
            ASSERT_TRUE(join(*part, std::move(delta)));
        } else {
            part = std::move(delta);
        }
        if (!part->last) return;
        auto whole = std::exchange(part, std::nullopt);
        if (whole->base_version == 0) has = {};
        ASSERT_TRUE(apply(has, std::move(*whole)));
    }
    FakeEdgeSocket socket_;
};

EdgeSnapshot with_routes(std::int64_t version, std::size_t count) {
    auto snapshot = snapshot_of(version);
    for (std::size_t i = 0; i < count; ++i) {
        snapshot.routes.push_back(EdgeRoute{
            .host = std::to_string(1'000'000 + i) + ".example", .app = {}, .process = "web"});
    }
    return snapshot;
}

TEST_F(EdgeSocketLinkTest, an_edge_that_takes_differences_is_told_nothing_else) {
    DeltaEdge edge(loop_, path_);
    EdgeSocketLink link(loop_, options());
    const auto first = with_routes(1, 3000);
    auto second = first;
    second.version = 2;
    second.routes[7].process = "api";
    link.on_report([&](const EdgeReport*) { link.publish(shared(second)); });
    edge.on_snapshot = [&] {
        if (edge.has.version == 2) loop_.stop();
    };
    link.publish(shared(first));
    loop_.run();
    EXPECT_EQ(edge.has, second);
    ASSERT_EQ(edge.lines.size(), 2U);
    EXPECT_LT(edge.lines[1].size(), 1000U);
}

TEST_F(EdgeSocketLinkTest, a_snapshot_past_one_line_is_told_in_several) {
    DeltaEdge edge(loop_, path_);
    EdgeSocketLink link(loop_, options());
    const auto snapshot = with_routes(1, k_edge_whole_entries_max + 1);
    edge.on_snapshot = [&] { loop_.stop(); };
    link.publish(shared(snapshot));
    edge.greet_at_once();
    loop_.run();
    EXPECT_EQ(edge.has, snapshot);
    EXPECT_GT(edge.lines.size(), 2U);
    for (const auto& line : edge.lines) EXPECT_LE(line.size(), k_edge_delta_bytes_max);
}

TEST_F(EdgeSocketLinkTest, an_edge_that_wants_the_whole_gets_it_and_so_does_the_next) {
    DeltaEdge edge(loop_, path_);
    EdgeSocketLink link(loop_, options());
    const auto snapshot = with_routes(1, 3);
    int times = 0;
    edge.on_snapshot = [&] {
        ++times;
        EXPECT_EQ(edge.has, snapshot);
        edge.has = {};
        if (times == 1) edge.say(R"({"resync":{}})");
        if (times == 2) edge.drop();
        if (times == 3) loop_.stop();
    };
    link.publish(shared(snapshot));
    loop_.run();
    EXPECT_EQ(times, 3);
}

TEST_F(EdgeSocketLinkTest, a_report_in_several_lines_is_heard_as_one) {
    FakeEdgeSocket edge(loop_, path_);
    EdgeSocketLink link(loop_, options());
    std::vector<std::size_t> seen;
    link.on_report([&](const EdgeReport* report) {
        seen.push_back(report->endpoints.size());
        loop_.stop();
    });
    edge.on_connect([&] {
        edge.say(R"({"report":{"acked_version":3,"endpoints":[{"instance":"a"}]},"more":true})"
                 "\n"
                 R"({"report":{"endpoints":[{"instance":"b"}]}})"
                 "\n");
    });
    loop_.run();
    EXPECT_EQ(seen, std::vector<std::size_t>{2});
}

TEST_F(EdgeSocketLinkTest, an_edge_that_can_is_asked_for_changes_and_heard_as_if_it_told_all) {
    FakeEdgeSocket edge(loop_, path_);
    EdgeSocketLink link(loop_, options());
    std::vector<std::vector<std::string>> seen;
    link.on_report([&](const EdgeReport* report) {
        if (report == nullptr) return;
        auto& names = seen.emplace_back();
        for (const auto& one : report->endpoints) names.push_back(one.instance.text);
    });
    std::vector<std::string> lines;
    edge.on_line([&](const std::string& line) {
        lines.push_back(line);
        loop_.stop();
    });
    edge.on_connect([&] {
        for (const auto* line :
             {R"({"report":{"endpoints":[{"instance":"b"},{"instance":"a"}]},"changes":true})",
              R"({"report":{},"since":true})",
              R"({"report":{"endpoints":[{"instance":"c"}]},"since":true,"more":true,)"
              R"("endpoints_gone":["a"],"apps_gone":[{"app":"default/x","process":"web"}]})",
              R"({"report":{"endpoints":[{"instance":"d"}]}})",
              R"({"report":{"endpoints":[{"instance":"e"}]}})"}) {
            edge.say(std::string(line) + "\n");
        }
    });
    loop_.run();
    EXPECT_EQ(seen, (std::vector<std::vector<std::string>>{
                        {"a", "b"}, {"a", "b"}, {"b", "c", "d"}, {"e"}}))
        << "all was there to be read when it asked";
    EXPECT_EQ(lines, std::vector<std::string>{R"({"get":"changes"})"});
}

TEST_F(EdgeSocketLinkTest, lines_that_no_edge_would_write_end_the_connection) {
    const std::vector<std::string> bad = {
        "nonsense\n",
        "[]\n",
        "{}\n",
        "{\"metrics\":\"unasked\"}\n",
        "{\"routes\":[]}\n",
        "{\"counts\":{\"connections_open\":\"x\"},\"report\":{}}\n",
        "{\"report\":{\"pid\":\"x\"}}\n",
        "{\"report\":{},\"since\":true}\n",  // since what?
        "{\"report\":{},\"endpoints_gone\":7}\n",
        "{\"report\":" + std::string(100, '[') + "\n",
        "\n"};
    FakeEdgeSocket edge(loop_, path_);
    EdgeSocketLink link(loop_, options());
    std::size_t next = 0;
    edge.on_line([&](const std::string&) {
        if (next == bad.size()) return loop_.stop();
        edge.say(bad[next++]);
    });
    std::size_t lost = 0;
    link.on_report([&](const EdgeReport* report) {
        EXPECT_EQ(report, nullptr);
        ++lost;
    });
    link.publish(shared(snapshot_of(1)));
    loop_.run();
    EXPECT_EQ(lost, bad.size());
}

TEST_F(EdgeSocketLinkTest, metrics_are_answered_in_order_and_fail_when_the_edge_is_lost) {
    FakeEdgeSocket edge(loop_, path_);
    EdgeSocketLink link(loop_, options());
    int asked = 0;
    edge.on_line([&](const std::string& line) {
        if (line != R"({"get":"metrics"})") return;
        if (++asked == 3) return edge.drop();
        edge.say(fmt::format("{{\"metrics\":\"text {}\"}}\n", asked));
    });
    std::vector<std::string> answers;
    link.request_metrics([&](Result<std::string> answer) {
        ASSERT_FALSE(answer) << "not connected yet";
        EXPECT_EQ(answer.error().code, ErrorCode::unavailable);
        answers.push_back("early");
    });
    const auto ask = [&] {
        link.request_metrics([&](Result<std::string> answer) {
            answers.push_back(answer ? *answer : std::string(word(answer.error().code)));
            if (answers.size() == 4) loop_.stop();
        });
    };
    link.on_report([&](const EdgeReport* report) {
        if (report == nullptr) return;
        for (int i = 0; i < 3; ++i) ask();
    });
    edge.on_connect([&] { edge.say(report_line(0)); });
    loop_.run();
    EXPECT_EQ(answers, (std::vector<std::string>{"early", "text 1", "text 2", "unavailable"}));
}

TEST_F(EdgeSocketLinkTest, so_many_questions_for_routes_wait_and_one_more_is_refused) {
    FakeEdgeSocket edge(loop_, path_);
    EdgeSocketLink link(loop_, options());
    std::vector<std::string> answers;
    std::size_t asked = 0;
    edge.on_line([&](const std::string& line) {
        if (line != R"({"get":"routes"})" || ++asked < k_edge_metrics_requests_max) return;
        edge.say(R"({"routes":[{"host":"a","path":"/","requests_total":3}]})"
                 "\n");
        edge.drop();
    });
    link.on_report([&](const EdgeReport* report) {
        if (report == nullptr) return;
        for (std::size_t i = 0; i <= k_edge_metrics_requests_max; ++i) {
            link.request_routes([&](const Result<std::vector<EdgeRouteReport>>& answer) {
                answers.push_back(answer ? answer->at(0).host
                                         : std::string(word(answer.error().code)));
                if (answers.size() == k_edge_metrics_requests_max + 1) loop_.stop();
            });
        }
    });
    edge.on_connect([&] { edge.say(report_line(0)); });
    loop_.run();
    std::vector<std::string> expected = {"refused", "a"};
    expected.resize(k_edge_metrics_requests_max + 1, "unavailable");
    EXPECT_EQ(answers, expected);
}

TEST_F(EdgeSocketLinkTest, purges_are_answered_with_the_edges_word) {
    FakeEdgeSocket edge(loop_, path_);
    EdgeSocketLink link(loop_, options());
    std::vector<std::string> lines;
    edge.on_line([&](const std::string& line) {
        if (!line.starts_with("{\"purge\"")) return;
        lines.push_back(line);
        if (lines.size() == 3) return edge.drop();
        edge.say(lines.size() == 1 ? "{\"purged\":\"\"}\n" : "{\"purged\":\"no URL\"}\n");
    });
    std::vector<std::string> answers;
    const CachePurge purge{.scope = CachePurgeScope::tag, .project = "p", .name = "t"};
    link.on_report([&](const EdgeReport* report) {
        if (report == nullptr) return;
        for (int i = 0; i < 3; ++i) {
            link.request_purge(purge, [&](const Status& done) {
                answers.push_back(done ? "done" : std::string(word(done.error().code)));
                if (answers.size() == 3) loop_.stop();
            });
        }
    });
    edge.on_connect([&] { edge.say(report_line(0)); });
    loop_.run();
    EXPECT_EQ(answers, (std::vector<std::string>{"done", "invalid", "unavailable"}));
    EXPECT_EQ(lines.front(), R"({"purge":{"scope":"tag","project":"p","name":"t"}})");
}

TEST_F(EdgeSocketLinkTest, one_metrics_request_too_many_is_refused) {
    FakeEdgeSocket edge(loop_, path_);
    edge.stop_reading();
    EdgeSocketLink link(loop_, options());
    std::size_t waiting = 0;
    link.on_report([&](const EdgeReport* report) {
        if (report == nullptr) return;
        for (std::size_t i = 0; i < k_edge_metrics_requests_max; ++i) {
            link.request_metrics([&](const Result<std::string>&) { ++waiting; });
        }
        link.request_metrics([&](const Result<std::string>& answer) {
            ASSERT_FALSE(answer);
            EXPECT_EQ(answer.error().code, ErrorCode::refused);
            loop_.stop();
        });
    });
    edge.on_connect([&] { edge.say(report_line(0)); });
    loop_.run();
    EXPECT_EQ(waiting, 0u);
}

TEST_F(EdgeSocketLinkTest, cache_peers_are_told_again_when_they_change) {
    FakeEdgeSocket edge(loop_, path_);
    EdgeSocketOptions with_peers = options();
    with_peers.cache_peers = "first";
    EdgeSocketLink link(loop_, with_peers);
    std::vector<std::string> lines;
    edge.on_connect([&] {
        // It has not told that it takes them.
        link.tell_cache_peers("second");
        edge.say(
            fmt::format("{{\"report\":{},\"cache_peers\":true}}\n", to_json_text(EdgeReport{})));
    });
    edge.on_line([&](const std::string& line) {
        lines.push_back(line);
        if (line == "second") link.tell_cache_peers("third");
        if (line == "third") edge.drop();
        if (lines.size() == 3) loop_.stop();
        edge.on_connect([&] {
            edge.say(fmt::format("{{\"report\":{},\"cache_peers\":true}}\n",
                                 to_json_text(EdgeReport{})));
        });
    });
    loop_.run();
    EXPECT_EQ(lines, (std::vector<std::string>{"second", "third", "third"}));
}

TEST_F(EdgeSocketLinkTest, an_edge_that_says_nothing_for_too_long_is_left) {
    FakeEdgeSocket edge(loop_, path_);
    EdgeSocketLink link(loop_, {.path = path_, .silence_max = {50}});
    link.on_report([&](const EdgeReport* report) {
        EXPECT_EQ(report, nullptr);
        loop_.stop();
    });
    loop_.run();
    EXPECT_EQ(edge.connections(), 1);
}

TEST_F(EdgeSocketLinkTest, may_be_destroyed_with_everything_on_its_way) {
    FakeEdgeSocket edge(loop_, path_);
    auto link = std::make_unique<EdgeSocketLink>(loop_, options());
    link->publish(shared(snapshot_of(1)));
    link->on_report([&](const EdgeReport*) {
        link.reset();  // from within its own callback
        loop_.after({100}, [&] { loop_.stop(); });
    });
    edge.on_line([&](const std::string&) { edge.say(report_line(1) + report_line(2)); });
    loop_.run();
    EXPECT_EQ(link, nullptr);
}

}  // namespace
}  // namespace moln
