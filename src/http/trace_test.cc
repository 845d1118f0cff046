#include "http/trace.h"

#include <numeric>
#include <string>

#include <gtest/gtest.h>

#include "http/head_testing.h"

namespace moln::http {
namespace {

constexpr std::string_view k_valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::array<std::uint8_t, k_trace_random_bytes> random_bytes() {
    std::array<std::uint8_t, k_trace_random_bytes> bytes;
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{1});
    return bytes;
}

std::string formatted(const TraceContext& trace) {
    std::array<char, k_traceparent_bytes> out;
    format_traceparent(trace, out);
    return {out.data(), out.size()};
}

TraceContext trace_of(std::string_view fields) {
    const auto parsed =
        testing::parse_request("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n");
    return continue_trace(parsed.head, random_bytes());
}

TEST(Traceparent, a_valid_one_is_read_and_written_the_same) {
    const auto trace = parse_traceparent(k_valid);
    ASSERT_TRUE(trace);
    EXPECT_EQ(formatted(*trace), k_valid);
}

TEST(Traceparent, what_the_recommendation_forbids_is_none) {
    const std::string valid(k_valid);
    const auto changed = [&](std::size_t at, std::string_view with) {
        std::string text = valid;
        return text.replace(at, with.size(), with);
    };
    for (const std::string& text :
         {std::string(), valid.substr(1), valid + "-x", valid + " ", changed(0, "ff"),
          changed(0, "0g"), changed(2, "_"), changed(3, "0A"), changed(35, "0"), changed(52, "0"),
          changed(53, "0x"), changed(3, std::string(32, '0')), changed(36, std::string(16, '0'))}) {
        EXPECT_FALSE(parse_traceparent(text)) << text;
    }
    EXPECT_TRUE(parse_traceparent("01" + valid.substr(2) + "-later"));
    EXPECT_FALSE(parse_traceparent("01" + valid.substr(2) + "later"));
    EXPECT_TRUE(parse_traceparent("cc" + valid.substr(2)));
    EXPECT_FALSE(parse_traceparent("cc" + valid.substr(2) + ".later"));
    EXPECT_FALSE(parse_traceparent(valid + "."));
    // Each part a digit longer, a digit shorter, and with what is no digit at either end.
    for (const auto& [at, size] : {std::pair{0u, 2u}, {3u, 32u}, {36u, 16u}, {53u, 2u}}) {
        std::string longer = valid;
        std::string shorter = valid;
        EXPECT_FALSE(parse_traceparent(longer.insert(at, "1"))) << longer;
        EXPECT_FALSE(parse_traceparent(shorter.erase(at, 1))) << shorter;
        for (const std::string_view odd : {".", "A", "g", " ", "\t"}) {
            EXPECT_FALSE(parse_traceparent(changed(at, odd))) << at;
            EXPECT_FALSE(parse_traceparent(changed(at + size - 1, odd))) << at;
        }
    }
}

TEST(Trace, a_valid_one_is_continued_as_it_is) {
    // Of the flags the two that are known.
    using Case = std::pair<std::string_view, std::string_view>;
    for (const auto& [flags, kept] :
         {Case{"00", "00"}, {"01", "01"}, {"02", "02"}, {"03", "03"}, {"fc", "00"}, {"fe", "02"}}) {
        const std::string value = std::string(k_valid.substr(0, 53)) + std::string(flags);
        const TraceContext trace = trace_of("traceparent: " + value + "\r\n");
        EXPECT_TRUE(trace.continued);
        EXPECT_EQ(trace.sampled(), flags.back() == '1' || flags.back() == '3') << flags;
        EXPECT_EQ(formatted(trace), value.substr(0, 53) + std::string(kept));
    }
}

TEST(Trace, the_field_is_found_in_any_case_between_blanks_and_under_no_other_name) {
    const std::string value(k_valid);
    for (const std::string& line :
         {"traceparent:" + value, "TraceParent: \t" + value, "TRACEPARENT: " + value + " \t"}) {
        EXPECT_EQ(formatted(trace_of(line + "\r\n")), value) << line;
    }
    for (const std::string_view name : {"trace-parent", "trace.parent", "trace_parent"}) {
        EXPECT_FALSE(trace_of(std::string(name) + ": " + value + "\r\n").continued) << name;
    }
}

TEST(Trace, without_a_valid_one_a_new_begins) {
    const auto fresh = "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-00";
    const std::string one = "traceparent: " + std::string(k_valid) + "\r\n";
    for (const std::string& fields :
         {std::string(), std::string("traceparent: x\r\n"), one + one}) {
        const TraceContext trace = trace_of(fields);
        EXPECT_FALSE(trace.continued);
        EXPECT_EQ(formatted(trace), fresh);
    }
}

TEST(Trace, ids_are_never_zero) {
    const auto parsed = testing::parse_request("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const std::array<std::uint8_t, k_trace_random_bytes> zeros{};
    EXPECT_TRUE(parse_traceparent(formatted(continue_trace(parsed.head, zeros))));
}

}  // namespace
}  // namespace moln::http
