#include "http/chunked.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "http/chunked_testing.h"

namespace moln::http {
namespace {

using namespace std::literals;
using testing::decode;
using testing::decode_in;
using testing::Decoded;
using Kind = ChunkStep::Kind;

TEST(Chunked, data_and_trailers_are_given_and_the_next_message_is_left) {
    const auto decoded = decode("5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX-Sum: 6 \r\nY:\r\n\r\nGET /");
    EXPECT_EQ(decoded.end, Kind::done);
    EXPECT_EQ(decoded.body, "hello!");
    EXPECT_EQ(decoded.trailers, "X-Sum: 6\nY: \n");
    EXPECT_EQ(decoded.consumed,
              "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX-Sum: 6 \r\nY:\r\n\r\n"sv.size());
}

struct Row {
    std::string_view text;
    Violation violation;
    std::string_view neighbour;  // complete and accepted
};

TEST(Chunked, the_bad_is_refused_and_its_neighbour_taken) {
    using enum Violation;
    const Row rows[] = {
        {"\r\n", bad_chunk_size, "0\r\n\r\n"},
        {"x\r\n", bad_chunk_size, "a\r\n0123456789\r\n0\r\n\r\n"},
        {"0x1\r\n", bad_chunk_size, "01\r\n!\r\n0\r\n\r\n"},
        {"-1\r\n", bad_chunk_size, "1\r\n!\r\n0\r\n\r\n"},
        {"+1\r\n", bad_chunk_size, "1\r\n!\r\n0\r\n\r\n"},
        {" 1\r\n", bad_chunk_size, "1\r\n!\r\n0\r\n\r\n"},
        {"1 \r\n", bad_chunk_extension, "1 ;a\r\n!\r\n0\r\n\r\n"},
        {"1_0\r\n", bad_chunk_size, "10\r\n0123456789abcdef\r\n0\r\n\r\n"},
        {"1\n!\r\n", bad_chunk_size, "1\r\n!\r\n0\r\n\r\n"},
        {"1\r!\r\n", bad_chunk_size, "1\r\n!\r\n0\r\n\r\n"},
        {"1\0\r\n!"sv, bad_chunk_size, "1\r\n\0\r\n0\r\n\r\n"sv},
        {"00000000000000001\r\n", bad_chunk_size, "0000000000000001\r\n!\r\n0\r\n\r\n"},
        {"1000000000001\r\n", chunk_too_large, "1\r\n!\r\n0\r\n\r\n"},
        {"ffffffffffffffff\r\n", chunk_too_large, "F\r\n0123456789abcde\r\n0\r\n\r\n"},
        {"1\r\n!!\r\n0\r\n\r\n", bad_chunk_end, "2\r\n!!\r\n0\r\n\r\n"},
        {"1\r\n!\n0\r\n\r\n", bad_chunk_end, "1\r\n!\r\n0\r\n\r\n"},
        {"1\r\n!\rx0\r\n\r\n", bad_chunk_end, "1\r\n!\r\n0\r\n\r\n"},
        {"1\r\n!0\r\n\r\n", bad_chunk_end, "1\r\n!\r\n0\r\n\r\n"},
        {"0;\r\n", bad_chunk_extension, "0;a\r\n\r\n"},
        {"0;a=\r\n", bad_chunk_extension, "0;a=b\r\n\r\n"},
        {"0;a b\r\n", bad_chunk_extension, "0; a = b ;c\r\n\r\n"},
        {"0;a \r\n", bad_chunk_extension, "0;a\t;b\r\n\r\n"},
        {"0;a=b\x01\r\n", bad_chunk_extension, "0;a=b!\r\n\r\n"},
        {"0;a\0\r\n"sv, bad_chunk_extension, "0;a\r\n\r\n"},
        {"0;a\n\r\n", bad_chunk_extension, "0;a\r\n\r\n"},
        {"0;a=\"b\r\n\"", bad_chunk_extension, "0;a=\"b\\\"\t\xff\"\r\n\r\n"},
        {"0;a=\"b\x7f\"\r\n", bad_chunk_extension, "0;a=\"b\"\r\n\r\n"},
        {"0;a=\"b\\\x01\"\r\n", bad_chunk_extension, "0;a=\"b\\a\"\r\n\r\n"},
        {"0;a=\"b\"c\r\n", bad_chunk_extension, "0;a=\"b\";c\r\n\r\n"},
        {"0\r\n\n", bad_trailer, "0\r\n\r\n"},
        {"0\r\nX: y\n\r\n", bad_trailer, "0\r\nX: y\r\n\r\n"},
        {"0\r\nX\r\n\r\n", bad_trailer, "0\r\nX:\r\n\r\n"},
        {"0\r\nX : y\r\n\r\n", bad_trailer, "0\r\nX:y\r\n\r\n"},
        {"0\r\nX: y\r\n z\r\n\r\n", bad_trailer, "0\r\nX: y z\r\n\r\n"},
        {"0\r\nX: y\rz\r\n\r\n", bad_trailer, "0\r\nX: y\tz\r\n\r\n"},
        {"0\r\nX: \0\r\n\r\n"sv, bad_trailer, "0\r\nX: 0\r\n\r\n"},
        {"0\r\nContent-Length: 5\r\n\r\n", trailer_not_allowed, "0\r\nContent-MD5: 5\r\n\r\n"},
        {"0\r\ntransfer-encoding: chunked\r\n\r\n", trailer_not_allowed, "0\r\nX: y\r\n\r\n"},
        {"0\r\nHost: a\r\n\r\n", trailer_not_allowed, "0\r\nHosts: a\r\n\r\n"},
        {"0\r\nConnection: close\r\n\r\n", trailer_not_allowed, "0\r\nX: close\r\n\r\n"},
        {"0\r\nTrailer: X\r\n\r\n", trailer_not_allowed, "0\r\nTrailers: X\r\n\r\n"},
    };
    for (const Row& row : rows) {
        const Decoded bad = decode(row.text);
        EXPECT_EQ(word(bad.violation), word(row.violation)) << row.text;
        EXPECT_EQ(bad, decode(row.text)) << row.text;
        const Decoded good = decode(row.neighbour);
        EXPECT_EQ(good.end, Kind::done) << row.neighbour << " " << word(good.violation);
        EXPECT_EQ(good.consumed, row.neighbour.size());
    }
}

TEST(Chunked, limits_hold_at_and_one_past) {
    const auto verdict = [](std::string_view text, const ChunkLimits& limits) {
        return decode(text, limits).violation;
    };
    ChunkLimits limits;
    limits.chunk_bytes_max = 16;
    EXPECT_EQ(verdict("10\r\n0123456789abcdef\r\n0\r\n\r\n", limits), Violation::none);
    EXPECT_EQ(verdict("11\r\n0123456789abcdefg\r\n0\r\n\r\n", limits), Violation::chunk_too_large);
    limits = {};
    limits.extension_bytes_max = 4;  // from ';' to CR
    EXPECT_EQ(verdict("0;ab\r\n\r\n", limits), Violation::none);
    EXPECT_EQ(verdict("0;abc\r\n\r\n", limits), Violation::chunk_extension_too_long);
    limits = {};
    limits.extensions_total_bytes_max = 6;
    EXPECT_EQ(verdict("1;a\r\n!\r\n0;a\r\n\r\n", limits), Violation::none);
    EXPECT_EQ(verdict("1;a\r\n!\r\n0;ab\r\n\r\n", limits), Violation::chunk_extension_too_long);
    limits = {};
    limits.trailers_max = 2;
    EXPECT_EQ(verdict("0\r\nA:\r\nB:\r\n\r\n", limits), Violation::none);
    EXPECT_EQ(verdict("0\r\nA:\r\nB:\r\nC:\r\n\r\n", limits), Violation::trailers_too_large);
    limits = {};
    limits.trailer_bytes_max = 8;
    EXPECT_EQ(verdict("0\r\nA: b\r\n\r\n", limits), Violation::none);
    EXPECT_EQ(verdict("0\r\nA: bc\r\n\r\n", limits), Violation::trailers_too_large);
}

TEST(Chunked, after_the_end_and_after_a_refusal_nothing_changes) {
    ChunkedDecoder ended;
    EXPECT_EQ(ended.next("0\r\n\r\nx").consumed, 5u);
    EXPECT_TRUE(ended.done());
    EXPECT_EQ(ended.next("x").kind, Kind::done);
    EXPECT_EQ(ended.next("x").consumed, 0u);
    ChunkedDecoder refused;
    EXPECT_EQ(refused.next("x").violation, Violation::bad_chunk_size);
    EXPECT_EQ(refused.next("0\r\n\r\n").violation, Violation::bad_chunk_size);
}

TEST(Chunked, head_is_lower_case_hexadecimal_without_zeros) {
    EXPECT_EQ(chunk_head(1).view(), "1\r\n");
    EXPECT_EQ(chunk_head(15).view(), "f\r\n");
    EXPECT_EQ(chunk_head(16).view(), "10\r\n");
    EXPECT_EQ(chunk_head(0xabcdef0123456789).view(), "abcdef0123456789\r\n");
}

TEST(Chunked, what_is_encoded_is_decoded_however_it_is_split) {
    const bool held = rc::check("chunked round trip", [] {
        const auto parts = *rc::gen::container<std::vector<std::string>>(
            rc::gen::nonEmpty(rc::gen::string<std::string>()));
        std::string text;
        std::string body;
        for (const std::string& part : parts) {
            text.append(chunk_head(part.size()).view()).append(part).append(k_chunk_end);
            body += part;
        }
        text += k_last_chunk;
        const auto piece = *rc::gen::inRange<std::size_t>(1, text.size() + 1);
        const Decoded decoded = decode_in(piece, text + "next");
        RC_ASSERT(decoded.end == Kind::done);
        RC_ASSERT(decoded.body == body);
        RC_ASSERT(decoded.consumed == text.size());
    });
    EXPECT_TRUE(held);
}

TEST(Chunked, the_verdict_on_any_bytes_does_not_depend_on_the_split) {
    const bool held = rc::check("chunked split", [] {
        const auto words = *rc::gen::container<std::vector<std::string>>(rc::gen::element(
            "0"s, "1"s, "5"s, "a"s, "\r\n"s, "\r"s, "\n"s, ";"s, "x"s, "="s, "\""s, "\\"s, " "s,
            "hello"s, "X: y\r\n"s, "0\r\n"s, "1\r\n!\r\n"s, "\r\n\r\n"s));
        std::string text;
        for (const std::string& word : words) text += word;
        ChunkLimits limits;
        limits.trailer_bytes_max = *rc::gen::inRange<std::size_t>(1, 24);
        limits.extension_bytes_max = *rc::gen::inRange<std::size_t>(1, 8);
        const Decoded whole = decode(text, limits);
        for (std::size_t piece = 1; piece < 4; ++piece) {
            RC_ASSERT(decode_in(piece, text, limits).violation == whole.violation);
            RC_ASSERT(decode_in(piece, text, limits) == whole || whole.end == Kind::refused);
        }
    });
    EXPECT_TRUE(held);
}

}  // namespace
}  // namespace moln::http
