#include "model/traffic.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace moln {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string reason(const Status& status) {
    return status ? "" : status.error().reason;
}

TEST(Rate, is_read_as_people_write_it) {
    EXPECT_EQ(*parse_rate("20/s"), (RateLimit{20, seconds(1), 0}));
    EXPECT_EQ(*parse_rate("600/m"), (RateLimit{600, minutes(1), 0}));
    EXPECT_EQ(*parse_rate("5/10s"), (RateLimit{5, seconds(10), 0}));
    EXPECT_EQ(*parse_rate("20/s burst 100"), (RateLimit{20, seconds(1), 100}));
    EXPECT_EQ(*parse_rate("1000000/d"), (RateLimit{1'000'000, days(1), 0}));
}

TEST(Rate, of_anything_else_is_refused_with_an_example) {
    for (const auto* text :
         {"", "20", "/s", "20/", "0/s", "-1/s", "1000001/s", "1/2d", "20/s burst", "20/s burst 0",
          "20/s burst 1000001", "20 /s", "20/x", "1/0s"}) {
        const auto rate = parse_rate(text);
        ASSERT_FALSE(rate) << text;
        EXPECT_THAT(rate.error().reason, HasSubstr("expected a rate such as \"20/s\"")) << text;
    }
}

RC_GTEST_PROP(Rate, written_and_read_is_the_same, ()) {
    const RateLimit rate{*rc::gen::inRange<std::int64_t>(1, k_rate_requests_max + 1),
                         Milliseconds{*rc::gen::inRange<std::int64_t>(1, days(1).count + 1)},
                         *rc::gen::inRange<std::int64_t>(0, k_rate_requests_max + 1)};
    const auto read = parse_rate(format_rate(rate));
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == rate);
}

TEST(Rate, of_nobody_is_refused) {
    EXPECT_THAT(reason(validate_rate({})), HasSubstr("a client or of the route"));
    EXPECT_EQ(reason(validate_rate({.client = RateLimit{1}, .route = std::nullopt})), "");
}

TEST(Auth, takes_hashes_and_never_tells_what_may_be_a_password) {
    EXPECT_EQ(reason(validate_auth({.users = {"alice:$y$j9T$x$y", "bob:$2b$10$x"}})), "");
    const auto plain = reason(validate_auth({.users = {"alice:open sesame"}}));
    EXPECT_THAT(plain, HasSubstr("found \"alice\""));
    EXPECT_THAT(plain, Not(HasSubstr("sesame")));
    EXPECT_THAT(reason(validate_auth({.users = {":$y$"}})), HasSubstr("name:hash"));
    EXPECT_THAT(reason(validate_auth({.users = {"alice"}})), HasSubstr("name:hash"));
    EXPECT_THAT(reason(validate_auth({.users = {}})), HasSubstr("1 to 100 users, found 0"));
    EXPECT_THAT(reason(validate_auth({.users = {"a:$1", "a:$2"}})), HasSubstr("each user once"));
    EXPECT_THAT(reason(validate_auth({.users = {"a:$1"}, .realm = "a\"b"})), HasSubstr("realm"));
}

TEST(Auth, has_so_many_users_and_no_more) {
    AuthSpec auth;
    for (std::size_t i = 0; i < k_auth_users_max; ++i) {
        auth.users.push_back("u" + std::to_string(i) + ":$y$");
    }
    EXPECT_EQ(reason(validate_auth(auth)), "");
    auth.users.emplace_back("one:$y$");
    EXPECT_THAT(reason(validate_auth(auth)), HasSubstr("found 101"));
    AuthSpec longest{.users = {"a:$" + std::string(k_auth_user_bytes_max - 3, 'x')}};
    EXPECT_EQ(reason(validate_auth(longest)), "");
    longest.users.front() += 'x';
    EXPECT_THAT(reason(validate_auth(longest)), HasSubstr("name:hash"));
}

TEST(Balance, is_read_and_written_alike) {
    for (const auto* text : {"least", "client", "path", "header:X-Tenant", "cookie:sid"}) {
        EXPECT_EQ(format_balance(*parse_balance(text)), text);
    }
    for (const auto* text : {"", "most", "header", "header:", "client:x", "header:a b", ":x"}) {
        EXPECT_FALSE(parse_balance(text)) << text;
    }
}

TEST(Canary, has_a_share_a_header_and_a_cookie) {
    EXPECT_EQ(reason(validate_canary({.share = 100, .header = "X-Canary: yes", .cookie = "c=1"})),
              "");
    EXPECT_THAT(reason(validate_canary({.share = 101})), HasSubstr("0 to 100"));
    EXPECT_THAT(reason(validate_canary({.share = -1})), HasSubstr("0 to 100"));
    EXPECT_THAT(reason(validate_canary({.header = "X Canary"})), HasSubstr("a header such as"));
    EXPECT_THAT(reason(validate_canary({.cookie = "=1"})), HasSubstr("a cookie such as"));
    const auto rule = split_header_rule("X-Canary:  yes ");
    EXPECT_EQ(rule.name, "X-Canary");
    EXPECT_EQ(rule.value, "yes");
    EXPECT_EQ(split_cookie_rule("canary").value, std::nullopt);
}

TEST(Maintenance, page_is_bounded) {
    MaintenanceSpec spec{.page = std::string(k_maintenance_page_bytes_max, 'x')};
    EXPECT_EQ(reason(validate_maintenance(spec)), "");
    spec.page += 'x';
    EXPECT_THAT(reason(validate_maintenance(spec)), HasSubstr("at most 49152 bytes"));
    EXPECT_THAT(reason(validate_maintenance({.page = "", .retry_after_s = 0})),
                HasSubstr("1 to 604800 seconds"));
}

TEST(Maintenance, networks_and_pass_are_checked_and_the_pass_is_not_shown) {
    MaintenanceSpec spec;
    spec.allow.assign(k_maintenance_allow_max, "10.0.0.0/8");
    EXPECT_EQ(reason(validate_maintenance(spec)), "");
    spec.allow.push_back("2001:db8::/32");
    EXPECT_THAT(reason(validate_maintenance(spec)), HasSubstr("at most 100 networks"));
    spec.allow = {"10.0.0.0/80"};
    EXPECT_THAT(reason(validate_maintenance(spec)), HasSubstr("10.0.0.0/80"));
    spec.allow.clear();
    for (const auto& [size, good] : {std::pair{15, false}, {16, true}, {128, true}, {129, false}}) {
        spec.pass = std::string(static_cast<std::size_t>(size), 'w');
        EXPECT_EQ(validate_maintenance(spec).has_value(), good) << size;
    }
    spec.pass = "hunter2; Path=/; really";
    EXPECT_THAT(reason(validate_maintenance(spec)), testing::Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace moln
