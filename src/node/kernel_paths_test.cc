#include "node/kernel_paths.h"

#include <algorithm>
#include <functional>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace moln::node {
namespace {

const AppId k_db("default/db");

EdgeEndpoint endpoint(const char* instance, const char* address,
                      EndpointState state = EndpointState::active) {
    return {.instance = InstanceId(instance), .address = address, .port = 5000, .state = state};
}

struct Node {
    Node() {
        snapshot.version = 7;
        snapshot.apps = {
            {.app = k_db,
             .process = "db",
             .endpoints = {endpoint("db-a", "10.213.1.2"), endpoint("db-b", "10.213.1.3")}}};
        snapshot.streams = {{.listen = "tcp:5432", .app = k_db, .process = "db"}};
        sight.addresses["tcp:5432"] = {"127.0.0.1:5432"};
        sight.healthy = {InstanceId("db-a"), InstanceId("db-b")};
    }
    EdgeApp& app() { return snapshot.apps.front(); }
    EdgeStream& stream() { return snapshot.streams.front(); }
    PathDecision decide() const { return decide_paths(snapshot, sight); }
    // Instances that the first path leads to, or why there is none.
    std::string story() const {
        const auto decision = decide();
        const auto& told = decision.told.front();
        if (told.via == StreamVia::edge) {
            EXPECT_TRUE(decision.table.paths.empty());
            return told.problem.empty() ? told.why : "refused: " + told.why;
        }
        std::string names;
        for (const auto& one : decision.table.paths.front().endpoints) {
            names += (names.empty() ? "" : " ") + one.instance.text;
        }
        return names.empty() ? "waits" : names;
    }

    EdgeSnapshot snapshot;
    PathSight sight;
};

TEST(KernelPaths, a_port_without_anything_to_read_is_the_kernels) {
    const Node node;
    EXPECT_EQ(node.story(), "db-a db-b");
    const auto path = node.decide().table.paths.front();
    EXPECT_EQ(path.listen.text(), "tcp:5432");
    EXPECT_EQ(path.addresses, std::vector<std::string>{"127.0.0.1"});
    EXPECT_EQ(path.endpoints[1].address, "10.213.1.3");
    EXPECT_EQ(path.endpoints[1].port, 5000);
}

TEST(KernelPaths, a_port_of_its_own_goes_before_the_endpoints) {
    Node node;
    node.stream().port = 99;
    EXPECT_EQ(node.decide().table.paths.front().endpoints.front().port, 99);
}

TEST(KernelPaths, only_active_and_healthy_instances_get_new_connections) {
    Node node;
    node.app().endpoints[0].state = EndpointState::draining;
    EXPECT_EQ(node.story(), "db-b");
    node.sight.healthy.clear();
    EXPECT_EQ(node.story(), "no instance is ready");
    node.app().endpoints[1].state = EndpointState::warming;
    node.sight.healthy = {InstanceId("db-a"), InstanceId("db-b")};
    EXPECT_EQ(node.story(), "no instance is ready");
}

TEST(KernelPaths, whatever_the_edge_has_to_see_stays_there) {
    const auto with = [](const std::function<void(Node&)>& change) {
        Node node;
        change(node);
        return node.story();
    };
    EXPECT_EQ(with([](Node& n) { n.stream().host = "db.test"; }),
              "it leads on by the name that is asked for");
    EXPECT_EQ(with([](Node& n) {
                  n.snapshot.streams.push_back(n.stream());
                  n.snapshot.streams.back().host = "db.test";
              }),
              "it leads on by the name that is asked for");
    EXPECT_EQ(with([](Node& n) { n.stream().accept_proxy = true; }), "it has PROXY headers");
    EXPECT_EQ(with([](Node& n) { n.stream().send_proxy = SendProxy::v2; }), "it has PROXY headers");
    EXPECT_EQ(with([](Node& n) { n.stream().idle = minutes(1); }),
              "its quiet connections are ended");
    EXPECT_EQ(with([](Node& n) { n.app().concurrency = 1; }), "its process has a concurrency");
    EXPECT_EQ(with([](Node& n) { n.app().balance.by = BalanceBy::client; }),
              "its process says how to balance");
    EXPECT_EQ(with([](Node& n) { n.app().slow_start = seconds(1); }),
              "its process has a slow start");
    EXPECT_EQ(with([](Node& n) { n.app().canary_release = 2; }), "a canary runs");
    EXPECT_EQ(with([](Node& n) { n.app().maintenance.emplace(); }), "its app is under maintenance");
    EXPECT_EQ(with([](Node& n) { n.sight.cannot = "no NAT"; }), "no NAT");
    EXPECT_EQ(with([](Node& n) { n.sight.in_the_way = "a firewall"; }), "a firewall");
    EXPECT_EQ(with([](Node& n) { n.sight.addresses.clear(); }), "it is not open yet");
    EXPECT_EQ(with([](Node& n) { n.sight.addresses["tcp:5432"] = {"[::1]:5432"}; }),
              "it is not open yet");
    EXPECT_EQ(with([](Node& n) { n.snapshot.apps.clear(); }), "it leads to no process");
}

TEST(KernelPaths, udp_may_be_quiet) {
    Node node;
    node.stream().listen = "udp:53";
    node.stream().idle = seconds(60);
    node.sight.addresses["udp:53"] = {"[::]:53"};
    EXPECT_EQ(node.story(), "db-a db-b");
    const auto path = node.decide().table.paths.front();
    EXPECT_EQ(path.idle, seconds(60));
    EXPECT_EQ(path.addresses, std::vector<std::string>{"0.0.0.0"});
}

TEST(KernelPaths, a_kept_source_is_the_kernels_whatever_the_edge_could_do_better) {
    Node node;
    node.stream().keep_source = true;
    node.app().balance.by = BalanceBy::client;
    node.sight.in_the_way = "a firewall";
    node.app().canary_release = 2;
    node.app().endpoints[1].release = 2;
    EXPECT_EQ(node.story(), "db-a") << "a canary's share cannot be held to";
}

TEST(KernelPaths, a_kept_source_waits_for_an_instance_that_comes) {
    Node node;
    node.stream().keep_source = true;
    node.sight.healthy.clear();
    EXPECT_EQ(node.story(), "no instance is ready");
    node.app().hold = true;
    EXPECT_EQ(node.story(), "waits");
}

TEST(KernelPaths, a_kept_source_that_cannot_be_kept_is_a_problem) {
    Node node;
    node.stream().keep_source = true;
    node.sight.cannot = "no NAT";
    EXPECT_EQ(node.story(), "refused: no NAT");
    EXPECT_EQ(node.decide().told.front().problem,
              "connections are refused, for keep_source cannot be held to: no NAT");
}

TEST(KernelPaths, every_listen_is_open_to_instances_and_told_of) {
    Node node;
    node.snapshot.streams.push_back({.listen = "udp:53", .app = k_db, .process = "db"});
    node.sight.cannot = "no NAT";
    const auto decision = node.decide();
    const std::vector<Listen> both = {{Protocol::tcp, 5432}, {Protocol::udp, 53}};
    EXPECT_EQ(decision.table.listens, both);
    EXPECT_EQ(decision.told.size(), 2u);
}

// ---- flows ------------------------------------------------------------------------------------

KernelFlow flow(const char* address) {
    return {.protocol = Protocol::tcp, .listen_port = 5432, .address = address, .port = 5000};
}

TEST(KernelFlows, are_counted_by_instance_also_of_one_that_drains) {
    Node node;
    node.app().endpoints[0].state = EndpointState::draining;
    auto old = flow("10.213.1.2");
    old.age = seconds(9);
    auto over = flow("10.213.1.3");
    over.over = true;
    const auto count = count_flows(node.snapshot, {old, flow("10.213.1.2"), over});
    ASSERT_EQ(count.endpoints.size(), 1u);
    EXPECT_EQ(count.endpoints[0].instance.text, "db-a");
    EXPECT_EQ(count.endpoints[0].tunnels_open, 2);
    EXPECT_EQ(count.endpoints[0].oldest_open, seconds(9));
    EXPECT_TRUE(count.to_end.empty());
}

TEST(KernelFlows, to_nobody_are_ended_once_there_is_nobody) {
    const Node node;
    auto one = flow("10.213.9.9");
    EXPECT_TRUE(count_flows(node.snapshot, {one}).to_end.empty()) << "somebody is at home";
    one.gone = true;
    const auto count = count_flows(node.snapshot, {one});
    EXPECT_TRUE(count.endpoints.empty());
    EXPECT_EQ(count.to_end, std::vector<KernelFlow>{one});
    one.address = "10.213.1.2";
    EXPECT_TRUE(count_flows(node.snapshot, {one}).to_end.empty()) << "the snapshot knows it";
}

TEST(KernelFlows, of_udp_end_on_a_draining_instance_once_they_are_quiet) {
    Node node;
    node.snapshot.streams = {{.listen = "udp:5432", .app = k_db, .process = "db"}};
    const auto ends = [&](bool answered, std::int64_t left_s) {
        auto one = flow("10.213.1.2");
        one.protocol = Protocol::udp;
        one.answered = answered;
        one.left = seconds(left_s);
        return !count_flows(node.snapshot, {one}).to_end.empty();
    };
    EXPECT_FALSE(ends(true, 1)) << "the instance serves";
    node.app().endpoints[0].state = EndpointState::draining;
    EXPECT_FALSE(ends(true, 60));
    EXPECT_FALSE(ends(true, 56));
    EXPECT_TRUE(ends(true, 55));
    EXPECT_TRUE(ends(true, 11));
    EXPECT_FALSE(ends(true, 10)) << "perhaps answered a moment ago for the first time";
    EXPECT_FALSE(ends(true, 6));
    EXPECT_TRUE(ends(true, 5));
    EXPECT_FALSE(ends(false, 6));
    EXPECT_TRUE(ends(false, 5));
}

// ---- properties -------------------------------------------------------------------------------

Node any_node() {
    Node node;
    node.stream().keep_source = *rc::gen::arbitrary<bool>();
    node.stream().accept_proxy = *rc::gen::weightedElement<bool>({{4, false}, {1, true}});
    node.app().concurrency = *rc::gen::weightedElement<std::int64_t>({{4, 0}, {1, 3}});
    node.app().hold = *rc::gen::arbitrary<bool>();
    node.sight.in_the_way = *rc::gen::weightedElement<std::string>({{4, ""}, {1, "a wall"}});
    node.sight.cannot = *rc::gen::weightedElement<std::string>({{6, ""}, {1, "no NAT"}});
    for (auto& endpoint : node.app().endpoints) {
        endpoint.state = *rc::gen::element(EndpointState::warming, EndpointState::active,
                                           EndpointState::draining);
        if (*rc::gen::arbitrary<bool>()) node.sight.healthy.erase(endpoint.instance);
    }
    return node;
}

RC_GTEST_PROP(KernelPathsProperty, new_connections_go_to_who_may_have_them, ()) {
    const auto node = any_node();
    for (const auto& path : node.decide().table.paths) {
        RC_ASSERT(path.wait == path.endpoints.empty());
        for (const auto& one : path.endpoints) {
            RC_ASSERT(node.sight.healthy.contains(one.instance));
            const auto& endpoints = node.snapshot.apps.front().endpoints;
            const auto found = std::ranges::find(endpoints, one.instance, &EdgeEndpoint::instance);
            RC_ASSERT(found->state == EndpointState::active);
        }
    }
}

RC_GTEST_PROP(KernelPathsProperty, unasked_the_kernel_takes_nothing_from_the_edge_that_it_lacks,
              ()) {
    auto node = any_node();
    node.stream().keep_source = false;
    const auto& decision = node.decide();
    if (decision.table.paths.empty()) return;
    RC_ASSERT(!node.stream().accept_proxy);
    RC_ASSERT(node.snapshot.apps.front().concurrency == 0);
    RC_ASSERT(node.sight.in_the_way.empty() && node.sight.cannot.empty());
    RC_ASSERT(!decision.table.paths.front().wait);
}

RC_GTEST_PROP(KernelPathsProperty, every_flow_is_counted_or_over_or_ended, ()) {
    const auto node = any_node();
    std::vector<KernelFlow> flows;
    for (int i = *rc::gen::inRange(0, 20); i > 0; --i) {
        auto one = flow(*rc::gen::element("10.213.1.2", "10.213.1.3", "10.213.1.4"));
        one.protocol = *rc::gen::element(Protocol::tcp, Protocol::udp);
        one.over = one.protocol == Protocol::tcp && *rc::gen::arbitrary<bool>();
        one.answered = *rc::gen::arbitrary<bool>();
        one.gone = one.address == "10.213.1.4";
        one.left = seconds(*rc::gen::inRange(0, 61));
        flows.push_back(one);
    }
    const auto count = count_flows(node.snapshot, flows);
    std::int64_t open = 0;
    for (const auto& one : count.endpoints) open += one.tunnels_open;
    const auto over = std::ranges::count_if(
        flows, [](const KernelFlow& one) { return one.over && one.address != "10.213.1.4"; });
    RC_ASSERT(open + over + static_cast<std::int64_t>(count.to_end.size()) ==
              static_cast<std::int64_t>(flows.size()));
    for (const auto& one : count.to_end) {
        const bool of_nobody = one.address == "10.213.1.4";
        RC_ASSERT(of_nobody || one.protocol == Protocol::udp);
    }
}

}  // namespace
}  // namespace moln::node
