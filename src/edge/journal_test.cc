#include "edge/journal.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "model/edge_delta.h"

namespace moln::edge {
namespace {

EdgeSnapshot at(std::int64_t version) {
    EdgeSnapshot snapshot;
    snapshot.version = version;
    for (std::int64_t i = 0; i < 4; ++i) {
        if (((version + i) & 1) == 0) continue;
        EdgeRoute route;
        route.host = "h" + std::to_string(i) + ".example";
        route.app = AppId("default/a" + std::to_string(version));
        snapshot.routes.push_back(route);
    }
    return snapshot;
}

std::string written(std::int64_t from, std::int64_t to, std::size_t line_max = 1u << 20) {
    const auto lines = delta_lines(diff(at(from), at(to)), line_max);
    EXPECT_TRUE(lines);
    std::string text;
    for (const auto& line : *lines) text += line + "\n";
    return text;
}

TEST(Journal, makes_of_a_saved_snapshot_the_last_one_wherever_it_was_cut) {
    EXPECT_TRUE(rc::check("a torn journal ends at a version that was", [] {
        constexpr std::int64_t k_last = 5;
        std::string text;
        std::vector<std::size_t> ends = {0};
        for (std::int64_t version = 1; version < k_last; ++version) {
            text += written(version, version + 1, *rc::gen::element<std::size_t>(600, 1u << 20));
            ends.push_back(text.size());
        }
        const auto cut = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
        const auto saved = *rc::gen::inRange<std::int64_t>(1, k_last + 1);
        std::int64_t whole = 1;
        for (std::size_t i = 0; i < ends.size(); ++i) {
            if (ends[i] <= cut) whole = static_cast<std::int64_t>(i) + 1;
        }
        auto snapshot = at(saved);
        replay(snapshot, std::string_view(text).substr(0, cut));
        RC_ASSERT(snapshot == at(std::max(saved, whole)));
    }));
}

TEST(Journal, ends_at_what_does_not_fit) {
    auto snapshot = at(1);
    replay(snapshot, written(1, 2) + written(3, 4) + written(2, 5));
    EXPECT_EQ(snapshot, at(2));
    snapshot = at(1);
    replay(snapshot, "{\"get\":\"report\"}\n" + written(1, 2));
    EXPECT_EQ(snapshot, at(1));
    replay(snapshot, "\n");
    replay(snapshot, "garbage\n" + written(1, 2));
    EXPECT_EQ(snapshot, at(1));
}

}  // namespace
}  // namespace moln::edge
