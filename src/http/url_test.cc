#include "http/url.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln::http {
namespace {

using namespace std::literals;

std::string normal(std::string_view path) {
    std::string out(path.size(), '\0');
    const auto view = normalise_path(path, out);
    return view ? std::string(*view) : "(none)";
}

std::string loose(std::string_view path) {
    std::string out(path.size(), '\0');
    const auto view = normalise_path_loosely(path, out);
    return view ? std::string(*view) : "(none)";
}

TEST(Authority, host_and_port_are_told_apart) {
    const auto plain = parse_authority("Example.org:8080");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->host, "Example.org");
    EXPECT_EQ(plain->port, 8080);
    const auto literal = parse_authority("[2001:db8::1]:443");
    ASSERT_TRUE(literal);
    EXPECT_EQ(literal->host, "[2001:db8::1]");
    EXPECT_EQ(literal->port, 443);
    EXPECT_FALSE(parse_authority("a")->port);
}

TEST(Authority, ipv6_literals_are_checked) {
    for (const std::string_view good :
         {"::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
          "::ffff:192.0.2.1", "1:2:3:4:5:6:192.0.2.1", "fe80::A", "64:ff9b::192.0.2.33"}) {
        EXPECT_TRUE(parse_authority("[" + std::string(good) + "]")) << good;
    }
    for (const std::string_view bad : {"",
                                       ":",
                                       ":::",
                                       "1",
                                       "1:2:3:4:5:6:7",
                                       "1:2:3:4:5:6:7:8:9",
                                       "1::2::3",
                                       "12345::",
                                       "g::",
                                       "1:",
                                       "::1:",
                                       ":1::",
                                       "::192.0.2",
                                       "::192.0.2.256",
                                       "::192.0.2.01",
                                       "::1.2.3.4.5",
                                       "1:2:3:4:5:6:7:192.0.2.1",
                                       "1:2:3:4:5:6:7:8::",
                                       "::1%eth0",
                                       "v1.x"}) {
        EXPECT_FALSE(parse_authority("[" + std::string(bad) + "]")) << bad;
    }
    EXPECT_FALSE(parse_authority("[::1]x"));
    EXPECT_FALSE(parse_authority("x[::1]"));
}

TEST(Authority, a_name_of_the_limit_is_taken_and_one_byte_more_refused) {
    const std::string name(k_host_bytes_max - 1, 'a');
    EXPECT_TRUE(is_host_name(name));
    EXPECT_TRUE(is_host_name(name + "."));
    EXPECT_FALSE(is_host_name(name + "a"));
}

TEST(Host, is_lower_case_without_its_last_dot) {
    std::array<char, k_host_bytes_max> out;
    EXPECT_EQ(normalise_host("ExAmple.ORG.", out), "example.org");
    EXPECT_EQ(normalise_host("[FE80::A]", out), "[fe80::a]");
}

TEST(Path, triplets_are_checked) {
    EXPECT_TRUE(is_path("/a%20b/%C3%a5"));
    EXPECT_FALSE(is_path("/%"));
    EXPECT_FALSE(is_path("/%2"));
    EXPECT_FALSE(is_path("/%zz"));
    EXPECT_FALSE(is_path("/%00"));
    EXPECT_FALSE(is_path("a"));
    EXPECT_FALSE(is_path(""));
    EXPECT_FALSE(is_path("/a?b"));
}

TEST(Path, is_normalised_as_rfc_3986_says) {
    EXPECT_EQ(normal("/"), "/");
    EXPECT_EQ(normal("/a/b/"), "/a/b/");
    EXPECT_EQ(normal("/a/./b/../c"), "/a/c");
    EXPECT_EQ(normal("/a/b/.."), "/a/");
    EXPECT_EQ(normal("/a/."), "/a/");
    EXPECT_EQ(normal("/a/%2e%2E/b"), "/b");
    EXPECT_EQ(normal("/%61%7e%2d"), "/a~-");
    EXPECT_EQ(normal("/%c3%a5%2f"), "/%C3%A5%2F");
    EXPECT_EQ(normal("/a//b"), "/a//b");
    EXPECT_EQ(normal("/a//../b"), "/a/b");
    EXPECT_EQ(normal("/..."), "/...");
    EXPECT_EQ(normal("/.well-known/x"), "/.well-known/x");
    EXPECT_EQ(normal("/a%2f..%2fb"), "/a%2F..%2Fb");
}

TEST(Path, that_climbs_above_the_root_is_none) {
    EXPECT_EQ(normal("/.."), "(none)");
    EXPECT_EQ(normal("/a/../.."), "(none)");
    EXPECT_EQ(normal("/%2e%2e/x"), "(none)");
    EXPECT_EQ(normal("/a/../b"), "/b");
    EXPECT_EQ(normal("*"), "(none)");
    EXPECT_EQ(normal(""), "(none)");
}

TEST(Path, is_read_loosely_as_servers_do) {
    EXPECT_EQ(loose("/"), "/");
    EXPECT_EQ(loose("/a//b///c//"), "/a/b/c/");
    EXPECT_EQ(loose("//a"), "/a");
    EXPECT_EQ(loose("/a%2Fb%2f%2Fc"), "/a/b/c");
    EXPECT_EQ(loose("/a%5cb%5C"), "/a/b/");
    EXPECT_EQ(loose("/a//../b"), "/b");
    EXPECT_EQ(loose("/a/b/..%2f%61"), "/a/a");
    EXPECT_EQ(loose("/a/%2e%2e%2Fb"), "/b");
    EXPECT_EQ(loose("/a%252Fb%c3%a5"), "/a%252Fb%C3%A5");
    EXPECT_EQ(loose("/a%2f..%2f.."), "(none)");
    EXPECT_EQ(loose("//.."), "(none)");
    EXPECT_EQ(loose("a"), "(none)");
}

TEST(Path, normalising_twice_changes_nothing_and_never_grows) {
    const bool held = rc::check("normalise_path", [] {
        const auto parts = *rc::gen::container<std::vector<std::string>>(rc::gen::element(
            "/"s, "."s, ".."s, "a"s, "%2e"s, "%41"s, "%2F"s, "%c3"s, "%25"s, "b"s));
        std::string path = "/";
        for (const std::string& part : parts) path += part;
        const std::string once = normal(path);
        if (once == "(none)") return;
        RC_ASSERT(once.size() <= path.size());
        RC_ASSERT(is_path(once));
        RC_ASSERT(normal(once) == once);
        RC_ASSERT((once + "/").find("/../") == std::string::npos);
        RC_ASSERT((once + "/").find("/./") == std::string::npos);
        const std::string other = loose(path);
        if (other == "(none)") return;
        RC_ASSERT(other.find("//") == std::string::npos);
        RC_ASSERT(other.find("%2F") == std::string::npos);
        RC_ASSERT(loose(other) == other);
        RC_ASSERT(normal(other) == other);
        const bool strict = once.find("//") == std::string::npos &&
                            path.find("//") == std::string::npos &&
                            path.find("%2F") == std::string::npos;
        if (strict) RC_ASSERT(other == once);
    });
    EXPECT_TRUE(held);
}

}  // namespace
}  // namespace moln::http
