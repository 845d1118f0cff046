#include "edge/maintenance.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "http/head_testing.h"

namespace moln::edge {
namespace {

bool let_through(const MaintenanceSpec& spec, const std::string& fields,
                 const std::string& client = "198.51.100.1") {
    const std::string text = "GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
    http::RequestHead head;
    http::HeadCursor cursor;
    EXPECT_EQ(http::parse_request_head(text, {}, cursor, head).progress, http::Progress::done);
    head.rebase(text.data());
    std::vector<IpNetwork> allow;
    for (const auto& network : spec.allow) allow.push_back(*parse_network(network));
    return is_let_through(spec, allow, head, client);
}

TEST(Maintenance, nobody_is_let_through_who_was_not_named) {
    EXPECT_FALSE(let_through({}, ""));
    EXPECT_FALSE(let_through({}, "Cookie: moln-maintenance=\r\n"));
    EXPECT_FALSE(let_through({.allow = {"10.0.0.0/8"}}, "X-Forwarded-For: 10.0.0.1\r\n"));
}

TEST(Maintenance, networks_are_those_of_the_connection) {
    const MaintenanceSpec spec{.allow = {"10.0.0.0/8", "2001:db8::/32"}};
    EXPECT_TRUE(let_through(spec, "", "10.9.8.7"));
    EXPECT_TRUE(let_through(spec, "", "2001:db8::7"));
    EXPECT_TRUE(let_through(spec, "", "::ffff:10.9.8.7"));
    EXPECT_FALSE(let_through(spec, "", "2001:db9::7"));
    EXPECT_FALSE(let_through(spec, "", "")) << "an address that is none";
}

TEST(Maintenance, the_cookie_opens_whole_and_exact_alone) {
    const MaintenanceSpec spec{.pass = "0123456789abcdef"};
    EXPECT_TRUE(let_through(spec, "Cookie: a=b; moln-maintenance=0123456789abcdef\r\n"));
    for (const auto* bad : {"", "0", "0123456789abcde", "0123456789abcdeg", "0123456789abcdef0"}) {
        EXPECT_FALSE(let_through(spec, std::string("Cookie: moln-maintenance=") + bad + "\r\n"))
            << bad;
    }
}

}  // namespace
}  // namespace moln::edge
