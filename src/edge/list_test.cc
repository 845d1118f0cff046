#include "edge/list.h"

#include <gtest/gtest.h>

namespace moln::edge {
namespace {

struct ByAge;
struct Item : ListLink<ByAge> {
    explicit Item(int n) : number(n) {}
    int number;
};

TEST(List, keeps_the_order_and_gives_up_from_both_ends) {
    List<Item, ByAge> list;
    Item a(1), b(2), c(3);
    for (Item* item : {&a, &b, &c}) list.push_back(item);
    EXPECT_EQ(list.after(&a), &b);
    EXPECT_EQ(list.pop_front(), &a);
    EXPECT_EQ(list.pop_back(), &c);
    EXPECT_EQ(list.front(), &b);
    EXPECT_EQ(list.back(), &b);
    EXPECT_EQ(list.after(&b), nullptr);
}

TEST(List, a_destroyed_element_leaves_no_trace) {
    List<Item, ByAge> list;
    Item a(1);
    list.push_back(&a);
    {
        Item b(2);
        list.push_back(&b);
    }
    EXPECT_EQ(list.back(), &a);
    a.unlink();
    EXPECT_TRUE(list.empty());
    a.unlink();  // again is nothing
    EXPECT_EQ(list.pop_front(), nullptr);
}

TEST(List, elements_outlive_their_list) {
    Item a(1);
    {
        List<Item, ByAge> list;
        list.push_back(&a);
    }
    EXPECT_FALSE(a.linked());
}

}  // namespace
}  // namespace moln::edge
