#include "drivers/network/path_rules.h"

#include <gtest/gtest.h>

namespace moln {
namespace {

PathEndpoint at(const char* address) {
    return {.instance = InstanceId("db-a"), .address = address, .port = 5000};
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST(PathRules, a_listen_leads_to_its_instances_by_turns) {
    const auto rules = path_rules({.paths = {{.listen = {Protocol::tcp, 5432},
                                              .addresses = {"127.0.0.1"},
                                              .endpoints = {at("10.213.1.2"), at("10.213.1.3")}}},
                                   .listens = {}},
                                  "10.213", {});
    EXPECT_TRUE(has(rules, "meta l4proto . th dport vmap { tcp . 5432 : jump tcp_5432 }"));
    EXPECT_TRUE(has(rules,
                    "ip daddr 127.0.0.1 meta l4proto tcp counter name tcp_5432 dnat ip to "
                    "numgen inc mod 2 map "
                    "{ 0 : 10.213.1.2 . 5000, 1 : 10.213.1.3 . 5000 }"))
        << rules;
    EXPECT_TRUE(has(rules, "ip saddr 10.213.1.0/24 ip daddr 10.213.1.0/24 masquerade"));
    EXPECT_FALSE(has(rules, "drop\n    }\n    chain listens")) << "nothing new is dropped";
}

TEST(PathRules, bytes_are_counted_by_the_port_that_the_client_asked_for) {
    const auto path = [](Protocol protocol, std::uint16_t port) {
        return KernelPath{.listen = {protocol, port},
                          .addresses = {"127.0.0.1"},
                          .endpoints = {at("10.213.1.2")}};
    };
    const auto rules = path_rules(
        {.paths = {path(Protocol::tcp, 25), path(Protocol::tcp, 5432), path(Protocol::udp, 53)},
         .listens = {}},
        "10.213", {});
    EXPECT_TRUE(
        has(rules,
            "oifname \"mln*\" ct direction original ct status dnat meta l4proto tcp counter "
            "name ct original proto-dst map { 25 : \"tcp_25_in\", 5432 : \"tcp_5432_in\" }"))
        << rules;
    EXPECT_TRUE(has(rules,
                    "iifname \"mln*\" ct direction reply ct status dnat meta l4proto udp counter "
                    "name ct original proto-dst map { 53 : \"udp_53_out\" }"));
}

TEST(PathRules, all_addresses_are_this_hosts_alone) {
    const auto rules = path_rules({.paths = {{.listen = {Protocol::tcp, 25},
                                              .addresses = {"0.0.0.0"},
                                              .endpoints = {at("10.213.1.2")}}},
                                   .listens = {}},
                                  "10.213", {});
    EXPECT_TRUE(has(rules, "fib daddr type local meta l4proto tcp counter name tcp_25 dnat ip to"))
        << rules;
}

TEST(PathRules, without_an_instance_who_begins_is_not_answered) {
    const auto rules = path_rules(
        {.paths = {{.listen = {Protocol::tcp, 25}, .addresses = {"192.0.2.1"}, .wait = true}},
         .listens = {}},
        "10.213", {});
    EXPECT_TRUE(has(rules, "ip daddr 192.0.2.1 meta l4proto tcp drop")) << rules;
    EXPECT_FALSE(has(rules, "dnat ip to"));
}

TEST(PathRules, udp_is_remembered_as_long_as_the_route_says) {
    PathTableSpec spec;
    for (const std::int64_t idle_ms : {60'000, 1, 60'000}) {
        spec.paths.push_back({.listen = {Protocol::udp, 53},
                              .addresses = {"127.0.0.1"},
                              .endpoints = {at("10.213.1.2")},
                              .idle = {idle_ms}});
    }
    const auto rules = path_rules(spec, "10.213", {});
    EXPECT_TRUE(has(rules, "policy = { unreplied : 10, replied : 60 }")) << rules;
    EXPECT_TRUE(has(rules, "policy = { unreplied : 10, replied : 1 }")) << "never none";
    EXPECT_EQ(rules.find("ct timeout udp_60 {"), rules.rfind("ct timeout udp_60 {"));
}

TEST(PathRules, without_paths_there_is_no_table) {
    EXPECT_EQ(path_rules({}, "10.213", {}),
              "table ip moln-streams\ndelete table ip moln-streams\n");
}

TEST(PathRules, what_is_counted_outlives_a_change_and_goes_with_its_listen) {
    const PathTableSpec spec{.paths = {{.listen = {Protocol::tcp, 5432},
                                        .addresses = {"127.0.0.1"},
                                        .endpoints = {at("10.213.1.2")}}},
                             .listens = {}};
    const auto rules =
        path_rules(spec, "10.213", {{{Protocol::tcp, 5432}, 7}, {{Protocol::udp, 53}, 0}});
    EXPECT_TRUE(
        rules.starts_with("flush table ip moln-streams\n"
                          "delete chain ip moln-streams udp_53\n"
                          "add counter ip moln-streams udp_53\n"
                          "delete counter ip moln-streams udp_53\n"
                          "add counter ip moln-streams udp_53_in\n"
                          "delete counter ip moln-streams udp_53_in\n"
                          "add counter ip moln-streams udp_53_out\n"
                          "delete counter ip moln-streams udp_53_out\n"
                          "table ip moln-streams {"))
        << rules;
    EXPECT_EQ(path_rules({}, "10.213", {{{Protocol::tcp, 5432}, 7}}), path_rules({}, "10.213", {}));
}

TEST(PathRules, counts_are_read_from_what_nft_lists) {
    EXPECT_EQ(
        path_counts_in(R"({"nftables": [{"metainfo": {"version": "1.0.6"}},
        {"counter": {"family": "ip", "name": "udp_53", "table": "t", "packets": 2, "bytes": 9}},
        {"counter": {"family": "ip", "name": "of_others", "table": "t", "packets": 1}},
        {"counter": {"family": "ip", "name": "udp_53_in", "table": "t", "packets": 3, "bytes": 90}},
        {"counter": {"family": "ip", "name": "udp_53_out", "table": "t", "packets": 4, "bytes": 8}},
        {"counter": {"family": "ip", "name": "tcp_5432", "table": "t", "packets": 0}}]})"),
        (std::vector<PathCount>{{{Protocol::tcp, 5432}, 0}, {{Protocol::udp, 53}, 2, 90, 8}}));
    EXPECT_TRUE(path_counts_in("").empty());
}

TEST(PathRules, bridges_are_those_of_the_instances) {
    const PathTableSpec spec{
        .paths = {{.endpoints = {at("10.213.7.2"), at("10.213.12.3"), at("10.213.7.4")}}},
        .listens = {}};
    EXPECT_EQ(path_bridges(spec), (std::vector<std::string>{"mln12", "mln7"}));
    EXPECT_EQ(path_link("10.213.7.12"), "mlv7.12");
}

}  // namespace
}  // namespace moln
