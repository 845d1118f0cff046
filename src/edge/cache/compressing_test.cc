// What is kept compressed, and what is left as it is.
#include "edge/cache/compressing.h"

#include <array>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "edge/limits.h"
#include "http/head_testing.h"
#include "http/vary.h"

namespace moln::edge {
namespace {

using http::testing::parse_request;
using http::testing::parse_response;

constexpr std::string_view k_text = "Content-Type: text/html; charset=utf-8\r\n";

bool compressed(const std::string& fields, const std::string& request = "", int status = 200) {
    const auto asked = parse_request("GET / HTTP/1.1\r\nHost: a\r\n" + request + "\r\n");
    const auto came =
        parse_response("HTTP/1.1 " + std::to_string(status) + " X\r\n" + fields + "\r\n");
    EXPECT_EQ(came.result.progress, http::Progress::done);
    std::array<char, http::k_vary_bytes_max> room;
    const auto names = http::vary_names(came.head.fields, room);
    EXPECT_TRUE(names);
    return may_be_compressed(asked.head, came.head, *names);
}

bool text(const std::string& fields, const std::string& request = "") {
    return compressed(std::string(k_text) + fields, request);
}

CodingWish wish(const std::string& fields) {
    const auto asked = parse_request("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    EXPECT_EQ(asked.result.progress, http::Progress::done);
    return coding_wish(asked.head, http::cache_control_of(asked.head.fields));
}

TEST(Compressing, of_a_whole_text_that_nothing_speaks_against) {
    EXPECT_TRUE(text(""));
    EXPECT_TRUE(
        text("ETag: \"a\"\r\nVary: Origin\r\nCache-Control: max-age=9\r\n", "Cookie: a\r\n"));
    EXPECT_FALSE(compressed(""));
    EXPECT_FALSE(compressed("Content-Type: image/png\r\n"));
    EXPECT_FALSE(compressed("Content-Type: text/event-stream; charset=utf-8\r\n"));
    EXPECT_TRUE(compressed("Content-Type: application/json\r\n"));
    EXPECT_FALSE(compressed(std::string(k_text) + std::string(k_text)));
    EXPECT_FALSE(compressed(std::string(k_text), "", 404));
    EXPECT_FALSE(compressed(std::string(k_text) + "Content-Range: bytes 0-1/2\r\n", "", 206));
    EXPECT_FALSE(text("Content-Encoding: gzip\r\n"));
    EXPECT_FALSE(text("Content-Encoding: identity\r\n"));
    EXPECT_FALSE(text("Cache-Control: max-age=9, No-Transform\r\n"));
}

TEST(Compressing, not_of_what_has_a_sum_of_its_bytes) {
    for (const auto* field : {"Content-MD5: x", "Digest: sha-256=x",
                              "Repr-Digest: sha-256=:x:", "content-digest: sha-256=:x:"}) {
        EXPECT_FALSE(text(std::string(field) + "\r\n")) << field;
    }
}

TEST(Compressing, not_where_the_app_chooses_the_coding) {
    EXPECT_FALSE(text("Vary: accept-encoding\r\n"));
    EXPECT_FALSE(text("Vary: Origin, Accept-Encoding\r\n"));
}

TEST(Compressing, not_of_what_may_be_somebodys) {
    EXPECT_FALSE(text("Set-Cookie: a=b\r\n"));
    EXPECT_FALSE(text("Cache-Control: public\r\n", "Authorization: Basic YTpi\r\n"));
    EXPECT_FALSE(text("Vary: Cookie\r\n"));
    EXPECT_FALSE(text("Vary: authorization\r\n"));
}

TEST(Compressing, lengths_and_tags_at_their_limits_and_one_past_them) {
    EXPECT_TRUE(is_compressible_length(std::nullopt));
    EXPECT_TRUE(is_compressible_length(k_cache_compress_bytes_min));
    EXPECT_FALSE(is_compressible_length(k_cache_compress_bytes_min - 1));
    EXPECT_TRUE(is_compressible_length(k_cache_compress_bytes_max));
    EXPECT_FALSE(is_compressible_length(k_cache_compress_bytes_max + 1));
    const std::string tag(k_coded_etag_bytes_max - 4, 'a');
    EXPECT_TRUE(text("ETag: \"" + tag + "\"\r\n"));
    EXPECT_FALSE(text("ETag: \"" + tag + "a\"\r\n"));
    EXPECT_EQ(compressed_bytes_max(1000), 900u);
}

TEST(Compressing, weakens_a_strong_tag_alone) {
    std::array<char, k_coded_etag_bytes_max> room;
    EXPECT_EQ(weakened("\"a\"", room), "W/\"a\"");
    EXPECT_EQ(weakened("W/\"a\"", room), "W/\"a\"");
    EXPECT_EQ(weakened("", room), "");
}

ContentCoding best(const std::string& line) {
    return wish("Accept-Encoding: " + line + "\r\n").best([](ContentCoding) { return true; });
}

TEST(CodingWish, the_smallest_of_what_is_as_welcome) {
    EXPECT_EQ(wish("").best([](ContentCoding) { return true; }), ContentCoding::identity);
    EXPECT_EQ(best(""), ContentCoding::identity);
    EXPECT_EQ(best("deflate, compress"), ContentCoding::identity);
    EXPECT_EQ(best("gzip, deflate, br, zstd"), ContentCoding::br);
    EXPECT_EQ(best("gzip, zstd"), ContentCoding::zstd);
    EXPECT_EQ(best("gzip"), ContentCoding::gzip);
    EXPECT_EQ(best("*"), ContentCoding::br);
}

TEST(CodingWish, weights_are_honoured) {
    EXPECT_EQ(best("gzip;q=1, br;q=0.5"), ContentCoding::gzip);
    EXPECT_EQ(best("gzip;q=0.501, zstd;q=0.5"), ContentCoding::gzip);
    EXPECT_EQ(best("br;q=0, gzip;q=0.1"), ContentCoding::gzip);
    EXPECT_EQ(best("gzip;q=0"), ContentCoding::identity);
    EXPECT_EQ(best("gzip;q=0.5, identity;q=0.9"), ContentCoding::identity);
    EXPECT_EQ(best("gzip;q=0.5, identity;q=0.5"), ContentCoding::gzip);
    EXPECT_EQ(best("*;q=0.5, br;q=0, zstd;q=0"), ContentCoding::gzip);
    EXPECT_EQ(best("identity, *;q=0"), ContentCoding::identity);
    EXPECT_EQ(best("identity;q=0"), ContentCoding::identity);  // rather than nothing
}

TEST(CodingWish, parts_are_of_what_is_not_coded) {
    EXPECT_TRUE(wish("").parts);
    EXPECT_TRUE(wish("Accept-Encoding: gzip\r\n").parts);
    EXPECT_TRUE(wish("Accept-Encoding: gzip\r\nIf-Range: \"a\"\r\n").parts);
    EXPECT_TRUE(wish("Accept-Encoding: gzip\r\nIf-Range: W/\"a\"\r\n").parts);
    constexpr const char* k_date = "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    EXPECT_TRUE(wish(k_date).parts);
    EXPECT_FALSE(wish(std::string("Accept-Encoding: gzip\r\n") + k_date).parts);
    EXPECT_FALSE(wish("Accept-Encoding: gzip, identity;q=0\r\n").parts);
}

TEST(CodingWish, no_transform_of_the_request_is_heeded) {
    EXPECT_EQ(best("gzip"), ContentCoding::gzip);
    const auto all = [](ContentCoding) { return true; };
    EXPECT_EQ(wish("Accept-Encoding: gzip\r\nCache-Control: no-transform\r\n").best(all),
              ContentCoding::identity);
}

RC_GTEST_PROP(CodingWish, what_is_given_is_there_and_taken_or_not_coded, ()) {
    std::string line;
    for (const auto* name : {"br", "zstd", "gzip", "identity", "*", "deflate"}) {
        if (!*rc::gen::arbitrary<bool>()) continue;
        line += std::string(name) + ";q=0." + std::to_string(*rc::gen::inRange(0, 10)) + ",";
    }
    const auto mask = *rc::gen::inRange(0u, 16u);
    const auto there = [&](ContentCoding coding) {
        return (mask >> static_cast<unsigned>(coding) & 1) != 0;
    };
    const auto said = wish("Accept-Encoding: " + line + "\r\n");
    const ContentCoding chosen = said.best(there);
    const auto weight = said.codings.weight(chosen);
    RC_ASSERT(chosen == ContentCoding::identity || (weight > 0 && there(chosen)));
    for (const ContentCoding other : k_coding_order) {
        if (there(other)) RC_ASSERT(said.codings.weight(other) <= weight);
    }
}

RC_GTEST_PROP(Compressing, what_is_kept_compressed_is_at_most_nine_tenths, (std::uint32_t bytes)) {
    RC_PRE(bytes > 0u);
    RC_ASSERT(compressed_bytes_max(bytes) <= bytes);
    RC_ASSERT(bytes < 10u || compressed_bytes_max(bytes) < bytes);
}

}  // namespace
}  // namespace moln::edge
