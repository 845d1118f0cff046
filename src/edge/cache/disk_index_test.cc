// The index of the disk tier against a plain list that does the same.
#include "edge/cache/disk_index.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace moln::edge {
namespace {

// Few hashes, close together: they collide, wrap around and share homes.
DiskPlace draw_place(std::uint32_t at) {
    return {.hash = *rc::gen::inRange<std::uint64_t>(0, 40) * 7 % 64,
            .segment = *rc::gen::inRange<std::uint32_t>(1, 4),
            .at = at,
            .vary = *rc::gen::inRange<std::uint32_t>(0, 3),
            .names = static_cast<std::uint16_t>(*rc::gen::inRange(0, 2))};
}

void expect_same(const DiskIndex& index, const std::vector<DiskPlace>& model) {
    RC_ASSERT(index.size() == model.size());
    for (std::uint64_t hash = 0; hash < 64; ++hash) {
        std::vector<std::uint32_t> found;
        std::vector<std::uint32_t> wanted;
        index.find(hash, [&](const DiskPlace& place) { found.push_back(place.at); });
        for (const DiskPlace& place : model) {
            if (place.hash == hash) wanted.push_back(place.at);
        }
        std::ranges::sort(found);
        std::ranges::sort(wanted);
        RC_ASSERT(found == wanted);
    }
}

RC_GTEST_PROP(DiskIndex, is_a_list_that_is_found_by_hash, ()) {
    DiskIndex index;
    std::vector<DiskPlace> model;
    const auto steps = *rc::gen::inRange<std::uint32_t>(0, 200);
    for (std::uint32_t step = 0; step < steps; ++step) {
        const auto what = *rc::gen::inRange(0, 10);
        if (what < 6) {
            const DiskPlace place = draw_place(step);
            const auto gone = std::erase_if(model, [&](const DiskPlace& other) {
                return other.hash == place.hash &&
                       (other.names != place.names || other.vary == place.vary);
            });
            RC_ASSERT(index.put(place) == gone);
            model.push_back(place);
        } else if (what < 8 && !model.empty()) {
            const auto at = *rc::gen::inRange<std::size_t>(0, model.size());
            RC_ASSERT(index.remove(model[at]));
            RC_ASSERT(!index.remove(model[at]));
            model.erase(model.begin() + static_cast<std::ptrdiff_t>(at));
        } else if (what == 8) {
            const auto hash = *rc::gen::inRange<std::uint64_t>(0, 64);
            const auto gone =
                std::erase_if(model, [&](const DiskPlace& place) { return place.hash == hash; });
            RC_ASSERT(index.remove_all(hash) == gone);
        } else {
            const auto segment = *rc::gen::inRange<std::uint32_t>(1, 4);
            const auto gone = std::erase_if(
                model, [&](const DiskPlace& place) { return place.segment == segment; });
            RC_ASSERT(index.remove_if([&](const DiskPlace& place) {
                return place.segment == segment;
            }) == gone);
        }
        expect_same(index, model);
    }
}

TEST(DiskIndex, counts_hits_up_to_a_bound) {
    DiskIndex index;
    const DiskPlace place{.hash = 5, .segment = 1};
    index.put(place);
    for (int i = 0; i <= DiskIndex::k_uses_max; ++i) index.touch(place);
    int uses = 0;
    index.find(5, [&](const DiskPlace& found) { uses = found.uses; });
    EXPECT_EQ(uses, DiskIndex::k_uses_max);
}

TEST(DiskIndex, costs_at_most_74_bytes_an_object_once_it_has_grown) {
    DiskIndex index;
    for (std::uint64_t i = 1; i <= 100'000; ++i) {
        index.put({.hash = i * 0x9e37'79b9'7f4a'7c15u, .segment = 1});
        EXPECT_LE(index.memory_bytes(), i * 74 + 512);
    }
}

}  // namespace
}  // namespace moln::edge
