// Vary: names, keys and what is the same key.
#include "http/vary.h"

#include <array>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "http/fields_testing.h"

namespace moln::http {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::optional<std::string> names_of(const std::vector<std::string>& lines) {
    FieldsOf fields;
    for (const auto& line : lines) fields.add("Vary", line);
    std::array<char, k_vary_bytes_max> room;
    const auto names = vary_names(fields.table(), room);
    return names ? std::optional(std::string(*names)) : std::nullopt;
}

std::optional<std::string> key_of(std::string_view names, const Pairs& request) {
    FieldsOf fields;
    for (const auto& [name, value] : request) fields.add(name, value);
    std::array<char, k_vary_key_bytes_max> room;
    const auto key = vary_key(names, fields.table(), room);
    return key ? std::optional(std::string(*key)) : std::nullopt;
}

bool same(std::string_view name, const std::string& a, const std::string& b) {
    return key_of(name, {{std::string(name), a}}) == key_of(name, {{std::string(name), b}});
}

TEST(VaryNames, are_sorted_lower_case_and_each_there_once) {
    EXPECT_EQ(names_of({"Foo, bar", "FOO"}), "bar,foo");
    EXPECT_EQ(names_of({}), "");
    EXPECT_EQ(names_of({"", ","}), "");
}

TEST(VaryNames, a_star_anywhere_or_no_name_fits_nothing) {
    for (const auto& lines : std::vector<std::vector<std::string>>{
             {"*"}, {"*, *"}, {"*", "*"}, {", *"}, {"", "*"}, {"*, Foo"}, {"Foo, *"}, {"a b"}}) {
        EXPECT_EQ(names_of(lines), std::nullopt) << lines[0];
    }
}

TEST(VaryNames, at_their_limits_and_one_past_them) {
    std::string text;
    for (std::size_t i = 0; i < k_vary_names_max; ++i) text += "name-" + std::to_string(i) + ",";
    EXPECT_TRUE(names_of({text}));
    EXPECT_FALSE(names_of({text + "one-more"}));
    EXPECT_TRUE(names_of({std::string(k_vary_bytes_max, 'a')}));
    EXPECT_FALSE(names_of({std::string(k_vary_bytes_max + 1, 'a')}));
}

TEST(VaryKey, a_field_that_is_absent_empty_or_there_makes_three_keys) {
    const auto absent = key_of("foo", {});
    const auto empty = key_of("foo", {{"Foo", ""}});
    const auto there = key_of("foo", {{"Foo", "1"}});
    EXPECT_NE(absent, empty);
    EXPECT_NE(absent, there);
    EXPECT_NE(empty, there);
    EXPECT_EQ(there, key_of("foo", {{"Other", "2"}, {"FOO", "1"}}));
}

TEST(VaryKey, lines_are_joined_and_blanks_beside_commas_go) {
    EXPECT_EQ(key_of("foo", {{"Foo", "1, 2"}}), key_of("foo", {{"Foo", "1"}, {"Foo", "2"}}));
    EXPECT_TRUE(same("foo", "1,2", " 1, 2 "));
    EXPECT_FALSE(same("foo", "\"1, 2\"", "\"1,2\"")) << "blanks within quotes are content";
    EXPECT_FALSE(same("foo", "1 2", "12"));
    EXPECT_FALSE(same("foo", "a", "A"));
}

TEST(VaryKey, languages_are_compared_by_their_weights) {
    EXPECT_TRUE(same("accept-language", "en, de", "de, en"));
    EXPECT_TRUE(same("accept-language", "en, de", "eN,   De"));
    EXPECT_TRUE(same("accept-language", "en;q=0.5, de", "de, en; q=0.500"));
    EXPECT_FALSE(same("accept-language", "en;q=0.5, de", "en, de;q=0.5"));
    EXPECT_FALSE(same("accept-language", "en", "en, de"));
}

TEST(VaryKey, languages_at_the_limit_and_one_past_it) {
    std::string up;
    std::string down;
    for (std::size_t i = 0; i < k_languages_max; ++i) {
        const auto name = "l" + std::to_string(i);
        up += (up.empty() ? "" : ",") + name;
        down = name + (down.empty() ? "" : ",") + down;
    }
    EXPECT_TRUE(same("accept-language", up, down));
    EXPECT_FALSE(same("accept-language", up + ",more", "more," + down)) << "compared as they stand";
}

TEST(VaryKey, codings_are_those_that_are_served) {
    EXPECT_TRUE(same("accept-encoding", "gzip, br", "br;q=0.5, gzip, unknown"));
    EXPECT_FALSE(same("accept-encoding", "gzip", "gzip, br"));
    EXPECT_FALSE(same("accept-encoding", "gzip", "gzip;q=0"));
    EXPECT_TRUE(same("accept-encoding", "*", "zstd, br, gzip, deflate"));
    EXPECT_TRUE(same("accept-encoding", "*, br;q=0", "zstd, gzip, deflate"));
}

TEST(VaryKey, bytes_at_the_limit_and_one_past_it) {
    const std::size_t around = std::string_view("foo:\n").size();
    EXPECT_TRUE(key_of("foo", {{"Foo", std::string(k_vary_key_bytes_max - around, 'x')}}));
    EXPECT_FALSE(key_of("foo", {{"Foo", std::string(k_vary_key_bytes_max - around + 1, 'x')}}));
}

RC_GTEST_PROP(VaryKeyProperty, fields_that_are_not_named_do_not_matter, ()) {
    const auto value =
        *rc::gen::container<std::string>(rc::gen::elementOf(std::string("ab,\" ;q=01.")));
    const auto other = *rc::gen::container<std::string>(rc::gen::elementOf(std::string("xy,\" ")));
    for (const std::string name : {"foo", "accept-language", "accept-encoding"}) {
        RC_ASSERT(key_of(name, {{name, value}}) == key_of(name, {{"z", other}, {name, value}}));
    }
}

}  // namespace
}  // namespace moln::http
