#include "io/host/edge_links.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "io/file/temp_dir_for_test.h"
#include "io/host/fake_edge_for_test.h"
#include "model/codec.h"

namespace moln {
namespace {

class EdgeLinksTest : public testing::Test {
protected:
    EdgeLinksTest() {
        loop_.after(seconds(30), [] { FAIL() << "the test is stuck"; });
        links_.on_news([this](const EdgeNews& news) {
            static constexpr const char* k_words[] = {"began", "reported", "lost", "ended"};
            news_.push_back(
                fmt::format("{} {}", news.process, k_words[static_cast<int>(news.kind)]));
            if (news_.size() == awaited_) loop_.stop();
        });
    }
    std::string path(int process) const { return fmt::format("{}/{}.sock", dir_.path(), process); }
    void report(FakeEdgeSocket& edge) {
        edge.say(fmt::format("{{\"report\":{}}}\n", to_json_text(EdgeReport{})));
    }
    // Until there is so much news in all.
    void run(std::size_t awaited) {
        awaited_ = awaited;
        if (news_.size() < awaited_) go();
    }
    void go() {
        asio_context(loop_).restart();
        loop_.run();
    }

    TempDir dir_;
    HostLoop loop_;
    EdgeLinks links_{loop_};
    std::vector<std::string> news_;
    std::size_t awaited_ = 0;
};

TEST_F(EdgeLinksTest, every_process_is_told_of_and_gets_the_latest_snapshot) {
    FakeEdgeSocket first(loop_, path(1));
    FakeEdgeSocket second(loop_, path(2));
    first.on_line([&](const std::string&) { report(first); });
    std::string heard;
    second.on_line([&](const std::string& line) {
        heard = line;
        report(second);
    });
    links_.add(1, {.path = path(1)});
    EdgeSnapshot snapshot;
    snapshot.version = 7;
    links_.publish(snapshot);
    run(2);
    links_.add(2, {.path = path(2)});
    run(4);
    EXPECT_EQ(heard, fmt::format("{{\"snapshot\":{}}}", to_json_text(snapshot)));
    first.drop();
    run(5);
    links_.remove(1);
    EXPECT_EQ(news_, (std::vector<std::string>{"1 began", "1 reported", "2 began", "2 reported",
                                               "1 lost", "1 ended"}));
}

TEST_F(EdgeLinksTest, who_asks_for_news_late_hears_of_those_that_are_there) {
    links_.add(3, {.path = path(3)});
    std::vector<std::int64_t> began;
    links_.on_news([&](const EdgeNews& news) { began.push_back(news.process); });
    EXPECT_EQ(began, std::vector<std::int64_t>{3});
}

TEST_F(EdgeLinksTest, a_purge_is_done_when_all_that_report_have_done_it) {
    FakeEdgeSocket first(loop_, path(1));
    FakeEdgeSocket second(loop_, path(2));
    std::vector<std::string> answers;
    const auto answer = [&](const Status& done) {
        answers.push_back(done ? "done" : std::string(word(done.error().code)));
        loop_.stop();
    };
    links_.request_purge({}, answer);
    go();
    links_.add(1, {.path = path(1)});
    links_.add(2, {.path = path(2)});
    links_.add(3, {.path = path(3)});  // not heard: it has nothing yet
    first.on_connect([&] { report(first); });
    second.on_connect([&] { report(second); });
    run(5);
    int purges = 0;
    first.on_line([&](const std::string&) {
        ++purges;
        first.say("{\"purged\":\"\"}\n");
    });
    second.on_line([&](const std::string&) {
        ++purges;
        // It ends before it answers: nobody is served from it any more.
        if (purges > 2) return links_.remove(2);
        second.say("{\"purged\":\"no URL\"}\n");
    });
    links_.request_purge({}, answer);
    go();
    links_.request_purge({}, answer);
    go();
    EXPECT_EQ(answers, (std::vector<std::string>{"unavailable", "invalid", "done"}));
    EXPECT_EQ(purges, 4);
}

// It may live on, and what it has on the disk outlives it.
TEST_F(EdgeLinksTest, a_purge_that_a_process_was_lost_over_is_not_done) {
    FakeEdgeSocket first(loop_, path(1));
    FakeEdgeSocket second(loop_, path(2));
    std::vector<std::string> answers;
    const auto purge = [&] {
        links_.request_purge({}, [&](const Status& done) {
            answers.push_back(done ? "done" : std::string(word(done.error().code)));
            loop_.stop();
        });
        go();
    };
    links_.add(1, {.path = path(1)});
    links_.add(2, {.path = path(2)});
    first.on_connect([&] { report(first); });
    second.on_connect([&] { report(second); });
    run(4);
    first.on_line([&](const std::string&) { first.say("{\"purged\":\"\"}\n"); });
    second.on_line([&](const std::string&) { second.drop(); });
    second.on_connect([] {});
    purge();
    purge();  // while it is not to be heard
    links_.remove(2);
    purge();
    first.on_line([&](const std::string&) { links_.remove(1); });
    purge();  // nobody is left who has done it
    EXPECT_EQ(answers,
              (std::vector<std::string>{"unavailable", "unavailable", "done", "unavailable"}));
}

TEST_F(EdgeLinksTest, metrics_are_of_the_newest_that_reports) {
    FakeEdgeSocket first(loop_, path(1));
    links_.add(1, {.path = path(1)});
    links_.add(2, {.path = path(2)});
    first.on_connect([&] { report(first); });
    run(3);
    first.on_line([&](const std::string&) { first.say("{\"metrics\":\"of one\"}\n"); });
    std::string text;
    links_.request_metrics([&](const Result<std::string>& metrics) {
        text = metrics.value_or("none");
        loop_.stop();
    });
    go();
    EXPECT_EQ(text, "of one");
}

TEST_F(EdgeLinksTest, what_a_process_told_last_is_seen_until_it_cannot_be_heard) {
    FakeEdgeSocket edge(loop_, path(1));
    edge.on_line([&](const std::string&) {
        EdgeReport report;
        report.pid = 812;
        report.leaving = true;
        edge.say(fmt::format("{{\"counts\":{},\"report\":{}}}\n",
                             to_json_text(EdgeProcessCounts{5, 1}), to_json_text(report)));
    });
    links_.add(1, {.path = path(1)});
    EXPECT_FALSE(links_.seen(1));
    links_.publish({});
    run(2);
    const auto seen = links_.seen(1);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->pid, 812);
    EXPECT_EQ(seen->state, EdgeProcessState::leaving);
    EXPECT_EQ(seen->connections_open, 5);
    EXPECT_EQ(seen->log_lines_dropped_total, 1);
    edge.drop();
    run(3);
    EXPECT_FALSE(links_.seen(1));
    links_.remove(1);
    EXPECT_FALSE(links_.seen(1));
}

TEST_F(EdgeLinksTest, routes_are_asked_of_all_that_know_the_question) {
    FakeEdgeSocket first(loop_, path(1));
    FakeEdgeSocket second(loop_, path(2));
    FakeEdgeSocket earlier(loop_, path(3));
    std::vector<std::string> answers;
    const auto answer = [&](const Result<std::vector<EdgeProcessRoutes>>& done) {
        if (!done) answers.emplace_back(word(done.error().code));
        if (done) {
            for (const auto& one : *done) answers.push_back(one.routes.at(0).host);
        }
        loop_.stop();
    };
    links_.request_routes(answer);
    go();
    EXPECT_EQ(answers, std::vector<std::string>{"unavailable"});
    answers.clear();
    const auto tell = [](FakeEdgeSocket& edge, const char* host) {
        return [&edge, host](const std::string& line) {
            if (line == R"({"get":"routes"})") {
                EdgeRouteReport route;
                route.host = host;
                edge.say(fmt::format("{{\"routes\":[{}]}}\n", to_json_text(route)));
            } else {
                edge.say(
                    fmt::format("{{\"counts\":{{}},\"report\":{}}}\n", to_json_text(EdgeReport{})));
            }
        };
    };
    first.on_line(tell(first, "a"));
    second.on_line(tell(second, "b"));
    int lines = 0;
    earlier.on_line([&](const std::string&) {
        ++lines;
        report(earlier);
    });
    for (int i = 1; i <= 3; ++i) links_.add(i, {.path = path(i)});
    links_.publish({});
    run(6);
    links_.request_routes(answer);
    go();
    EXPECT_EQ(answers, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(lines, 1) << "only the snapshot";
    // One that ends before it answers is missed if there is another.
    answers.clear();
    first.on_line([&](const std::string&) { first.drop(); });
    links_.request_routes(answer);
    go();
    EXPECT_EQ(answers, std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace moln
