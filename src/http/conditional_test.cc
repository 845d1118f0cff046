// Validators and conditional requests.
#include "http/conditional.h"

#include <gtest/gtest.h>

#include "http/date.h"
#include "http/fields_testing.h"

namespace moln::http {
namespace {

constexpr std::string_view k_sixth = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr std::string_view k_seventh = "Mon, 07 Nov 1994 08:49:37 GMT";
const WallTime k_now{784'500'000'000};

bool unmodified(std::initializer_list<std::pair<std::string_view, std::string_view>> request,
                std::string_view etag, std::string_view last_modified,
                WallTime date = WallTime{784'400'000'000}) {
    FieldsOf fields;
    for (const auto& [name, value] : request) fields.add(name, value);
    return is_not_modified(fields.table(),
                           {.etag = etag, .last_modified = last_modified, .date = date}, k_now);
}

TEST(EntityTag, is_compared_weakly_and_strongly) {
    // RFC 9110 8.8.3.2, the table.
    EXPECT_TRUE(equals_weakly("W/\"1\"", "W/\"1\""));
    EXPECT_FALSE(equals_strongly("W/\"1\"", "W/\"1\""));
    EXPECT_FALSE(equals_weakly("W/\"1\"", "W/\"2\""));
    EXPECT_TRUE(equals_weakly("W/\"1\"", "\"1\""));
    EXPECT_FALSE(equals_strongly("W/\"1\"", "\"1\""));
    EXPECT_TRUE(equals_strongly("\"1\"", "\"1\""));
    EXPECT_FALSE(equals_weakly("", ""));
    EXPECT_FALSE(equals_strongly("", ""));
}

TEST(Conditional, one_matching_tag_of_a_list_is_enough) {
    EXPECT_TRUE(unmodified({{"If-None-Match", "\"a\", \"b\", \"c\""}}, "\"b\"", ""));
    EXPECT_TRUE(unmodified({{"If-None-Match", "\"a\""}, {"If-None-Match", "\"b\""}}, "\"b\"", ""));
    EXPECT_TRUE(unmodified({{"If-None-Match", "\"a,b\""}}, "\"a,b\"", ""));
    EXPECT_FALSE(unmodified({{"If-None-Match", "\"a,b\""}}, "\"a\"", ""));
    EXPECT_TRUE(unmodified({{"If-None-Match", "W/\"b\""}}, "\"b\"", ""));
    EXPECT_TRUE(unmodified({{"If-None-Match", "*"}}, "", ""));
    EXPECT_FALSE(unmodified({{"If-None-Match", "\"a\""}}, "", ""));
}

TEST(Conditional, tags_go_before_dates) {
    EXPECT_FALSE(
        unmodified({{"If-None-Match", "\"a\""}, {"If-Modified-Since", k_sixth}}, "\"b\"", k_sixth));
    EXPECT_TRUE(unmodified({{"If-None-Match", "\"b\""}, {"If-Modified-Since", k_sixth}}, "\"b\"",
                           k_seventh));
}

TEST(Conditional, a_date_not_before_the_last_change_is_current) {
    EXPECT_TRUE(unmodified({{"If-Modified-Since", k_sixth}}, "", k_sixth));
    EXPECT_TRUE(unmodified({{"If-Modified-Since", k_seventh}}, "", k_sixth));
    EXPECT_FALSE(unmodified({{"If-Modified-Since", k_sixth}}, "", k_seventh));
    EXPECT_TRUE(unmodified({{"If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT"}}, "", k_sixth));
    EXPECT_FALSE(unmodified({{"If-Modified-Since", "yesterday"}}, "", k_sixth));
    EXPECT_FALSE(unmodified({}, "\"a\"", k_sixth));
}

TEST(Conditional, without_a_last_change_the_responses_date_stands_in) {
    const auto sixth = *parse_date(k_sixth, k_now);
    EXPECT_TRUE(unmodified({{"If-Modified-Since", k_sixth}}, "", "", sixth));
    EXPECT_FALSE(unmodified({{"If-Modified-Since", k_sixth}}, "", "", sixth + seconds(1)));
}

TEST(IfRange, holds_for_the_very_same_only) {
    const auto holds = [](std::string_view value, std::string_view etag, WallTime date) {
        FieldsOf fields;
        fields.add("If-Range", value);
        return if_range_holds(fields.table(),
                              {.etag = etag, .last_modified = k_sixth, .date = date}, k_now);
    };
    const auto sixth = *parse_date(k_sixth, k_now);
    EXPECT_TRUE(holds("\"a\"", "\"a\"", k_now));
    EXPECT_FALSE(holds("\"a\"", "\"b\"", k_now));
    EXPECT_FALSE(holds("W/\"a\"", "W/\"a\"", k_now));
    EXPECT_TRUE(holds(k_sixth, "", sixth + seconds(60)));
    EXPECT_FALSE(holds(k_sixth, "", sixth + seconds(59))) << "it may have changed once more then";
    EXPECT_FALSE(holds(k_seventh, "", k_now));
    EXPECT_FALSE(holds("", "", k_now));
    FieldsOf none;
    EXPECT_TRUE(if_range_holds(none.table(), {}, k_now));
}

TEST(Preconditions, that_only_an_origin_may_judge_are_seen) {
    FieldsOf match;
    FieldsOf since;
    FieldsOf none;
    EXPECT_TRUE(has_origin_precondition(match.add("If-Match", "*").table()));
    EXPECT_TRUE(has_origin_precondition(since.add("If-Unmodified-Since", k_sixth).table()));
    EXPECT_FALSE(has_origin_precondition(none.add("If-None-Match", "*").table()));
}

}  // namespace
}  // namespace moln::http
