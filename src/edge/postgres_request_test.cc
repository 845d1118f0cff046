#include "edge/postgres_request.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace moln::edge {
namespace {

TEST(PostgresRequest, is_found_once_it_is_whole) {
    for (const auto& [request, kind] : {std::pair(k_ssl_request, PostgresRequest::ssl),
                                        std::pair(k_gss_request, PostgresRequest::gss)}) {
        for (std::size_t i = 0; i < request.size(); ++i) {
            EXPECT_EQ(parse_postgres_request(request.substr(0, i)), PostgresRequest::need_more);
        }
        EXPECT_EQ(parse_postgres_request(request), kind);
        EXPECT_EQ(parse_postgres_request(std::string(request) + "more"), kind);
    }
}

TEST(PostgresRequest, others_are_none) {
    const std::string_view cancel("\x00\x00\x00\x10\x04\xd2\x16\x2e", 8);
    const std::string_view startup("\x00\x00\x00\x08\x00\x03\x00\x00", 8);
    for (const auto text :
         {cancel, startup, std::string_view("\x16\x03\x01"), std::string_view("GET / HTTP/1.1")}) {
        EXPECT_EQ(parse_postgres_request(text), PostgresRequest::none);
    }
}

RC_GTEST_PROP(PostgresRequest, says_the_same_of_more_bytes_once_it_has_decided,
              (const std::string& tail)) {
    const auto cut = *rc::gen::inRange<std::size_t>(0, k_ssl_request.size() + 1);
    const auto bytes = std::string(k_ssl_request.substr(0, cut)) + tail;
    auto last = PostgresRequest::need_more;
    for (std::size_t i = 0; i <= bytes.size(); ++i) {
        const auto now = parse_postgres_request(std::string_view(bytes).substr(0, i));
        RC_ASSERT(last == PostgresRequest::need_more || now == last);
        last = now;
    }
}

}  // namespace
}  // namespace moln::edge
