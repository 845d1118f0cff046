#include "edge/cache/disk_names.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace moln::edge {
namespace {

std::string list(std::size_t number) {
    return "x-" + std::to_string(number);
}

std::size_t count(const std::vector<bool>& chosen) {
    return static_cast<std::size_t>(std::ranges::count(chosen, true));
}

TEST(DiskNames, up_to_a_bound_and_one_more_once_some_were_freed) {
    DiskNames names;
    EXPECT_EQ(names.number_of("", 0), 0);
    for (std::size_t i = 1; i < k_disk_names_max; ++i) ASSERT_EQ(names.number_of(list(i), i), i);
    EXPECT_EQ(names.number_of(list(0), 5000), std::nullopt);
    EXPECT_EQ(names.number_of(list(7), 5000), 7) << "it is there";

    std::vector<std::size_t> places(k_disk_names_max, 1);
    const auto oldest = names.choose(places, 5000);
    EXPECT_EQ(count(oldest), k_disk_names_free_min);
    EXPECT_TRUE(oldest[1]);
    EXPECT_FALSE(oldest[7]) << "it is of this tick";
    EXPECT_FALSE(oldest[k_disk_names_max - 1]);

    std::ranges::fill(places, 0);
    const auto unused = names.choose(places, 5000);
    EXPECT_EQ(count(unused), k_disk_names_max - 2) << "all but the first and that of this tick";

    names.free(oldest);
    EXPECT_EQ(names.number_of(list(0), 5001), 1);
    EXPECT_EQ(names[1], list(0));
    EXPECT_EQ(names.number_of("", 5001), 0);
}

// Against a map: a list that was not freed has the number that it was given.
RC_GTEST_PROP(DiskNames, a_number_is_its_lists_until_it_is_freed, ()) {
    DiskNames names;
    std::map<std::string, std::uint16_t> model;
    std::vector<std::size_t> places(k_disk_names_max);
    const auto steps = *rc::gen::inRange<std::uint64_t>(0, 3000);
    std::uint64_t state = *rc::gen::arbitrary<std::uint64_t>();
    for (std::uint64_t tick = 1; tick <= steps; ++tick) {
        state = state * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
        const auto wanted = list((state >> 33) % 2000);
        auto number = names.number_of(wanted, tick);
        if (!number) {
            RC_ASSERT(model.size() == k_disk_names_max - 1);
            const auto chosen = names.choose(places, tick);
            RC_ASSERT(count(chosen) >= k_disk_names_free_min);
            std::erase_if(model, [&](const auto& one) { return chosen[one.second]; });
            for (std::size_t i = 0; i < chosen.size(); ++i) places[i] = chosen[i] ? 0 : places[i];
            names.free(chosen);
            number = names.number_of(wanted, tick);
        }
        RC_ASSERT(number.has_value() && *number > 0);
        const auto known = model.emplace(wanted, *number);
        RC_ASSERT(known.first->second == *number);
        places[*number] = (state >> 20) % 2;
    }
    for (const auto& [text, number] : model) RC_ASSERT(names[number] == text);
}

}  // namespace
}  // namespace moln::edge
