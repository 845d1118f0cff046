#include "edge/stream_line.h"

#include <array>
#include <string>

#include <boost/json.hpp>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

std::string line_of(const StreamRecord& record) {
    std::array<char, k_log_line_max> out;
    return {out.data(), format_stream_line(record, out)};
}

TEST(StreamLine, says_everything_of_a_stream) {
    EXPECT_EQ(line_of({.time = {1'700'000'000'123},
                       .client = "192.0.2.7",
                       .listen = "tcp:8443",
                       .host = "db.example.org",
                       .outcome = StreamOutcome::half_closed,
                       .bytes_in = 10,
                       .bytes_out = 2048,
                       .duration_us = 950,
                       .queue_us = 20,
                       .app = "default/db",
                       .process = "postgres",
                       .instance = "postgres-1",
                       .retries = 1}),
              R"({"time_ms":1700000000123,"client":"192.0.2.7","listen":"tcp:8443",)"
              R"("host":"db.example.org","outcome":"half_closed","bytes_in":10,"bytes_out":2048,)"
              R"("duration_us":950,"queue_us":20,"app":"default/db","process":"postgres",)"
              R"("instance":"postgres-1","retries":1})"
              "\n");
}

TEST(StreamLine, any_bytes_give_one_line_of_valid_json) {
    EXPECT_TRUE(rc::check([](const std::string& text) {
        const auto line = line_of({.client = text,
                                   .listen = text,
                                   .host = text,
                                   .app = text,
                                   .process = text,
                                   .instance = text});
        RC_ASSERT(line.find('\n') == line.size() - 1);
        boost::json::error_code error;
        (void)boost::json::parse(line, error);
        RC_ASSERT(!error);
    }));
}

TEST(StreamLine, every_outcome_has_a_word_and_only_ours_are_errors) {
    for (int i = 0; i <= static_cast<int>(StreamOutcome::out_of_capacity); ++i) {
        EXPECT_FALSE(word(static_cast<StreamOutcome>(i)).empty());
    }
    EXPECT_FALSE(is_error(StreamOutcome::client_left));
    EXPECT_FALSE(is_error(StreamOutcome::bad_preface));
    EXPECT_TRUE(is_error(StreamOutcome::no_instance));
    EXPECT_TRUE(is_error(StreamOutcome::no_tls));
}

}  // namespace
}  // namespace moln::edge
