#include "drivers/log/reader.h"

#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "io/file/temp_dir_for_test.h"

namespace moln {
namespace {

namespace fs = std::filesystem;

class LogReaderTest : public testing::Test {
protected:
    LogReaderTest() {
        data_.root = folder_.path();
        fs::create_directories(directory());
    }

    std::string directory() const { return data_.logs() + "/default/shop"; }
    std::string path(const std::string& instance) const {
        return directory() + "/" + instance + ".log";
    }
    void write(const std::string& instance, int second, const std::string& text) {
        std::ofstream(path(instance), std::ios::app)
            << fmt::format("1970-01-01T00:00:{:02}Z stdout F {}\n", second, text);
    }
    // As conmon cuts a log that nobody has rotated: a new file takes the place of the old one.
    void cut(const std::string& instance) {
        std::ofstream(path(instance) + ".tmp");
        fs::rename(path(instance) + ".tmp", path(instance));
    }
    void rotate(const std::string& instance) { fs::rename(path(instance), path(instance) + ".1"); }
    LogReader reader(std::int64_t lines = 100, std::string process = "") {
        return {data_,
                {.app = AppId("default/shop"), .process = std::move(process), .lines = lines}};
    }
    static std::string texts(const std::vector<LogLine>& lines) {
        std::string joined;
        for (const auto& line : lines) joined += line.text + " ";
        return joined;
    }

    const TempDir folder_;
    DataDir data_;
};

TEST_F(LogReaderTest, past_lines_of_all_instances_are_in_order_of_time) {
    write("web-a", 1, "a1");
    write("web-b", 2, "b2");
    write("web-a", 3, "a3");
    EXPECT_EQ(texts(reader().past()), "a1 b2 a3 ");
    EXPECT_EQ(texts(reader(2).past()), "b2 a3 ");
    EXPECT_EQ(texts(reader(0).past()), "");
}

TEST_F(LogReaderTest, the_process_is_what_stands_before_the_last_dash) {
    write("web-a", 1, "a");
    write("night-job-b", 2, "b");
    EXPECT_EQ(texts(reader(9, "night-job").past()), "b ");
    EXPECT_EQ(reader().past()[1].process, "night-job");
}

TEST_F(LogReaderTest, an_app_without_logs_has_no_lines) {
    fs::remove_all(directory());
    EXPECT_TRUE(reader().past().empty());
    EXPECT_TRUE(reader().poll().empty());
}

TEST_F(LogReaderTest, following_sees_new_lines_new_instances_and_the_rest_of_a_rotated_file) {
    write("web-a", 1, "one");
    auto following = reader();
    EXPECT_EQ(texts(following.past()), "one ");
    EXPECT_EQ(texts(following.poll()), "");
    write("web-a", 2, "two");
    rotate("web-a");
    write("web-a", 3, "three");
    write("web-b", 4, "four");
    EXPECT_EQ(texts(following.poll()), "two three four ");
    EXPECT_EQ(texts(following.poll()), "");
}

TEST_F(LogReaderTest, following_loses_nothing_where_a_log_is_cut) {
    write("web-a", 1, "one");
    auto following = reader();
    EXPECT_EQ(texts(following.past()), "one ");
    write("web-a", 2, "two");
    cut("web-a");
    write("web-a", 3, "three");
    EXPECT_EQ(texts(following.poll()), "two three ");
    EXPECT_EQ(texts(following.poll()), "");
    // Rotated, and cut before anybody looked.
    write("web-a", 4, "four");
    rotate("web-a");
    EXPECT_EQ(texts(following.poll()), "four ");
    write("web-a", 5, "five");
    EXPECT_EQ(texts(following.poll()), "five ");
    rotate("web-a");
    write("web-a", 6, "six");
    EXPECT_EQ(texts(following.poll()), "six ");
}

TEST_F(LogReaderTest, what_is_held_while_a_log_is_cut_stands_between_the_two_others) {
    write("web-a", 1, "one");
    rotate("web-a");
    write("web-a", 2, "two");
    fs::create_hard_link(path("web-a"), path("web-a") + ".held");
    auto following = reader();
    EXPECT_EQ(texts(following.past()), "one two ");
    write("web-a", 3, "three");
    cut("web-a");
    write("web-a", 4, "four");
    EXPECT_EQ(texts(reader().past()), "one two three four ");
    fs::rename(path("web-a") + ".held", path("web-a") + ".1");
    fs::create_hard_link(path("web-a"), path("web-a") + ".held");
    cut("web-a");
    write("web-a", 5, "five");
    EXPECT_EQ(texts(reader().past()), "two three four five ");
    EXPECT_EQ(texts(following.poll()), "three four five ");
    EXPECT_EQ(texts(following.poll()), "");
}

// Between the renaming and the monitor's next line, and for ever once that has ended.
TEST_F(LogReaderTest, of_a_log_of_which_only_the_rotated_file_is_there_nothing_is_missing) {
    write("web-a", 1, "one");
    auto following = reader();
    EXPECT_EQ(texts(following.past()), "one ");
    write("web-a", 2, "two");
    rotate("web-a");
    EXPECT_EQ(texts(reader().past()), "one two ");
    EXPECT_EQ(texts(following.poll()), "two ");
    auto later = reader();
    EXPECT_EQ(texts(later.past()), "one two ");
    // The monitor writes to it until it has been told.
    std::ofstream(path("web-a") + ".1", std::ios::app) << "1970-01-01T00:00:03Z stdout F three\n";
    EXPECT_EQ(texts(later.poll()), "three ");
    write("web-a", 4, "four");
    EXPECT_EQ(texts(later.poll()), "four ");
    EXPECT_EQ(texts(following.poll()), "three four ");
}

// The file that was read last is gone; what took its place has been moved on twice.
TEST_F(LogReaderTest, following_loses_nothing_where_a_log_is_cut_several_times_between_two_looks) {
    write("web-a", 1, "one");
    auto following = reader();
    EXPECT_EQ(texts(following.past()), "one ");
    write("web-a", 2, "two");
    EXPECT_EQ(texts(following.poll()), "two ");
    write("web-a", 3, "three");
    for (const auto& [second, word] : {std::pair{4, "four"}, {5, "five"}, {6, "six"}}) {
        if (second > 4) fs::rename(path("web-a") + ".held", path("web-a") + ".1");
        cut("web-a");
        write("web-a", second, word);
        fs::create_hard_link(path("web-a"), path("web-a") + ".held");
    }
    cut("web-a");
    write("web-a", 7, "seven");
    EXPECT_EQ(texts(following.poll()), "three five six seven ");  // no name was left to "four"
    EXPECT_EQ(texts(following.poll()), "");
}

TEST_F(LogReaderTest, an_instance_that_began_and_was_cut_between_two_looks_is_read_whole) {
    auto following = reader();
    EXPECT_EQ(texts(following.past()), "");
    write("web-a", 1, "one");
    rotate("web-a");
    write("web-a", 2, "two");
    EXPECT_EQ(texts(following.poll()), "one two ");
}

// Another reader goes on where one has stopped, whatever the files are called by then.
TEST_F(LogReaderTest, a_later_reader_goes_on_behind_a_position) {
    write("web-a", 1, "a1");
    write("web-b", 1, "b1");
    auto before = reader();
    const auto seen = before.past();
    ASSERT_EQ(texts(seen), "a1 b1 ");
    LogQuery query{.app = AppId("default/shop"), .since = {5'000}};
    query.after[InstanceId("web-a")] = seen[0].position;
    query.after[InstanceId("web-b")] = seen[1].position;
    EXPECT_EQ(texts(LogReader(data_, query).past()), "");
    write("web-a", 1, "a1");  // the same words in the same moment are another line
    rotate("web-a");
    write("web-a", 3, "a3");
    write("web-c", 4, "c4");  // of before, though this reader has seen none of it
    write("web-c", 5, "c5");
    LogReader after(data_, query);
    EXPECT_EQ(texts(after.past()), "a1 a3 c5 ");
    write("web-b", 6, "b6");
    const auto more = after.poll();
    ASSERT_EQ(texts(more), "b6 ");
    query.after[InstanceId("web-b")] = more[0].position;
    query.after[InstanceId("web-a")] = seen[0].position;
    EXPECT_EQ(texts(LogReader(data_, query).past()), "a1 a3 c5 ");
}

TEST_F(LogReaderTest, a_later_reader_says_where_lines_are_missing) {
    write("web-a", 1, "one");
    const auto seen = reader().past();
    LogQuery query{.app = AppId("default/shop")};
    query.after[InstanceId("web-a")] = seen[0].position;
    cut("web-a");
    write("web-a", 2, "two");
    EXPECT_EQ(texts(LogReader(data_, query).past()),
              "[lines may be missing here: the log was cut while nobody read it] two ");
    query.after.clear();
    query.since = {1};
    query.lines = k_log_lines_max;
    for (int i = 0; i < k_log_lines_max; ++i) write("web-b", 3, "x");
    const auto lines = LogReader(data_, query).past();
    ASSERT_EQ(static_cast<std::int64_t>(lines.size()), k_log_lines_max);
    EXPECT_EQ(lines[0].text, "[2 lines passed over: more than 10000 since then]");
    EXPECT_EQ(lines[1].text, "x");
    query.lines = 2;
    EXPECT_EQ(texts(LogReader(data_, query).past()), "x x ");
}

// A line in pieces, between which another stream's whole one stands.
TEST_F(LogReaderTest, a_later_reader_has_the_line_that_had_begun) {
    std::ofstream(path("web-a")) << "1970-01-01T00:00:01Z stdout P be\n"
                                    "1970-01-01T00:00:01Z stderr F loud\n";
    const auto seen = reader().past();
    ASSERT_EQ(texts(seen), "loud ");
    rotate("web-a");
    std::ofstream(path("web-a")) << "1970-01-01T00:00:02Z stdout F gun\n";
    LogQuery query{.app = AppId("default/shop")};
    query.after[InstanceId("web-a")] = seen[0].position;
    EXPECT_EQ(texts(LogReader(data_, query).past()), "begun ");
}

TEST_F(LogReaderTest, past_reads_the_rotated_file_first) {
    write("web-a", 1, "one");
    rotate("web-a");
    write("web-a", 2, "two");
    EXPECT_EQ(texts(reader().past()), "one two ");
}

TEST_F(LogReaderTest, a_line_is_told_when_it_is_whole) {
    write("web-a", 1, "one");
    auto following = reader();
    following.past();
    std::ofstream(path("web-a"), std::ios::app) << "1970-01-01T00:00:02Z stdout F tw";
    EXPECT_EQ(texts(following.poll()), "");
    std::ofstream(path("web-a"), std::ios::app) << "o\n";
    EXPECT_EQ(texts(following.poll()), "two ");
}

TEST_F(LogReaderTest, too_much_at_once_is_passed_over_and_said) {
    write("web-a", 1, "one");
    auto following = reader();
    following.past();
    std::ofstream(path("web-a"), std::ios::app) << std::string(k_log_poll_bytes_max + 1000, 'x');
    write("web-a", 2, "");
    write("web-a", 3, "end");
    const auto lines = following.poll();
    ASSERT_GE(lines.size(), 2u);
    EXPECT_NE(lines.front().text.find("bytes passed over"), std::string::npos);
    EXPECT_EQ(lines.back().text, "end");
}

TEST_F(LogReaderTest, pruning_keeps_live_logs_and_the_newest_of_the_ended) {
    for (std::size_t i = 0; i < k_ended_logs_kept + 2; ++i) {
        const auto name = fmt::format("web-{:03}", i);
        write(name, 1, "x");
        fs::last_write_time(path(name), fs::file_time_type::clock::now() -
                                            std::chrono::hours(200 - static_cast<int>(i)));
    }
    ASSERT_TRUE(prune_logs(data_, [](const std::string& id) { return id == "web-000"; }));
    EXPECT_TRUE(fs::exists(path("web-000")));
    EXPECT_FALSE(fs::exists(path("web-001")));
    EXPECT_TRUE(fs::exists(path("web-002")));
}

}  // namespace
}  // namespace moln
