#include "edge/preference.h"

#include <string>

#include <gtest/gtest.h>

#include "http/head_testing.h"

namespace moln::edge {
namespace {

struct Request {
    std::string text;
    http::RequestHead head;
    explicit Request(const std::string& fields)
        : text("GET /a HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n") {
        http::HeadCursor cursor;
        const auto parsed = http::parse_request_head(text, {}, cursor, head);
        EXPECT_EQ(parsed.progress, http::Progress::done);
        head.rebase(text.data());
    }
};

TEST(Preference, of_an_app_that_asks_for_nothing_is_none) {
    const Request request("Cookie: moln-affinity=0123456789abcdef\r\n");
    EXPECT_FALSE(preference({}, request.head, "192.0.2.1").any());
}

TEST(Preference, affinity_is_a_token_or_nothing) {
    EdgeApp app;
    app.affinity = true;
    const auto of = [&](const std::string& value) {
        const Request request("Cookie: a=b; moln-affinity=" + value + "\r\n");
        return preference(app, request.head, "192.0.2.1").affinity;
    };
    EXPECT_EQ(of("0123456789abcdef"), 0x0123'4567'89ab'cdefU);
    for (const auto* bad :
         {"", "0123", "0123456789abcdeg", "0123456789abcdef0", "-123456789abcdef"}) {
        EXPECT_EQ(of(bad), 0U) << bad;
    }
}

TEST(Preference, key_is_of_what_the_app_balances_by) {
    const Request one("X-Tenant: a\r\nCookie: sid=1\r\n");
    const Request other("X-Tenant: b\r\nCookie: x=y; sid=1\r\n");
    const Request none("");
    const auto key = [](BalanceBy by, const std::string& name, const Request& request,
                        std::string_view client) {
        EdgeApp app;
        app.balance = {by, name};
        return preference(app, request.head, client).key;
    };
    EXPECT_NE(key(BalanceBy::header, "x-tenant", one, "1"),
              key(BalanceBy::header, "X-Tenant", other, "1"));
    EXPECT_EQ(key(BalanceBy::header, "X-Tenant", none, "1"), 0U);
    EXPECT_EQ(key(BalanceBy::cookie, "sid", one, "1"), key(BalanceBy::cookie, "sid", other, "2"));
    EXPECT_NE(key(BalanceBy::client, "", one, "1"), key(BalanceBy::client, "", one, "2"));
    EXPECT_EQ(key(BalanceBy::path, "", one, "1"), key(BalanceBy::path, "", other, "2"));
    EXPECT_EQ(key(BalanceBy::least, "", one, "1"), 0U);
}

TEST(Preference, canary_is_by_header_cookie_or_a_share_that_only_grows) {
    const Request none("");
    const Request header("x-canary: yes\r\n");
    const Request cookie("Cookie: canary=on\r\n");
    const CanarySpec rules{.share = 0, .header = "X-Canary: yes", .cookie = "canary"};
    EXPECT_FALSE(is_canary(rules, none.head, "192.0.2.1"));
    EXPECT_TRUE(is_canary(rules, header.head, "192.0.2.1"));
    EXPECT_TRUE(is_canary(rules, cookie.head, "192.0.2.1"));
    EXPECT_FALSE(is_canary({.share = 0, .header = "X-Canary: no"}, header.head, "192.0.2.1"));
    int of_20 = 0;
    for (int i = 0; i < 1000; ++i) {
        const auto client = "10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256);
        const bool few = is_canary({.share = 20}, none.head, client);
        of_20 += few ? 1 : 0;
        if (few) {
            EXPECT_TRUE(is_canary({.share = 50}, none.head, client));
        }
        EXPECT_TRUE(is_canary({.share = 100}, none.head, client));
        EXPECT_FALSE(is_canary({.share = 0}, none.head, client));
    }
    EXPECT_NEAR(of_20, 200, 50);
}

}  // namespace
}  // namespace moln::edge
