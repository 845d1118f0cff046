// What a purge takes.
#include "edge/cache/purge_order.h"

#include <gtest/gtest.h>

namespace moln::edge {
namespace {

constexpr PurgeSubject k_subject{.app = "default/shop", .host = "shop.test", .path = "/a/b"};

bool takes(CachePurgeScope scope, std::string name, const std::string& project = "default") {
    const auto mark = mark_of({.scope = scope, .project = project, .name = std::move(name)});
    if (!mark) return false;
    auto marks = purge_marks(k_subject);
    marks.add(purge_mark(PurgeScope::tag, "default", "news"));
    PurgeBook book;
    const auto born = book.generation();
    book.purge(*mark);
    return book.is_purged(marks.view(), born);
}

TEST(PurgeOrder, names_what_it_takes_in_any_spelling) {
    EXPECT_TRUE(takes(CachePurgeScope::url, "https://Shop.test:443/a/./b"));
    EXPECT_TRUE(takes(CachePurgeScope::url, "shop.test/a/b"));
    EXPECT_FALSE(takes(CachePurgeScope::url, "shop.test/a"));
    EXPECT_TRUE(takes(CachePurgeScope::path, "http://shop.test/a/"));
    EXPECT_TRUE(takes(CachePurgeScope::path, "shop.test"));
    EXPECT_FALSE(takes(CachePurgeScope::path, "shop.test/b"));
    EXPECT_TRUE(takes(CachePurgeScope::tag, "news"));
    EXPECT_FALSE(takes(CachePurgeScope::tag, "news", "other"));
    EXPECT_TRUE(takes(CachePurgeScope::app, "default/shop"));
    EXPECT_TRUE(takes(CachePurgeScope::project, "default"));
}

TEST(PurgeOrder, that_is_none_is_refused_with_a_reason) {
    for (const auto scope : {CachePurgeScope::url, CachePurgeScope::path, CachePurgeScope::tag}) {
        EXPECT_FALSE(mark_of({.scope = scope, .project = {}, .name = ""}));
    }
    EXPECT_EQ(mark_of({.scope = CachePurgeScope::url, .project = {}, .name = "a b"}).error().code,
              ErrorCode::invalid);
}

TEST(PurgeOrder, depth_at_the_limit_and_one_past_it) {
    std::string path = "shop.test";
    for (std::size_t i = 0; i < k_purge_depth_max; ++i) path += "/x";
    EXPECT_TRUE(mark_of({.scope = CachePurgeScope::path, .project = {}, .name = path}));
    EXPECT_FALSE(mark_of({.scope = CachePurgeScope::path, .project = {}, .name = path + "/y"}));
}

}  // namespace
}  // namespace moln::edge
