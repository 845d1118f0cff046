#include "edge/access_line.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

std::string line_of(const AccessRecord& record) {
    std::array<char, k_log_line_max> out;
    return {out.data(), format_access_line(record, out)};
}

TEST(AccessLine, says_everything_of_a_request) {
    const std::array<std::uint8_t, 16> trace = {0xab, 1};
    EXPECT_EQ(line_of({.time = {1'700'000'000'123},
                       .client = "192.0.2.7",
                       .method = "GET",
                       .host = "shop.example.org",
                       .path = "/a\"b\\",
                       .status = 200,
                       .bytes = 1024,
                       .duration_us = 950,
                       .queue_us = 20,
                       .app = "default/shop",
                       .process = "web",
                       .instance = "web-1",
                       .retries = 1,
                       .http = "2",
                       .tls = "1.3",
                       .trace_id = trace}),
              R"({"time_ms":1700000000123,"client":"192.0.2.7","method":"GET",)"
              R"("host":"shop.example.org","path":"/a\"b\\","status":200,"bytes":1024,)"
              R"("duration_us":950,"queue_us":20,"app":"default/shop","process":"web",)"
              R"("instance":"web-1",)"
              R"("retries":1,"http":"2","tls":"1.3","trace":"ab010000000000000000000000000000"})"
              "\n");
}

TEST(AccessLine, says_why_there_was_no_answer) {
    const auto line = line_of({.status = 504, .error = k_error_answer_timeout, .http = "1.1"});
    EXPECT_NE(line.find(R"("retries":0,"error":"answer_timeout","http":"1.1")"), std::string::npos)
        << line;
}

TEST(AccessLine, any_bytes_give_one_line_of_valid_json) {
    EXPECT_TRUE(rc::check("valid", [](const std::string& text) {
        const auto line = line_of({.client = text,
                                   .method = text,
                                   .host = text,
                                   .path = text,
                                   .app = text,
                                   .process = text,
                                   .instance = text});
        RC_ASSERT(!line.empty());
        RC_ASSERT(line.find('\n') == line.size() - 1);
        boost::json::error_code error;
        (void)boost::json::parse(line, error);
        RC_ASSERT(!error);
    }));
}

TEST(AccessLine, the_longest_fields_are_cut_and_still_fit) {
    const std::string text(100'000, '\x01');
    const auto line = line_of({.client = text,
                               .method = text,
                               .host = text,
                               .path = text,
                               .app = text,
                               .process = text,
                               .instance = text});
    EXPECT_FALSE(line.empty());
    EXPECT_LE(line.size(), k_log_line_max);
}

TEST(AccessLine, a_buffer_too_small_gives_nothing) {
    std::array<char, 100> out;
    EXPECT_EQ(format_access_line({.path = "/long/enough/to/matter"}, out), 0U);
}

std::string combined_of(const AccessRecord& record) {
    std::array<char, k_log_line_max> out;
    return {out.data(), format_combined_line(record, out)};
}

TEST(CombinedLine, is_as_apache_writes_it) {
    EXPECT_EQ(combined_of({.time = {1'700'000'000'123},
                           .client = "192.0.2.7",
                           .method = "GET",
                           .host = "shop.example.org",
                           .path = "/a",
                           .status = 200,
                           .bytes = 1024,
                           .duration_us = 950,
                           .http = "2",
                           .referer = "https://shop.example.org/",
                           .user_agent = "curl/7.88 \"x\\"}),
              "192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] \"GET /a HTTP/2.0\" 200 1024 "
              "\"https://shop.example.org/\" \"curl/7.88 \\\"x\\\\\" 950\n");
}

TEST(CombinedLine, has_dashes_for_what_is_not_there) {
    EXPECT_EQ(combined_of({.client = "192.0.2.7"}),
              "192.0.2.7 - - [01/Jan/1970:00:00:00 +0000] \"-\" 499 - \"-\" \"-\" 0\n");
}

// As those who read such logs do.
std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
        } else if (text.at(i + 1) == 'x') {
            out += static_cast<char>(std::stoi(std::string(text.substr(i + 2, 2)), nullptr, 16));
            i += 3;
        } else {
            out += text.at(++i);
        }
    }
    return out;
}

TEST(CombinedLine, any_bytes_give_one_line_of_fields_that_can_be_told_apart) {
    EXPECT_TRUE(rc::check("valid", [](const std::string& agent, const std::string& path) {
        const auto line =
            combined_of({.client = "c", .method = "GET", .path = path, .user_agent = agent});
        RC_ASSERT(line.find('\n') == line.size() - 1);
        // Quotes that are not escaped are six: of the request, the referer and the agent.
        std::vector<std::size_t> quotes;
        for (std::size_t i = 0; i < line.size(); ++i) {
            RC_ASSERT(line[i] == '\n' || (line[i] >= 0x20 && line[i] < 0x7f));
            if (line[i] == '\\') {
                ++i;
            } else if (line[i] == '"') {
                quotes.push_back(i);
            }
        }
        RC_ASSERT(quotes.size() == 6U);
        const auto said = unescaped(line.substr(quotes[4] + 1, quotes[5] - quotes[4] - 1));
        RC_ASSERT(said == (agent.empty() ? "-" : agent));
    }));
}

TEST(CombinedLine, long_fields_are_cut_and_always_fit) {
    const std::string hostile(10'000, '\x01');
    const auto line = combined_of({.client = hostile,
                                   .method = hostile,
                                   .path = hostile,
                                   .http = "1.1",
                                   .referer = hostile,
                                   .user_agent = hostile});
    EXPECT_FALSE(line.empty());
    EXPECT_LT(line.size(), k_log_line_max);
}

}  // namespace
}  // namespace moln::edge
