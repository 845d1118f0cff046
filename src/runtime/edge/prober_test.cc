#include "runtime/edge/prober.h"

#include <memory>
#include <utility>

#include <gtest/gtest.h>

#include "edge/compiler.h"
#include "io/net/socket.h"
#include "runtime/edge/route_counts.h"

namespace moln::edge_loop {
namespace {

TEST(Prober, an_event_of_a_target_that_was_dropped_in_its_turn_finds_it) {
    auto listener = net::listen_tcp_alone(*net::SocketAddress::parse("127.0.0.1:0"), 1);
    ASSERT_TRUE(listener);
    const auto address = net::SocketAddress::local_of(listener->get());
    ASSERT_TRUE(address);
    auto epoll = net::Epoll::create();
    ASSERT_TRUE(epoll);
    Prober prober(*epoll, [](const EndpointCell&) {});

    edge::Compiler compiler;
    CellRegistry registry{1};
    RouteCounts counts;
    RouteLedger ledger{{&counts}};
    std::uint64_t generation = 0;
    const auto target = [&](std::vector<EdgeEndpoint> endpoints) {
        EdgeSnapshot snapshot;
        snapshot.version = static_cast<std::int64_t>(generation) + 1;
        EdgeApp app;
        app.app = AppId("default/shop");
        app.process = "web";
        app.health.kind = HealthKind::tcp;
        app.endpoints = std::move(endpoints);
        snapshot.apps = {app};
        const auto touched = compiler.take(std::move(snapshot));
        EXPECT_TRUE(touched);
        const auto tables = registry.join(
            compiler.compiled(), touched->apps,
            {.sites = nullptr, .route_index = nullptr, .peers = nullptr}, ++generation);
        prober.set_targets(*tables, touched->apps, 0);
        return tables;
    };

    auto tables =
        target({{InstanceId("a"), "127.0.0.1", address->port(), EndpointState::active, 1}});
    const std::weak_ptr<EndpointCell> cell = tables->apps[0]->endpoints[0].cell;
    prober.run_due(0);
    const auto events = epoll->wait(20'000);
    ASSERT_EQ(events.size(), 1U);
    // Two snapshots come in the turn of that event, before it.
    tables = target({});
    tables = target({});
    EXPECT_TRUE(registry.leftovers().empty());
    EXPECT_FALSE(cell.expired());
    static_cast<ControlPart*>(events[0].data.ptr)->on_event(events[0].events, 0);
    prober.run_due(0);
    EXPECT_TRUE(cell.expired());
}

}  // namespace
}  // namespace moln::edge_loop
