#include "edge/access_line.h"

#include <array>
#include <string>

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

}  // namespace
}  // namespace moln::edge
