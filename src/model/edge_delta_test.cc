#include "model/edge_delta.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln {
namespace {

constexpr std::size_t k_line_max = 1u << 20;

template <typename T>
std::vector<T> some(int count_max, auto make) {
    std::vector<T> out;
    for (int i = 0; i < count_max; ++i) {
        if (*rc::gen::arbitrary<bool>()) out.push_back(make(i));
    }
    return out;
}

EdgeApp any_app(int number) {
    EdgeApp app;
    app.app = AppId("default/app-" + std::to_string(number / 2));
    app.process = number % 2 == 0 ? "api" : "web";
    app.hold = *rc::gen::weightedElement<bool>({{9, false}, {1, true}});
    app.endpoints = some<EdgeEndpoint>(3, [&](int i) {
        EdgeEndpoint endpoint;
        endpoint.instance = InstanceId(app.process + "-" + std::to_string(i));
        endpoint.address = "10.0.0.1";
        endpoint.port = *rc::gen::element<std::uint16_t>(3000, 3001);
        return endpoint;
    });
    return app;
}

EdgeSnapshot any_snapshot() {
    EdgeSnapshot snapshot;
    snapshot.epoch = *rc::gen::inRange(0, 3);
    snapshot.version = *rc::gen::inRange(0, 5);
    snapshot.apps = some<EdgeApp>(6, any_app);
    snapshot.routes = some<EdgeRoute>(6, [](int i) {
        EdgeRoute route;
        route.host = "h" + std::to_string(i / 2);
        route.path = i % 2 == 0 ? "/" : "/api";
        route.app = AppId("default/app-0");
        route.process = *rc::gen::element<std::string>("web", "api");
        return route;
    });
    snapshot.certificates = some<EdgeCertificate>(3, [](int i) {
        EdgeCertificate certificate;
        certificate.id = CertificateId("cert-" + std::to_string(i));
        certificate.chain = *rc::gen::element<std::string>("one", "two");
        return certificate;
    });
    snapshot.challenges = some<EdgeChallenge>(2, [](int i) {
        EdgeChallenge challenge;
        challenge.host = "h" + std::to_string(i);
        return challenge;
    });
    snapshot.streams = some<EdgeStream>(2, [](int i) {
        EdgeStream stream;
        stream.listen = "tcp:" + std::to_string(5000 + i);
        return stream;
    });
    return snapshot;
}

// As whoever gets these lines.
EdgeDelta said(const std::vector<std::string>& lines) {
    std::optional<EdgeDelta> all;
    for (const auto& line : lines) {
        const auto value = parse_json(line, k_line_max);
        EXPECT_TRUE(value) << line;
        auto delta = from_json<EdgeDelta>(value->at("delta"));
        EXPECT_TRUE(delta) << line;
        if (!all) {
            all = std::move(*delta);
        } else {
            EXPECT_TRUE(join(*all, std::move(*delta)));
        }
    }
    return std::move(*all);
}

TEST(EdgeDelta, makes_of_one_snapshot_the_other_and_its_undoing_the_first_again) {
    EXPECT_TRUE(rc::check("apply(a, diff(a, b)) == b", [] {
        const auto a = any_snapshot();
        const auto b = any_snapshot();
        const auto delta = diff(a, b);
        auto now = a;
        auto undo = apply(now, delta);
        RC_ASSERT(undo.has_value());
        RC_ASSERT(now == b);
        RC_ASSERT(apply(now, std::move(*undo)).has_value());
        RC_ASSERT(now == a);
    }));
}

TEST(EdgeDelta, of_equal_snapshots_has_nothing_in_it) {
    EXPECT_TRUE(rc::check("diff(a, a) is empty", [] {
        const auto a = any_snapshot();
        EdgeDelta nothing;
        nothing.base_epoch = nothing.epoch = a.epoch;
        nothing.base_version = nothing.version = a.version;
        RC_ASSERT(diff(a, a) == nothing);
    }));
}

TEST(EdgeDelta, of_another_base_changes_nothing) {
    EXPECT_TRUE(rc::check("a delta fits its own base alone", [] {
        const auto a = any_snapshot();
        const auto b = any_snapshot();
        auto other = any_snapshot();
        const auto before = other;
        auto applied = apply(other, diff(a, b));
        if (before.epoch != a.epoch || before.version != a.version) {
            RC_ASSERT(!applied.has_value());
            RC_ASSERT(applied.error().code == ErrorCode::conflict);
        }
        if (!applied) RC_ASSERT(other == before);
    }));
}

TEST(EdgeDelta, says_the_same_in_lines_of_any_length) {
    EXPECT_TRUE(rc::check("lines join to the delta", [] {
        const auto delta = diff(any_snapshot(), any_snapshot());
        const auto bytes_max = static_cast<std::size_t>(*rc::gen::inRange(200, 6000));
        const auto lines = delta_lines(delta, bytes_max);
        if (!lines) {
            RC_ASSERT(lines.error().code == ErrorCode::refused);
            return;
        }
        for (const auto& line : *lines) RC_ASSERT(line.size() <= bytes_max);
        RC_ASSERT(said(*lines) == delta);
    }));
}

EdgeDelta of_one_route() {
    EdgeSnapshot after;
    after.version = 1;
    after.routes = {{"shop.example", "/", AppId("default/shop"), "web"}};
    return diff(EdgeSnapshot{}, after);
}

TEST(EdgeDelta, has_a_line_as_long_as_its_limit_and_none_that_is_longer) {
    const auto delta = of_one_route();
    const auto whole = delta_lines(delta, k_line_max);
    ASSERT_TRUE(whole);
    ASSERT_EQ(whole->size(), 1U);
    // The end of a line is reckoned as that of one which is not the last.
    const std::size_t fits = whole->front().size() + 1;
    ASSERT_TRUE(delta_lines(delta, fits));
    EXPECT_EQ(delta_lines(delta, fits)->size(), 1U);
    const auto refused = delta_lines(delta, fits - 2);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::refused);
    EXPECT_NE(refused.error().reason.find("shop.example"), std::string::npos);
}

TEST(EdgeDelta, a_line_of_another_is_no_part_of_it) {
    auto all = of_one_route();
    all.last = false;
    auto other = of_one_route();
    other.version = 2;
    EXPECT_FALSE(join(all, other));
    all.last = true;
    EXPECT_FALSE(join(all, of_one_route()));
}

TEST(EdgeDelta, has_as_many_entries_as_its_limit_and_not_one_more) {
    EdgeDelta all;
    all.last = false;
    all.routes_gone.resize(k_delta_entries_max - 1);
    EdgeDelta one;
    one.last = false;
    one.routes_gone.resize(1);
    EXPECT_TRUE(join(all, one));
    const auto more = join(all, one);
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().code, ErrorCode::refused);
}

TEST(EdgeDelta, that_contradicts_itself_is_refused) {
    EdgeSnapshot shop;
    shop.routes = {{"shop.example", "/", AppId("default/shop"), "web"}};
    shop.apps.resize(1);
    shop.apps[0].app = AppId("default/shop");
    shop.apps[0].process = "web";
    const auto refused = [&](auto change) {
        EdgeDelta delta;
        delta.version = 1;
        change(delta);
        auto now = shop;
        const auto applied = apply(now, delta);
        return !applied && applied.error().code == ErrorCode::invalid && now == shop;
    };
    EXPECT_TRUE(refused([](EdgeDelta& d) { d.routes_gone = {{"none.example", "/"}}; }));
    EXPECT_TRUE(refused([&](EdgeDelta& d) {
        d.routes_gone = {{"shop.example", "/"}};
        d.routes = shop.routes;
    }));
    EXPECT_TRUE(refused([](EdgeDelta& d) {
        d.routes.resize(2);
        d.routes[0].host = d.routes[1].host = "twice.example";
    }));
    EXPECT_TRUE(
        refused([](EdgeDelta& d) { d.endpoints = {{AppId("default/shop"), "worker", {}, {}}}; }));
    EXPECT_TRUE(refused([](EdgeDelta& d) {
        d.endpoints = {{AppId("default/shop"), "web", {InstanceId("web-1")}, {}}};
    }));
    EXPECT_TRUE(refused([](EdgeDelta& d) {
        d.apps_gone = {{AppId("default/shop"), "web"}};
        d.endpoints = {{AppId("default/shop"), "web", {}, {}}};
    }));
}

TEST(EdgeDelta, a_snapshot_is_sorted_before_and_has_nothing_twice) {
    EXPECT_TRUE(rc::check("any order comes to the same", [] {
        const auto a = any_snapshot();
        auto mixed = a;
        std::ranges::reverse(mixed.routes);
        std::ranges::reverse(mixed.apps);
        std::ranges::reverse(mixed.certificates);
        for (auto& app : mixed.apps) std::ranges::reverse(app.endpoints);
        RC_ASSERT(sort_snapshot(mixed).has_value());
        RC_ASSERT(mixed == a);
        if (a.apps.empty()) return;
        mixed.apps.push_back(a.apps.front());
        const auto twice = sort_snapshot(mixed);
        RC_ASSERT(!twice.has_value());
        RC_ASSERT(twice.error().reason.find(a.apps.front().app.text) != std::string::npos);
    }));
}

}  // namespace
}  // namespace moln
