// Purges by generations.
#include "edge/cache/purge_book.h"

#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace moln::edge {
namespace {

constexpr PurgeSubject k_subject{.app = "default/shop",
                                 .host = "shop.test",
                                 .path = "/a/b/c",
                                 .query = "q=1",
                                 .has_query = true};

bool purged_by(PurgeScope scope, std::string_view name, const PurgeSubject& subject = k_subject) {
    PurgeBook book;
    const auto born = book.generation();
    book.purge(purge_mark(scope, {}, name));
    return book.is_purged(purge_marks(subject).view(), born);
}

TEST(Purge, by_url_takes_that_url_alone) {
    EXPECT_TRUE(purged_by(PurgeScope::url, "shop.test/a/b/c?q=1"));
    EXPECT_FALSE(purged_by(PurgeScope::url, "shop.test/a/b/c"));
    EXPECT_FALSE(purged_by(PurgeScope::url, "shop.test/a/b/c?q=2"));
    EXPECT_FALSE(purged_by(PurgeScope::url, "other.test/a/b/c?q=1"));
}

TEST(Purge, by_path_takes_all_below_by_whole_segments) {
    for (const auto* path : {"shop.test", "shop.test/a", "shop.test/a/b", "shop.test/a/b/c"}) {
        EXPECT_TRUE(purged_by(PurgeScope::path, path)) << path;
    }
    for (const auto* path : {"shop.test/a/b/c/d", "shop.test/a/bc", "shop.tes", "shop.test/b"}) {
        EXPECT_FALSE(purged_by(PurgeScope::path, path)) << path;
    }
}

TEST(Purge, a_slash_at_the_end_means_nothing_to_a_path) {
    auto subject = k_subject;
    subject.path = "/a/b/c/";
    EXPECT_TRUE(purged_by(PurgeScope::path, "shop.test/a/b/c", subject));
    subject.path = "/";
    EXPECT_TRUE(purged_by(PurgeScope::path, "shop.test", subject));
}

TEST(Purge, by_app_and_by_project) {
    EXPECT_TRUE(purged_by(PurgeScope::app, "default/shop"));
    EXPECT_FALSE(purged_by(PurgeScope::app, "default/other"));
    EXPECT_TRUE(purged_by(PurgeScope::project, "default"));
    EXPECT_FALSE(purged_by(PurgeScope::project, "other"));
}

TEST(Purge, a_tag_is_its_projects_own) {
    PurgeBook book;
    const auto born = book.generation();
    auto marks = purge_marks(k_subject);
    marks.add(purge_mark(PurgeScope::tag, "default", "news"));
    book.purge(purge_mark(PurgeScope::tag, "other", "news"));
    EXPECT_FALSE(book.is_purged(marks.view(), born));
    book.purge(purge_mark(PurgeScope::tag, "default", "news"));
    EXPECT_TRUE(book.is_purged(marks.view(), born));
}

TEST(Purge, paths_at_the_depth_limit_and_one_past_it) {
    std::string deep;
    for (std::size_t i = 0; i < k_purge_depth_max; ++i) deep += "/x";
    auto subject = k_subject;
    const std::string deeper = deep + "/y";
    subject.path = deeper;
    EXPECT_EQ(path_depth(deep), k_purge_depth_max);
    EXPECT_EQ(path_depth(deeper), k_purge_depth_max + 1);
    EXPECT_TRUE(purged_by(PurgeScope::path, "shop.test" + deep, subject));
    EXPECT_FALSE(purged_by(PurgeScope::path, "shop.test" + deeper, subject));
    EXPECT_EQ(path_depth("/"), 0u);
}

TEST(Purge, marks_have_room_for_the_deepest_path_and_all_tags) {
    std::string deep;
    for (std::size_t i = 0; i < 100; ++i) deep += "/x";
    auto subject = k_subject;
    subject.path = deep;
    auto marks = purge_marks(subject);
    for (std::size_t i = 0; i < k_cache_tags_max; ++i) marks.add(0);
    EXPECT_EQ(marks.view().size(), k_purge_marks_max);
}

TEST(Purge, of_others_in_the_same_slot_takes_nothing_until_two_have_met_there) {
    constexpr PurgeMark k_one = 0x0001'0007;
    constexpr PurgeMark k_two = 0x0002'0007;
    constexpr PurgeMark k_three = 0x0003'0007;
    PurgeBook book;
    const auto born = book.generation();
    const auto purged = [&](PurgeMark mark) { return book.is_purged({&mark, 1}, born); };
    book.purge(k_one);
    EXPECT_TRUE(purged(k_one));
    EXPECT_FALSE(purged(k_three));
    book.purge(k_two);
    EXPECT_TRUE(purged(k_one)) << "never forgotten";
    EXPECT_TRUE(purged(k_two));
    EXPECT_TRUE(purged(k_three)) << "what two have met holds for all";
    EXPECT_FALSE(book.is_purged({&k_three, 1}, book.generation()));
}

RC_GTEST_PROP(PurgeProperty, takes_what_was_born_before_and_nothing_after, ()) {
    PurgeBook book;
    const auto marks = purge_marks(k_subject);
    bool purged = false;
    std::uint64_t born = book.generation();
    for (const int step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 4))) {
        if (step == 0) {
            book.purge(marks.view()[*rc::gen::inRange<std::size_t>(0, marks.view().size())]);
            purged = true;
        } else if (step == 1) {
            book.purge(purge_mark(PurgeScope::app, {}, "default/other"));
        } else {
            born = book.generation();
            purged = false;
        }
        RC_ASSERT(book.is_purged(marks.view(), born) == purged);
    }
}

// An app whose requests change ever other URLs, for as long as it runs.
TEST(Purge, of_many_urls_takes_few_others_and_never_a_whole_host_app_or_tag) {
    PurgeBook book;
    int number = 0;
    const auto purge_urls = [&](int count) {
        for (const int end = number + count; number < end; ++number) {
            (void)book.purge(
                purge_mark(PurgeScope::url, {}, "busy.test/item/" + std::to_string(number)));
        }
    };
    purge_urls(300'000);  // no place is of one URL alone any more
    const auto born = book.generation();
    purge_urls(5'000);
    int taken = 0;
    constexpr int k_others = 2'000;
    for (int i = 0; i < k_others; ++i) {
        const std::string host = "shop-" + std::to_string(i) + ".test";
        auto subject = k_subject;
        subject.host = host;
        auto marks = purge_marks(subject);
        marks.add(purge_mark(PurgeScope::tag, "default", host));
        taken += book.is_purged(marks.view(), born) ? 1 : 0;
        for (const auto mark : marks.view()) {
            const bool of_url = mark == marks.view()[2];
            EXPECT_TRUE(of_url || !book.is_purged({&mark, 1}, 0)) << i;
        }
    }
    // 5,000 of 32,768 places.
    EXPECT_LT(taken, k_others / 5);
}

// What was asked for when a purge returned is younger than it, what was asked for before is older,
// whoever else purges.
TEST(Purge, books_of_one_table_hold_for_one_another_at_once) {
    const auto table = std::make_shared<PurgeTable>();
    const auto run = [&](PurgeMark mark) {
        PurgeBook book(table);
        const PurgeBook other(table);
        for (int i = 0; i < 20'000; ++i) {
            const auto before = other.generation();
            (void)book.purge(mark);
            EXPECT_TRUE(other.is_purged({&mark, 1}, before));
            EXPECT_GT(other.generation(), before);
        }
    };
    constexpr PurgeMark k_one = 0x1'0007;
    constexpr PurgeMark k_two = 0x2'0008;
    std::thread one(run, k_one);
    std::thread two(run, k_two);
    one.join();
    two.join();
    const PurgeBook book(table);
    EXPECT_EQ(book.generation(), 40'001u);
    for (const auto mark : {k_one, k_two}) {
        EXPECT_FALSE(book.is_purged({&mark, 1}, book.generation()));
    }
    EXPECT_EQ(book.slots().size(), 2u);
    EXPECT_EQ(book.slots(40'000).size(), 1u);
}

TEST(Purge, two_books_put_together_hold_for_both) {
    constexpr PurgeMark k_one = 0x1'0007;
    constexpr PurgeMark k_two = 0x2'0007;  // of the same slot
    constexpr PurgeMark k_none = 0x3'0007;
    for (const bool earlier_first : {true, false}) {
        PurgeBook one;
        PurgeBook two;
        const auto born = one.generation();
        const auto early = one.purge(k_one);
        (void)two.purge(k_none + 1);
        const auto late = two.purge(k_two);
        PurgeBook both;
        both.restore(earlier_first ? early : late);
        EXPECT_FALSE(both.is_purged({{k_none}}, born));
        both.restore(earlier_first ? late : early);
        EXPECT_EQ(both.generation(), late.generation());
        for (const auto mark : {k_one, k_two}) EXPECT_TRUE(both.is_purged({{mark}}, born));
        EXPECT_FALSE(both.is_purged({{k_one}}, late.generation()));
    }
}

}  // namespace
}  // namespace moln::edge
