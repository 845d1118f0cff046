#include "edge/export_pace.h"

#include <algorithm>
#include <initializer_list>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

TEST(ExportVerdict, is_as_otlp_has_it) {
    for (const std::uint16_t status : std::initializer_list<std::uint16_t>{200, 202, 204}) {
        EXPECT_EQ(export_verdict(status), ExportVerdict::taken) << status;
    }
    for (const std::uint16_t status : std::initializer_list<std::uint16_t>{0, 429, 502, 503, 504}) {
        EXPECT_EQ(export_verdict(status), ExportVerdict::again) << status;
    }
    for (const std::uint16_t status :
         std::initializer_list<std::uint16_t>{301, 400, 401, 403, 404, 413, 500, 501, 505}) {
        EXPECT_EQ(export_verdict(status), ExportVerdict::lost) << status;
    }
}

TEST(RetryAfter, is_seconds_or_a_date) {
    const WallTime now{784'111'777'000};  // Sun, 06 Nov 1994 08:49:37 GMT
    EXPECT_EQ(retry_after("7", now), seconds(7));
    EXPECT_EQ(retry_after("0", now), Milliseconds{0});
    EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:50:00 GMT", now), seconds(23));
    EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:49:00 GMT", now), Milliseconds{0});
    for (const char* text : {"", "-1", "1.5", "soon", "7 ", "99999999999"}) {
        EXPECT_EQ(retry_after(text, now), std::nullopt) << text;
    }
}

TEST(RetryAfter, a_collector_may_ask_for_so_long_and_no_longer) {
    const auto max = k_export_retry_after_max;
    EXPECT_EQ(retry_after(std::to_string(max.count / 1000), {}), max);
    EXPECT_EQ(retry_after(std::to_string(max.count / 1000 + 1), {}), max);
    EXPECT_EQ(retry_after("4294967295", {}), max);
}

TEST(RejectedSpans, are_what_a_partial_success_says) {
    EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}})"), 3);
    EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":3}})"), 3);
    for (const char* text :
         {"", "{", "{}", "[]", "null", R"({"partialSuccess":{}})", R"({"partialSuccess":null})",
          R"({"partialSuccess":{"rejectedSpans":"-3"}})",
          R"({"partialSuccess":{"rejectedSpans":"3x"}})",
          R"({"partialSuccess":{"rejectedSpans":3.5}})",
          R"({"partialSuccess":{"rejectedSpans":{}}})"}) {
        EXPECT_EQ(rejected_spans(text), 0) << text;
    }
}

TEST(ExportPace, doubles_to_a_bound_and_begins_anew_after_success) {
    ExportPace pace;
    std::int64_t whole = k_export_retry_first.count;
    for (int i = 0; i < 100; ++i) {
        const auto pause = pace.after_failure({1000}, 12'345'678'901ULL * (i + 1), {}).ms - 1000;
        EXPECT_GE(pause, whole / 2);
        EXPECT_LE(pause, whole);
        whole = std::min(2 * whole, k_export_retry_max.count);
    }
    pace.after_success();
    EXPECT_LE(pace.after_failure({0}, UINT64_MAX, {}).ms, k_export_retry_first.count);
}

TEST(ExportPace, what_the_collector_asks_for_is_the_least) {
    EXPECT_TRUE(rc::check("honoured", [](std::uint64_t dice) {
        ExportPace pace;
        const Milliseconds asked{*rc::gen::inRange<std::int64_t>(0, 300'000)};
        const auto next = pace.after_failure({0}, dice, asked);
        RC_ASSERT(next.ms >= asked.count);
        RC_ASSERT(next.ms <= std::max(asked.count, k_export_retry_first.count));
    }));
}

}  // namespace
}  // namespace moln::edge
