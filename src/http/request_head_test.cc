// Gate 1 of the edge's design, line by line: each refused request beside its nearest accepted
// neighbour.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/head_testing.h"

namespace moln::http {
namespace {

using namespace std::literals;
using testing::parse_request;

struct Refused {
    std::string_view name;
    std::string_view text;
    Violation violation;
    std::string_view neighbour;  // accepted
};

void PrintTo(const Refused& refused, std::ostream* out) {
    *out << refused.name;
}

class RequestHeadRefuses : public ::testing::TestWithParam<Refused> {};

TEST_P(RequestHeadRefuses, the_bad_and_accepts_its_neighbour) {
    const Refused& row = GetParam();
    const auto bad = parse_request(row.text);
    EXPECT_EQ(bad.result.progress, Progress::refused);
    EXPECT_EQ(word(bad.result.violation), word(row.violation));
    const auto good = parse_request(row.neighbour);
    EXPECT_EQ(good.result.progress, Progress::done) << word(good.result.violation);
    EXPECT_EQ(good.result.consumed, row.neighbour.size());
}

// Builds the two texts of a row that differ in one field line only.
#define GET_WITH(fields) "GET / HTTP/1.1\r\nHost: a\r\n" fields "\r\n"sv
#define POST_WITH(fields) "POST / HTTP/1.1\r\nHost: a\r\n" fields "\r\n"sv
#define GET_TO(target) "GET " target " HTTP/1.1\r\nHost: a.example\r\n\r\n"sv
#define GET_HOST(value) "GET / HTTP/1.1\r\nHost: " value "\r\n\r\n"sv

constexpr auto k_plain = GET_WITH("");
using enum Violation;

const Refused k_framing[] = {
    {"length_and_chunked", POST_WITH("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
     content_length_with_transfer_encoding, POST_WITH("Transfer-Encoding: chunked\r\n")},
    {"chunked_and_length", POST_WITH("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
     content_length_with_transfer_encoding, POST_WITH("Content-Length: 0\r\n")},
    {"two_lengths", POST_WITH("Content-Length: 5\r\nContent-Length: 6\r\n"),
     duplicate_content_length, POST_WITH("Content-Length: 5\r\n")},
    {"two_equal_lengths", POST_WITH("Content-Length: 5\r\ncontent-length: 5\r\n"),
     duplicate_content_length, POST_WITH("content-length: 5\r\n")},
    {"listed_length", POST_WITH("Content-Length: 5, 5\r\n"), bad_content_length,
     POST_WITH("Content-Length: 55\r\n")},
    {"empty_length", POST_WITH("Content-Length:\r\n"), bad_content_length,
     POST_WITH("Content-Length:0\r\n")},
    {"signed_length", POST_WITH("Content-Length: +5\r\n"), bad_content_length,
     POST_WITH("Content-Length:  5 \t\r\n")},
    {"negative_length", POST_WITH("Content-Length: -1\r\n"), bad_content_length,
     POST_WITH("Content-Length: 1\r\n")},
    {"hexadecimal_length", POST_WITH("Content-Length: 0x5\r\n"), bad_content_length,
     POST_WITH("Content-Length: 05\r\n")},
    {"blank_in_length", POST_WITH("Content-Length: 5 5\r\n"), bad_content_length,
     POST_WITH("Content-Length: 5\r\n")},
    {"length_of_19_digits", POST_WITH("Content-Length: 1000000000000000000\r\n"),
     bad_content_length, POST_WITH("Content-Length: 999999999999999999\r\n")},
    {"gzip_chunked", POST_WITH("Transfer-Encoding: gzip, chunked\r\n"), bad_transfer_encoding,
     POST_WITH("Transfer-Encoding: CHUNKED\r\n")},
    {"chunked_twice_in_a_list", POST_WITH("Transfer-Encoding: chunked, chunked\r\n"),
     bad_transfer_encoding, POST_WITH("Transfer-Encoding: chunked\r\n")},
    {"identity", POST_WITH("Transfer-Encoding: identity\r\n"), bad_transfer_encoding,
     POST_WITH("Transfer-Encoding:chunked\r\n")},
    {"empty_coding", POST_WITH("Transfer-Encoding: \r\n"), bad_transfer_encoding, k_plain},
    {"almost_chunked", POST_WITH("Transfer-Encoding: xchunked\r\n"), bad_transfer_encoding,
     POST_WITH("Transfer-Encoding: \t chunked\r\n")},
    {"chunked_with_parameter", POST_WITH("Transfer-Encoding: chunked;q=1\r\n"),
     bad_transfer_encoding, POST_WITH("Transfer-Encoding: chunked \r\n")},
    {"quoted_chunked", POST_WITH("Transfer-Encoding: \"chunked\"\r\n"), bad_transfer_encoding,
     POST_WITH("Transfer-Encoding: chunked\r\n")},
    {"two_codings", POST_WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
     duplicate_transfer_encoding, POST_WITH("Transfer-Encoding: chunked\r\n")},
    {"coding_in_1_0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
     transfer_encoding_in_http_1_0, "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\n"},
};

const Refused k_lines[] = {
    {"bare_lf_after_request_line", "GET / HTTP/1.1\nHost: a\r\n\r\n", bad_line_end, k_plain},
    {"bare_lf_after_field", "GET / HTTP/1.1\r\nHost: a\n\r\n", bad_line_end, k_plain},
    {"bare_lf_at_end", "GET / HTTP/1.1\r\nHost: a\r\n\n", bad_line_end, k_plain},
    {"bare_lf_in_value", GET_WITH("X: a\nY: b\r\n"), bad_line_end, GET_WITH("X: a\r\nY: b\r\n")},
    {"bare_cr_in_value", GET_WITH("X: a\rY: b\r\n"), bad_line_end, GET_WITH("X: aY: b\r\n")},
    {"bare_cr_after_request_line", "GET / HTTP/1.1\rHost: a\r\n\r\n", bad_line_end, k_plain},
    {"two_cr", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", bad_line_end, k_plain},
    {"cr_without_lf_at_end", "GET / HTTP/1.1\r\nHost: a\r\n\rX", bad_line_end, k_plain},
    {"cr_in_name", GET_WITH("X\rY: a\r\n"), bad_field_name, GET_WITH("XY: a\r\n")},
    {"nul_in_value", GET_WITH("X: a\0b\r\n"), bad_field_value, GET_WITH("X: ab\r\n")},
    {"escape_in_value", GET_WITH("X: a\x1b\r\n"), bad_field_value, GET_WITH("X: a\tb\r\n")},
    {"delete_in_value", GET_WITH("X: a\x7f\r\n"), bad_field_value, GET_WITH("X: a\x80\xff\r\n")},
    {"nul_in_name", GET_WITH("X\0Y: a\r\n"), bad_field_name, GET_WITH("X-Y: a\r\n")},
    {"folded_with_blank", GET_WITH("X: a\r\n b\r\n"), folded_line, GET_WITH("X: a b\r\n")},
    {"folded_with_tab", GET_WITH("X: a\r\n\tb\r\n"), folded_line, GET_WITH("X: a\tb\r\n")},
    {"blank_before_first_field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", folded_line, k_plain},
    {"blank_before_colon", GET_WITH("X : a\r\n"), space_before_colon, GET_WITH("X:a\r\n")},
    {"tab_before_colon", GET_WITH("X\t: a\r\n"), space_before_colon, GET_WITH("X:\ta\r\n")},
    {"blank_in_name", GET_WITH("X Y: a\r\n"), space_before_colon, GET_WITH("X_Y: a\r\n")},
    {"blank_before_colon_of_length", POST_WITH("Content-Length : 5\r\n"), space_before_colon,
     POST_WITH("Content-Length: 5\r\n")},
    {"no_name", GET_WITH(": a\r\n"), bad_field_name, GET_WITH("a:\r\n")},
    {"no_colon", GET_WITH("X\r\n"), bad_field_name, GET_WITH("X:\r\n")},
    {"name_with_at", GET_WITH("X@Y: a\r\n"), bad_field_name, GET_WITH("X~Y: a\r\n")},
    {"name_with_bracket", GET_WITH("X[Y: a\r\n"), bad_field_name, GET_WITH("X!Y: a\r\n")},
    {"name_beyond_ascii", GET_WITH("X\xc3\xa9: a\r\n"), bad_field_name, GET_WITH("Xe: a\r\n")},
    {"two_empty_lines_first", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", bad_method,
     "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"empty_line_of_lf_first", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", bad_line_end,
     "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
};

const Refused k_hosts[] = {
    {"no_host", "GET / HTTP/1.1\r\nX: a\r\n\r\n", missing_host, k_plain},
    {"no_host_in_1_0", "GET / HTTP/1.0\r\n\r\n", missing_host, "GET / HTTP/1.0\r\nHost: a\r\n\r\n"},
    {"two_hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", duplicate_host, k_plain},
    {"two_equal_hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", duplicate_host, k_plain},
    {"empty_host", GET_HOST(""), bad_host, GET_HOST("a")},
    {"host_with_user", GET_HOST("user@a"), bad_host, GET_HOST("user.a")},
    {"host_with_path", GET_HOST("a/b"), bad_host, GET_HOST("a-b")},
    {"host_with_query", GET_HOST("a?b"), bad_host, GET_HOST("a_b")},
    {"host_with_blank", GET_HOST("a b"), bad_host, GET_HOST("  a  ")},
    {"host_list", GET_HOST("a, b"), bad_host, GET_HOST("a.b")},
    {"host_with_percent", GET_HOST("a%2eb"), bad_host, GET_HOST("a.b")},
    {"host_of_dots", GET_HOST("a..b"), bad_host, GET_HOST("a.b.")},
    {"host_with_dot_first", GET_HOST(".a"), bad_host, GET_HOST("a.")},
    {"host_beyond_ascii", GET_HOST("\xc3\xa5"), bad_host, GET_HOST("xn--5ca")},
    {"port_of_letters", GET_HOST("a:b"), bad_host, GET_HOST("a:1")},
    {"empty_port", GET_HOST("a:"), bad_host, GET_HOST("a:80")},
    {"port_zero", GET_HOST("a:0"), bad_host, GET_HOST("a:1")},
    {"port_too_high", GET_HOST("a:65536"), bad_host, GET_HOST("a:65535")},
    {"port_with_sign", GET_HOST("a:+80"), bad_host, GET_HOST("a:80")},
    {"port_with_zero_first", GET_HOST("a:080"), bad_host, GET_HOST("a:80")},
    {"two_ports", GET_HOST("a:80:80"), bad_host, GET_HOST("a:8080")},
    {"ipv6_without_brackets", GET_HOST("::1"), bad_host, GET_HOST("[::1]")},
    {"ipv6_open", GET_HOST("[::1"), bad_host, GET_HOST("[::1]:80")},
    {"ipv6_with_zone", GET_HOST("[fe80::1%25eth0]"), bad_host, GET_HOST("[fe80::1]")},
    {"ipv6_of_nine", GET_HOST("[1:2:3:4:5:6:7:8:9]"), bad_host, GET_HOST("[1:2:3:4:5:6:7:8]")},
};

const Refused k_request_lines[] = {
    {"no_method", " / HTTP/1.1\r\nHost: a\r\n\r\n", bad_method, k_plain},
    {"method_with_slash", "G/T / HTTP/1.1\r\nHost: a\r\n\r\n", bad_method,
     "G-T / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"method_with_nul", "GET\0 / HTTP/1.1\r\nHost: a\r\n\r\n"sv, bad_method,
     "get / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"tab_after_method", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", bad_method, k_plain},
    {"two_blanks_after_method", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", bad_target, k_plain},
    {"tls_hello", "\x16\x03\x01\x02\x00\x01"sv, bad_method, k_plain},
    {"connect", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", method_not_served,
     "OPTIONS / HTTP/1.1\r\nHost: a:443\r\n\r\n"},
    {"trace", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", method_not_served,
     "PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"http_0_9", "GET /\r\nHost: a\r\n\r\n", bad_target, k_plain},
    {"two_blanks_after_target", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", bad_version, k_plain},
    {"blank_after_version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", bad_version, k_plain},
    {"more_after_version", "GET / HTTP/1.1 x\r\nHost: a\r\n\r\n", bad_version, k_plain},
    {"version_in_lower_case", "GET / http/1.1\r\nHost: a\r\n\r\n", bad_version, k_plain},
    {"version_of_two_digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", bad_version, k_plain},
    {"version_without_minor", "GET / HTTP/1\r\nHost: a\r\n\r\n", bad_version, k_plain},
    {"version_with_sign", "GET / HTTP/+1.1\r\nHost: a\r\n\r\n", bad_version, k_plain},
    {"another_protocol", "GET / ICAP/1.0\r\nHost: a\r\n\r\n", bad_version, k_plain},
    {"http_1_2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", version_not_served, k_plain},
    {"http_2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bad_target, k_plain},
    {"http_2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", version_not_served, k_plain},
    {"http_0", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", version_not_served, k_plain},
};

const Refused k_targets[] = {
    {"relative", GET_TO("a"), bad_target, GET_TO("/a")},
    {"backslash", GET_TO("/a\\b"), bad_target, GET_TO("/a?b\\c")},
    {"fragment", GET_TO("/a#b"), bad_target, GET_TO("/a%23b")},
    {"quote", GET_TO("/a\"b"), bad_target, GET_TO("/a'b")},
    {"angle", GET_TO("/a<b"), bad_target, GET_TO("/a%3cb")},
    {"beyond_ascii", GET_TO("/\xc3\xa5"), bad_target, GET_TO("/%C3%A5")},
    {"control", GET_TO("/\x01"), bad_target, GET_TO("/%01")},
    {"delete", GET_TO("/\x7f"), bad_target, GET_TO("/%7f")},
    {"nul", GET_TO("/\0"), bad_target, GET_TO("/0")},
    {"encoded_nul", GET_TO("/a%00"), bad_target, GET_TO("/a%01")},
    {"lone_percent", GET_TO("/a%"), bad_target, GET_TO("/a?100%")},
    {"half_triplet", GET_TO("/a%2"), bad_target, GET_TO("/a%25")},
    {"not_hexadecimal", GET_TO("/a%2g"), bad_target, GET_TO("/a%2F")},
    {"tab_in_target", GET_TO("/a\tb"), bad_target, GET_TO("/a;b=[1]|{2}^")},
    {"asterisk_of_get", GET_TO("*"), bad_target, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"asterisk_and_more", "OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n", bad_target,
     "OPTIONS /*x HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"another_host", GET_TO("http://b.example/"), target_host_differs, GET_TO("http://a.example/")},
    {"host_with_port", GET_TO("http://a.example:80/"), target_host_differs,
     GET_TO("HTTP://A.EXAMPLE/x?y")},
    {"another_scheme", GET_TO("ftp://a.example/"), bad_target, GET_TO("https://a.example/")},
    {"scheme_without_slashes", GET_TO("http:a.example/"), bad_target, GET_TO("http://a.example")},
    {"no_authority", GET_TO("http:///x"), bad_target, GET_TO("http://a.example?x")},
    {"user_in_authority", GET_TO("http://u@a.example/"), bad_target, GET_TO("http://a.example/u@")},
    {"bad_path_in_absolute", GET_TO("http://a.example/%"), bad_target,
     GET_TO("http://a.example/%25")},
};

const Refused k_others[] = {
    {"connection_of_no_tokens", GET_WITH("Connection: a b\r\n"), bad_connection,
     GET_WITH("Connection: a, ,b\r\n")},
    {"connection_with_parameter", GET_WITH("Connection: close;x\r\n"), bad_connection,
     GET_WITH("Connection: close\r\n")},
    {"expects_wonders", GET_WITH("Expect: wonders\r\n"), expectation_not_served,
     GET_WITH("Expect: 100-Continue\r\n")},
};

std::string row_name(const ::testing::TestParamInfo<Refused>& info) {
    return std::string(info.param.name);
}
INSTANTIATE_TEST_SUITE_P(Framing, RequestHeadRefuses, ::testing::ValuesIn(k_framing), row_name);
INSTANTIATE_TEST_SUITE_P(Lines, RequestHeadRefuses, ::testing::ValuesIn(k_lines), row_name);
INSTANTIATE_TEST_SUITE_P(Hosts, RequestHeadRefuses, ::testing::ValuesIn(k_hosts), row_name);
INSTANTIATE_TEST_SUITE_P(RequestLines, RequestHeadRefuses, ::testing::ValuesIn(k_request_lines),
                         row_name);
INSTANTIATE_TEST_SUITE_P(Targets, RequestHeadRefuses, ::testing::ValuesIn(k_targets), row_name);
INSTANTIATE_TEST_SUITE_P(Others, RequestHeadRefuses, ::testing::ValuesIn(k_others), row_name);

}  // namespace
}  // namespace moln::http
