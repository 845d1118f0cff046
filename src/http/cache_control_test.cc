// Cache-Control, CDN-Cache-Control and Surrogate-Control as values.
#include "http/cache_control.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "http/fields_testing.h"
#include "http/structured.h"

namespace moln::http {
namespace {

CacheControl read(std::string_view line) {
    CacheControl control;
    read_cache_control(line, control);
    return control;
}

std::optional<CacheControl> cdn(std::initializer_list<std::string_view> lines) {
    FieldsOf fields;
    for (const auto line : lines) fields.add("CDN-Cache-Control", line);
    return cdn_cache_control_of(fields.table());
}

CacheControl surrogate(std::string_view line) {
    FieldsOf fields;
    fields.add("Surrogate-Control", line);
    return surrogate_control_of(fields.table(), "moln");
}

TEST(CacheControl, every_directive_is_read_in_any_case) {
    const auto control = read(
        "No-Store, no-cache, PRIVATE, public, must-revalidate, proxy-revalidate, "
        "must-understand, only-if-cached, max-age=1, s-maxage=2, max-stale=3, min-fresh=4, "
        "stale-while-revalidate=5, stale-if-error=6");
    EXPECT_TRUE(control.no_store && control.no_cache && control.is_private && control.is_public);
    EXPECT_TRUE(control.must_revalidate && control.proxy_revalidate);
    EXPECT_TRUE(control.must_understand && control.only_if_cached);
    EXPECT_EQ(control.max_age, 1u);
    EXPECT_EQ(control.s_maxage, 2u);
    EXPECT_EQ(control.max_stale, 3u);
    EXPECT_EQ(control.min_fresh, 4u);
    EXPECT_EQ(control.stale_while_revalidate, 5u);
    EXPECT_EQ(control.stale_if_error, 6u);
}

TEST(CacheControl, a_lifetime_that_is_no_number_is_over) {
    for (const auto* text : {"max-age", "max-age=", "max-age=-1", "max-age=1a", "max-age=a1",
                             "max-age='1'", "max-age=1.0", "max-age =1", "max-age= 1",
                             "max-age=\"1", "max-age=\"\\1\"", "max-age=1;a=b", "max-age=1 2"}) {
        EXPECT_EQ(read(text).max_age, 0u) << text;
    }
    EXPECT_EQ(read("max-age=\"60\"").max_age, 60u);
    EXPECT_EQ(read("max-age=0060").max_age, 60u);
}

TEST(CacheControl, a_lifetime_has_a_greatest_value) {
    EXPECT_EQ(read("max-age=2147483647").max_age, 2147483647u);
    EXPECT_EQ(read("max-age=2147483648").max_age, k_delta_seconds_max);
    EXPECT_EQ(read("max-age=2147483649").max_age, k_delta_seconds_max);
    EXPECT_EQ(read("max-age=" + std::string(100, '9')).max_age, k_delta_seconds_max);
}

TEST(CacheControl, of_two_the_shorter_counts) {
    EXPECT_EQ(read("max-age=60, max-age=5").max_age, 5u);
    EXPECT_EQ(read("max-age=5, max-age=60").max_age, 5u);
}

TEST(CacheControl, what_stands_in_quotes_is_no_directive) {
    EXPECT_EQ(read("a=\"max-age=60\", max-age=1").max_age, 1u);
    EXPECT_EQ(read("max-age=1, a=\"b, max-age=60, no-store\"").max_age, 1u);
    EXPECT_FALSE(read("a=\"x\\\", no-store\"").no_store);
    EXPECT_TRUE(read("a=\"x\\\\\", no-store").no_store);
}

TEST(CacheControl, no_cache_with_names_is_about_these_fields) {
    const auto control = read("no-cache=\"a, b\", max-age=1");
    EXPECT_FALSE(control.no_cache);
    ASSERT_EQ(control.no_cache_list_count, 1u);
    EXPECT_EQ(control.no_cache_lists[0], "a, b");
    EXPECT_TRUE(read("no-cache=\"\"").no_cache);
    EXPECT_TRUE(read("private=\"a\"").is_private);
}

TEST(CacheControl, lists_of_no_cache_at_their_limit_and_one_past_it) {
    std::string text;
    for (std::size_t i = 0; i < k_no_cache_lists_max; ++i) text += "no-cache=a,";
    EXPECT_FALSE(read(text).no_cache);
    EXPECT_EQ(read(text).no_cache_list_count, k_no_cache_lists_max);
    EXPECT_TRUE(read(text + "no-cache=b").no_cache);
}

TEST(CacheControl, max_stale_without_a_value_is_any) {
    EXPECT_EQ(read("max-stale").max_stale, k_delta_seconds_max);
    EXPECT_EQ(read("max-stale=x").max_stale, 0u);
    EXPECT_EQ(read("min-fresh=x").min_fresh, std::nullopt);
}

TEST(CacheControl, several_lines_are_one_field) {
    FieldsOf fields;
    fields.add("Cache-Control", "max-age=60").add("X", "no-store").add("cache-control", "public");
    const auto control = cache_control_of(fields.table());
    EXPECT_EQ(control.max_age, 60u);
    EXPECT_TRUE(control.is_public);
    EXPECT_FALSE(control.no_store);
}

TEST(CdnCacheControl, is_a_dictionary) {
    const auto control = cdn({"max-age=600, must-revalidate, stale-if-error=60;x=1"});
    ASSERT_TRUE(control);
    EXPECT_EQ(control->max_age, 600u);
    EXPECT_TRUE(control->must_revalidate);
    EXPECT_EQ(control->stale_if_error, 60u);
    EXPECT_EQ(cdn({"max-age=1", "max-age=2"})->max_age, 2u) << "the later counts";
    EXPECT_EQ(cdn({"max-age=100000000000"})->max_age, k_delta_seconds_max);
    EXPECT_FALSE(cdn({"no-store, no-store=?0"})->no_store);
}

TEST(CdnCacheControl, that_is_broken_or_empty_counts_as_absent) {
    for (const auto* text : {"", "  ", "max-age=1,", "MAX-AGE=1", "max-age=1 a", "max-age==1",
                             "max-age=1,,b", "a=\"", "max-age=1\t;", "=1", "a=(1", "a=:x"}) {
        EXPECT_FALSE(cdn({text})) << text;
    }
    EXPECT_FALSE(cdn({}));
}

TEST(CdnCacheControl, a_lifetime_of_another_type_is_over) {
    for (const auto* text :
         {"max-age=\"60\"", "max-age=6.0", "max-age=-1", "max-age", "max-age=a"}) {
        EXPECT_EQ(cdn({text})->max_age, 0u) << text;
    }
}

TEST(CdnCacheControl, bytes_at_the_limit_and_one_past_it) {
    const std::string head = "max-age=1, a=";
    const std::string fits = head + std::string(k_targeted_bytes_max - head.size(), 'x');
    EXPECT_TRUE(cdn({fits}));
    EXPECT_FALSE(cdn({fits + "x"}));
}

TEST(SurrogateControl, what_is_for_another_surrogate_is_passed_over) {
    EXPECT_EQ(surrogate("max-age=60").max_age, 60u);
    EXPECT_EQ(surrogate("max-age=60;moln").max_age, 60u);
    EXPECT_EQ(surrogate("max-age=60;other").max_age, std::nullopt);
    EXPECT_FALSE(surrogate("max-age=60;other").present);
    EXPECT_EQ(surrogate("content=\"ESI/1.0\", MaX-aGe=60").max_age, 60u);
    EXPECT_EQ(surrogate("max-age=60+30").max_age, 60u);
    EXPECT_EQ(surrogate("max-age=5;moln, max-age=60;other").max_age, 5u);
    EXPECT_TRUE(surrogate("no-store").no_store);
}

TEST(StructuredFields, every_kind_of_value_is_read_over) {
    std::string seen;
    const bool good = structured::for_each_member(
        "a, b=?0, c=-12, d=1.5, e=\"x\\\"y\", f=tok/en, g=:YQ==:, h=(1 \"b\";q=1);z, i;a;b=2",
        [&](const structured::Member& member) {
            seen += std::string(member.key) + std::to_string(static_cast<int>(member.kind)) +
                    std::to_string(member.integer) + " ";
        });
    EXPECT_TRUE(good);
    EXPECT_EQ(seen, "a00 b00 c1-12 d20 e20 f20 g20 h20 i00 ");
}

TEST(StructuredFields, numbers_have_their_digits) {
    const auto good = [](std::string_view text) {
        return structured::for_each_member(text, [](const structured::Member&) {});
    };
    EXPECT_TRUE(good("a=999999999999999"));
    EXPECT_FALSE(good("a=1000000000000000"));
    EXPECT_TRUE(good("a=123456789012.123"));
    EXPECT_FALSE(good("a=1234567890123.1"));
    EXPECT_FALSE(good("a=1.1234"));
    EXPECT_FALSE(good("a=1."));
    EXPECT_FALSE(good("a=-"));
}

RC_GTEST_PROP(CacheControlProperty, a_lifetime_is_read_back_whatever_stands_around, ()) {
    const auto seconds = *rc::gen::inRange<std::uint32_t>(0, k_delta_seconds_max);
    const auto junk =
        *rc::gen::container<std::string>(rc::gen::elementOf(std::string("abc=-_ ;!*\t")));
    const auto control = read(junk + ", max-age=" + std::to_string(seconds) + ", " + junk);
    RC_ASSERT(control.max_age.has_value());
    RC_ASSERT(*control.max_age <= seconds);
    if (junk.find("max-age") == std::string::npos) RC_ASSERT(*control.max_age == seconds);
}

}  // namespace
}  // namespace moln::http
