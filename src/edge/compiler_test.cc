#include "edge/compiler.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

EdgeApp app_named(const std::string& name, int endpoints) {
    EdgeApp app;
    app.app = AppId(name);
    app.process = "web";
    for (int i = 0; i < endpoints; ++i) {
        EdgeEndpoint endpoint;
        endpoint.instance = InstanceId("web-" + std::to_string(i));
        endpoint.address = "10.0.0.1";
        endpoint.port = 3000;
        app.endpoints.push_back(endpoint);
    }
    return app;
}

// Apps, endpoints, routes and streams that may lead to apps that are not there.
EdgeSnapshot any_snapshot(std::int64_t version) {
    EdgeSnapshot snapshot;
    snapshot.version = version;
    for (const char* name : {"a", "b", "c", "d"}) {
        if (*rc::gen::weightedElement<bool>({{3, true}, {1, false}})) {
            snapshot.apps.push_back(app_named(name, *rc::gen::inRange(0, 3)));
        }
    }
    for (const char* host : {"*", "*.wild.example", "one.example", "two.example"}) {
        if (!*rc::gen::arbitrary<bool>()) continue;
        EdgeRoute route;
        route.host = host;
        route.app = AppId(*rc::gen::element<std::string>("a", "b", "c", "d"));
        route.process = "web";
        snapshot.routes.push_back(route);
    }
    if (*rc::gen::weightedElement<bool>({{1, true}, {4, false}})) {
        EdgeStream stream;
        stream.listen = "tcp:5432";
        stream.app = AppId("a");
        stream.process = "web";
        snapshot.streams.push_back(stream);
    }
    return snapshot;
}

std::string app_of(const CompiledSnapshot& compiled, const char* host) {
    const auto found = compiled.routes->table.find(host, "/");
    if (!found) return "";
    return compiled.apps.at(compiled.routes->targets.at(*found).app)->spec.app.text;
}

void expect_alike(const CompiledSnapshot& one, const CompiledSnapshot& other) {
    for (const char* host : {"one.example", "two.example", "x.wild.example", "any"}) {
        RC_ASSERT(app_of(one, host) == app_of(other, host));
    }
    const auto apps_of = [](const CompiledSnapshot& compiled) {
        std::set<std::tuple<std::string, std::string, std::size_t>> apps;
        for (const auto& app : compiled.apps) {
            if (app) apps.emplace(app->spec.app.text, app->probe_host, app->spec.endpoints.size());
        }
        return apps;
    };
    RC_ASSERT(apps_of(one) == apps_of(other));
    RC_ASSERT(one.version == other.version);
    RC_ASSERT(one.streams->size() == other.streams->size());
    const auto lead = [](const CompiledSnapshot& compiled) {
        const auto place = compiled.streams->front().targets.front().app;
        return compiled.apps.at(place)->spec.app.text;
    };
    if (!one.streams->empty()) RC_ASSERT(lead(one) == lead(other));
}

TEST(Compiler, a_step_at_a_time_comes_to_what_is_compiled_at_once) {
    EXPECT_TRUE(rc::check("deltas and wholes agree", [] {
        Compiler compiler;
        for (std::int64_t version = 1; version <= 6; ++version) {
            const auto next = any_snapshot(version);
            const auto whole = compile(next);
            const auto before = compiler.compiled();
            const auto told = compiler.snapshot();
            const auto touched = compiler.take(diff(compiler.snapshot(), next));
            RC_ASSERT(touched.has_value() == whole.has_value());
            if (!touched) {
                RC_ASSERT(touched.error() == whole.error());
                RC_ASSERT(compiler.snapshot() == told);
                expect_alike(compiler.compiled(), before);
                continue;
            }
            expect_alike(compiler.compiled(), *whole);
            // What is not told as touched is the very same.
            for (std::uint32_t i = 0; i < compiler.compiled().apps.size(); ++i) {
                if (std::ranges::binary_search(touched->apps, i)) continue;
                RC_ASSERT(compiler.compiled().apps[i] == before.apps.at(i));
            }
        }
    }));
}

struct Shops {
    Compiler compiler;
    Shops() {
        EdgeSnapshot snapshot;
        snapshot.apps = {app_named("a", 1), app_named("b", 1), app_named("c", 1)};
        for (const char* name : {"a", "b", "c"}) {
            EdgeRoute route;
            route.host = std::string(name) + ".example";
            route.app = AppId(name);
            route.process = "web";
            snapshot.routes.push_back(route);
        }
        snapshot.version = 1;
        EXPECT_TRUE(compiler.take(snapshot));
    }
    Result<Touched> change(auto&& how) {
        auto next = compiler.snapshot();
        ++next.version;
        how(next);
        return compiler.take(diff(compiler.snapshot(), next));
    }
};

TEST(Compiler, a_change_of_one_endpoint_shares_all_else) {
    Shops shops;
    const auto before = shops.compiler.compiled();
    const auto touched = shops.change(
        [](EdgeSnapshot& next) { next.apps[1].endpoints[0].state = EndpointState::draining; });
    ASSERT_TRUE(touched);
    EXPECT_EQ(touched->apps, std::vector<std::uint32_t>{1});
    const auto& after = shops.compiler.compiled();
    EXPECT_EQ(after.routes, before.routes);
    EXPECT_EQ(after.streams, before.streams);
    EXPECT_EQ(after.challenges, before.challenges);
    EXPECT_EQ(after.apps[0], before.apps[0]);
    EXPECT_EQ(after.apps[1]->spec.endpoints[0].state, EndpointState::draining);
    EXPECT_EQ(after.apps[1]->probe_host, "b.example");
}

TEST(Compiler, an_app_keeps_its_place_and_a_free_one_is_taken_by_a_later_snapshot) {
    Shops shops;
    ASSERT_TRUE(shops.change([](EdgeSnapshot& next) {
        next.apps[0] = app_named("0", 1);  // a goes, another comes
        next.routes[0].app = AppId("0");
    }));
    EXPECT_EQ(shops.compiler.compiled().apps.at(0), nullptr);
    EXPECT_EQ(shops.compiler.compiled().apps.at(1)->spec.app, AppId("b"));
    EXPECT_EQ(app_of(shops.compiler.compiled(), "a.example"), "0");
    ASSERT_TRUE(shops.change([](EdgeSnapshot& next) { next.apps.push_back(app_named("d", 0)); }));
    EXPECT_EQ(shops.compiler.compiled().apps.at(0)->spec.app, AppId("d"));
    EXPECT_EQ(shops.compiler.compiled().apps.size(), 4U);
}

TEST(Compiler, what_is_bad_changes_nothing_and_the_next_that_is_good_does) {
    Shops shops;
    const auto refused = shops.change([](EdgeSnapshot& next) {
        next.apps[1].endpoints[0].address = "nowhere";
        next.apps[2].endpoints.clear();
    });
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().reason.find("nowhere"), std::string::npos);
    EXPECT_EQ(shops.compiler.stamp().version, 1);
    const auto left = shops.change([](EdgeSnapshot& next) { next.apps.erase(next.apps.begin()); });
    ASSERT_FALSE(left);  // a route leads there
    EXPECT_TRUE(shops.change([](EdgeSnapshot& next) { next.apps[2].endpoints.clear(); }));
    EXPECT_EQ(shops.compiler.stamp().version, 2);
}

TEST(Compiler, endpoints_at_the_limit_pass_and_one_past_it_is_refused) {
    Compiler compiler;
    EdgeSnapshot snapshot;
    EdgeApp app = app_named("a", 0);
    EdgeEndpoint endpoint;
    endpoint.address = "10.0.0.1";
    endpoint.port = 3000;
    for (std::size_t i = 0; i < k_snapshot_endpoints_max; ++i) {
        endpoint.instance = InstanceId(std::to_string(i));
        app.endpoints.push_back(endpoint);
    }
    snapshot.apps = {std::move(app)};
    ASSERT_TRUE(compiler.take(snapshot));
    EdgeDelta more;
    more.version = 1;
    more.endpoints.resize(1);
    more.endpoints[0].app = AppId("a");
    more.endpoints[0].process = "web";
    endpoint.instance = InstanceId("one more");
    more.endpoints[0].put = {endpoint};
    const auto refused = compiler.take(more);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::refused);
    more.endpoints[0].gone = {InstanceId("7")};
    EXPECT_TRUE(compiler.take(more));
}

}  // namespace
}  // namespace moln::edge
