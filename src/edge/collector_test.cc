#include "edge/collector.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

std::string refusal(const std::string& url) {
    const auto parsed = parse_collector(url);
    return parsed ? "(taken)" : parsed.error().reason;
}

TEST(Collector, an_url_is_the_base_of_otlps_own_path) {
    const auto plain = parse_collector("http://127.0.0.1:4318");
    ASSERT_TRUE(plain);
    EXPECT_FALSE(plain->tls);
    EXPECT_EQ(plain->host, "127.0.0.1");
    EXPECT_EQ(plain->port, 4318);
    EXPECT_EQ(plain->path, "/v1/traces");
    EXPECT_EQ(plain->authority(), "127.0.0.1:4318");
    const auto tls = parse_collector("https://otlp.example.org/otlp/");
    ASSERT_TRUE(tls);
    EXPECT_TRUE(tls->tls);
    EXPECT_EQ(tls->port, 443);
    EXPECT_EQ(tls->path, "/otlp/v1/traces");
    const auto six = parse_collector("http://[::1]/");
    ASSERT_TRUE(six);
    EXPECT_EQ(six->host, "::1");
    EXPECT_EQ(six->authority(), "[::1]:80");
}

TEST(Collector, what_is_none_is_refused_with_the_reason) {
    for (const char* url : {"", "127.0.0.1:4318", "ftp://a", "http://", "http:///x", "http://a:0",
                            "http://a:99999", "http://a b", "http://a/%zz", "http://a/<"}) {
        EXPECT_NE(refusal(url).find("expected http://HOST:PORT"), std::string::npos) << url;
    }
    EXPECT_NE(refusal("http://a?key=1").find("query"), std::string::npos);
    EXPECT_NE(refusal("http://a/#x").find("fragment"), std::string::npos);
}

TEST(Collector, a_password_is_refused_and_not_repeated) {
    const auto reason = refusal("https://me:s3cret@a.example/");
    EXPECT_NE(reason.find("file of headers"), std::string::npos);
    EXPECT_EQ(reason.find("s3cret"), std::string::npos);
}

TEST(Collector, an_url_may_be_so_long_and_not_one_longer) {
    std::string url = "http://a/";
    url += std::string(k_collector_url_bytes_max - url.size(), 'x');
    EXPECT_TRUE(parse_collector(url));
    EXPECT_NE(refusal(url + "x").find("too long"), std::string::npos);
}

TEST(Collector, any_text_is_taken_or_refused) {
    EXPECT_TRUE(rc::check("total", [](const std::string& text) {
        for (const char* begin : {"", "http://", "https://a", "http://a:1/"}) {
            const auto parsed = parse_collector(begin + text);
            if (parsed) RC_ASSERT(parsed->path.ends_with("/v1/traces") && parsed->port != 0);
        }
    }));
}

TEST(CollectorFields, are_lines_of_a_request) {
    const auto fields =
        collector_fields("# for the vendor\n\nAuthorization:  Bearer abc \r\nX-Scope: a: b");
    ASSERT_TRUE(fields);
    EXPECT_EQ(fields->reveal(), "Authorization: Bearer abc\r\nX-Scope: a: b\r\n");
    EXPECT_TRUE(collector_fields("")->empty());
}

TEST(CollectorFields, an_error_names_the_line_and_not_the_secret) {
    for (const char* text : {"A: 1\ns3cret", "A: 1\nb c: s3cret", "A: 1\nB: s3\tx\001cret",
                             "A: 1\nB:", "A: 1\ncontent-length: s3cret", "A: 1\nHOST: s3cret"}) {
        const auto fields = collector_fields(text);
        ASSERT_FALSE(fields) << text;
        EXPECT_TRUE(fields.error().reason.starts_with("line 2: ")) << fields.error().reason;
        EXPECT_EQ(fields.error().reason.find("cret"), std::string::npos);
    }
}

TEST(CollectorFields, there_may_be_so_many_and_not_one_more) {
    std::string text;
    for (std::size_t i = 0; i < k_collector_fields_max; ++i) text += "a: b\n";
    EXPECT_TRUE(collector_fields(text));
    EXPECT_FALSE(collector_fields(text + "a: b\n"));
    std::string longest = "a: ";
    longest += std::string(k_collector_fields_bytes_max - longest.size(), 'x');
    EXPECT_TRUE(collector_fields(longest));
    EXPECT_FALSE(collector_fields(longest + "x"));
}

TEST(CollectorFields, no_text_makes_more_lines_than_it_has) {
    EXPECT_TRUE(rc::check("no injection", [](const std::string& text) {
        const auto fields = collector_fields("a: " + text);
        if (!fields) return;
        const auto& out = fields->reveal();
        std::size_t returns = 0;
        for (std::size_t i = 0; i < out.size(); ++i) {
            if (out[i] == '\r') ++returns;
            if (out[i] == '\n') RC_ASSERT(i > 0 && out[i - 1] == '\r');
        }
        RC_ASSERT(returns <=
                  1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
    }));
}

}  // namespace
}  // namespace moln::edge
