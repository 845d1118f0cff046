#include "base/compact_text.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace moln {
namespace {

TEST(CompactText, is_eight_bytes_and_costs_nothing_while_it_is_empty) {
    static_assert(sizeof(CompactText) == 8);
    const CompactText none;
    EXPECT_TRUE(none.empty());
    EXPECT_EQ(none.view(), "");
    EXPECT_EQ(none.bytes(), 0u);
    EXPECT_EQ(none, CompactText(""));
}

TEST(CompactText, keeps_all_bytes_of_what_it_was_given) {
    std::string source("a\0b", 3);
    CompactText text(source);
    source = "xxx";
    EXPECT_EQ(text.view(), std::string_view("a\0b", 3));
    EXPECT_EQ(text.bytes(), 7u);
    text = "other";
    EXPECT_EQ(text, "other");
    text = "";
    EXPECT_TRUE(text.empty());
}

TEST(CompactText, copies_have_their_own_memory) {
    CompactText text("key");
    const CompactText copy = text;
    text = "other";
    EXPECT_EQ(copy, "key");
    text = copy;
    text = text.view().substr(0, 0);
    EXPECT_EQ(text, "");
}

TEST(CompactText, moves_and_leaves_nothing_behind) {
    CompactText text("key");
    const CompactText moved = std::move(text);
    EXPECT_EQ(moved, "key");
    EXPECT_TRUE(text.empty());  // NOLINT(bugprone-use-after-move): that is what is looked at
}

}  // namespace
}  // namespace moln
