#include "http/routes.h"

#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "http/routes_testing.h"

namespace moln::http {
namespace {

using namespace std::literals;
using testing::OwnedRoute;

RouteTable compiled(const std::vector<Route>& routes) {
    auto table = RouteTable::compile(routes);
    EXPECT_TRUE(table) << table.error().reason;
    return table ? std::move(*table) : RouteTable();
}

TEST(RouteTable, without_routes_matches_nothing) {
    EXPECT_FALSE(RouteTable().find("a", "/"));
    EXPECT_FALSE(compiled({}).find("a", "/"));
}

TEST(RouteTable, the_most_specific_host_wins) {
    const RouteTable table = compiled({{"*", "/", 1},
                                       {"*.example.org", "/", 2},
                                       {"*.shop.example.org", "/", 3},
                                       {"a.shop.example.org", "/", 4}});
    EXPECT_EQ(table.find("other.net", "/"), 1u);
    EXPECT_EQ(table.find("example.org", "/"), 1u);
    EXPECT_EQ(table.find("x.example.org", "/"), 2u);
    EXPECT_EQ(table.find("y.x.example.org", "/"), 2u);
    EXPECT_EQ(table.find("shop.example.org", "/"), 2u);
    EXPECT_EQ(table.find("b.shop.example.org", "/"), 3u);
    EXPECT_EQ(table.find("a.shop.example.org", "/"), 4u);
    EXPECT_EQ(table.find("xexample.org", "/"), 1u);
}

TEST(RouteTable, the_longest_path_of_whole_segments_wins) {
    const RouteTable table =
        compiled({{"a", "/", 1}, {"a", "/api", 2}, {"a", "/api/v1/", 3}, {"a", "/b/c", 4}});
    EXPECT_EQ(table.find("a", "/"), 1u);
    EXPECT_EQ(table.find("a", "/apix"), 1u);
    EXPECT_EQ(table.find("a", "/api"), 2u);
    EXPECT_EQ(table.find("a", "/api/"), 2u);
    EXPECT_EQ(table.find("a", "/api/v"), 2u);
    EXPECT_EQ(table.find("a", "/api/v1"), 3u);
    EXPECT_EQ(table.find("a", "/api/v1/x/y/z"), 3u);
    EXPECT_EQ(table.find("a", "/b"), 1u);
    EXPECT_EQ(table.find("a", "//api"), 1u);
    EXPECT_EQ(table.find("a", "/api//v1"), 2u);
}

TEST(RouteTable, a_host_without_a_matching_path_leaves_it_to_a_wider_one) {
    const RouteTable table = compiled({{"*", "/", 1}, {"*.org", "/x", 2}, {"a.org", "/api", 3}});
    EXPECT_EQ(table.find("a.org", "/api/y"), 3u);
    EXPECT_EQ(table.find("a.org", "/x"), 2u);
    EXPECT_EQ(table.find("a.org", "/z"), 1u);
    EXPECT_FALSE(compiled({{"a", "/api", 1}}).find("a", "/"));
}

TEST(RouteTable, the_asterisk_goes_where_the_root_goes) {
    EXPECT_EQ(compiled({{"a", "/", 1}, {"a", "/b", 2}}).find("a", "*"), 1u);
    EXPECT_FALSE(compiled({{"a", "/b", 2}}).find("a", "*"));
    EXPECT_FALSE(compiled({{"a", "/", 1}}).find("a", "b"));
}

TEST(RouteTable, ipv6_literals_are_hosts) {
    EXPECT_EQ(compiled({{"[::1]", "/", 1}}).find("[::1]", "/"), 1u);
}

TEST(RouteTable, what_is_no_route_is_refused_by_name) {
    const std::pair<Route, std::string_view> rows[] = {
        {{"", "/", 0}, "route host ''"},
        {{"A", "/", 0}, "route host 'A'"},
        {{"a.", "/", 0}, "route host 'a.'"},
        {{"a:80", "/", 0}, "route host 'a:80'"},
        {{"[::1]:80", "/", 0}, "route host '[::1]:80'"},
        {{"*.", "/", 0}, "route host '*.'"},
        {{"**.a", "/", 0}, "route host '**.a'"},
        {{"a.*", "/", 0}, "route host 'a.*'"},
        {{"a", "", 0}, "route path ''"},
        {{"a", "b", 0}, "route path 'b'"},
        {{"a", "/b/../c", 0}, "route path '/b/../c'"},
        {{"a", "/%61", 0}, "route path '/%61'"},
        {{"a", "/b//c", 0}, "route path '/b//c'"},
        {{"a", "/b?c", 0}, "route path '/b?c'"},
    };
    for (const auto& [route, words] : rows) {
        const auto table = RouteTable::compile(std::span(&route, 1));
        ASSERT_FALSE(table) << words;
        EXPECT_EQ(table.error().code, ErrorCode::invalid);
        EXPECT_NE(table.error().reason.find(words), std::string::npos) << table.error().reason;
    }
}

TEST(RouteTable, the_same_route_twice_is_refused) {
    EXPECT_FALSE(RouteTable::compile(std::vector<Route>{{"a", "/", 1}, {"a", "/", 1}}));
    EXPECT_FALSE(RouteTable::compile(std::vector<Route>{{"a", "/b", 1}, {"a", "/b/", 2}}));
    EXPECT_FALSE(RouteTable::compile(std::vector<Route>{{"*.a", "/", 1}, {"*.a", "/", 2}}));
    EXPECT_FALSE(RouteTable::compile(std::vector<Route>{{"*", "/", 1}, {"*", "/", 2}}));
    EXPECT_TRUE(RouteTable::compile(std::vector<Route>{{"a", "/", 1}, {"*.a", "/", 2}}));
}

TEST(RouteTable, a_path_of_the_limit_is_taken_and_one_byte_more_refused) {
    const std::string longest = "/" + std::string(k_route_path_bytes_max - 1, 'a');
    EXPECT_EQ(compiled({{"a", longest, 1}}).find("a", longest + "/x"), 1u);
    const std::string longer = longest + "a";
    EXPECT_FALSE(RouteTable::compile(std::vector<Route>{{"a", longer, 1}}));
}

TEST(RouteTable, more_routes_than_the_limit_are_refused) {
    const std::vector<Route> routes(k_routes_max + 1);
    const auto table = RouteTable::compile(routes);
    ASSERT_FALSE(table);
    EXPECT_EQ(table.error().code, ErrorCode::refused);
}

TEST(RouteTable, a_hundred_thousand_routes_are_all_found) {
    std::vector<OwnedRoute> routes;
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        const std::string host = "app-" + std::to_string(i / 4) + ".example.org";
        routes.push_back({host, i % 4 == 0 ? "/" : "/p" + std::to_string(i % 4) + "/q", i});
    }
    const RouteTable table = compiled(testing::views(routes));
    ASSERT_EQ(table.size(), routes.size());
    for (const OwnedRoute& route : routes) {
        EXPECT_EQ(table.find(route.host, route.path), route.payload);
        EXPECT_EQ(table.find(route.host, "/p9/q"), route.payload / 4 * 4);
    }
    EXPECT_FALSE(table.find("app-25000.example.org", "/"));
}

rc::Gen<std::string> host_gen() {
    return rc::gen::map(rc::gen::resize(6, rc::gen::container<std::vector<std::string>>(
                                               rc::gen::element("a"s, "b"s, "c"s, "example"s))),
                        [](const std::vector<std::string>& labels) {
                            std::string host = "x";
                            for (const std::string& label : labels) host = label + "." + host;
                            return host;
                        });
}

rc::Gen<std::string> path_gen() {
    return rc::gen::map(rc::gen::resize(6, rc::gen::container<std::vector<std::string>>(
                                               rc::gen::element("a"s, "b"s, "ab"s, "12345678"s))),
                        [](const std::vector<std::string>& segments) {
                            std::string path;
                            for (const std::string& segment : segments) path += "/" + segment;
                            return path.empty() ? "/"s : path;
                        });
}

TEST(RouteTable, answers_as_the_naive_model_does) {
    const bool held = rc::check("route table", [] {
        std::vector<OwnedRoute> routes;
        std::set<std::pair<std::string, std::string>> seen;
        const auto count = *rc::gen::inRange<std::size_t>(0, 40);
        for (std::size_t i = 0; i < count; ++i) {
            std::string host = *host_gen();
            const int kind = *rc::gen::inRange(0, 4);
            if (kind == 0) host = "*";
            if (kind == 1) host = "*." + host;
            const std::string path = *path_gen();
            if (!seen.insert({host, path}).second) continue;
            routes.push_back({host, path, static_cast<std::uint32_t>(i)});
        }
        const auto table = RouteTable::compile(testing::views(routes));
        RC_ASSERT(table.has_value());
        for (int i = 0; i < 20; ++i) {
            const std::string host = *host_gen();
            const std::string path = *path_gen() + *rc::gen::element(""s, "/"s, "x"s);
            RC_ASSERT(table->find(host, path) == testing::naive_find(routes, host, path));
        }
    });
    EXPECT_TRUE(held);
}

}  // namespace
}  // namespace moln::http
