#include "edge/hand_over.h"

#include <gtest/gtest.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

Handed with_sockets(std::size_t count) {
    Handed all;
    for (std::size_t i = 0; i < count; ++i) {
        all.sockets.push_back(
            {.kind = HandedKind::web, .address = std::to_string(i), .listen = ""});
    }
    all.version = 7;
    all.ticket_keys.resize(1);
    return all;
}

TEST(HandOver, a_full_line_is_one_part_and_one_more_socket_makes_two) {
    const auto full = in_parts(with_sockets(k_handed_sockets_max));
    ASSERT_EQ(full.size(), 1U);
    EXPECT_TRUE(full[0].last);
    const auto more = in_parts(with_sockets(k_handed_sockets_max + 1));
    ASSERT_EQ(more.size(), 2U);
    EXPECT_FALSE(more[0].last);
    EXPECT_EQ(more[0].sockets.size(), k_handed_sockets_max);
    EXPECT_TRUE(more[0].ticket_keys.empty());
    EXPECT_TRUE(more[1].last);
    EXPECT_EQ(more[1].sockets.size(), 1U);
    EXPECT_EQ(more[1].version, 7);
    EXPECT_EQ(more[1].ticket_keys.size(), 1U);
}

TEST(HandOver, parts_keep_all_sockets_in_their_order) {
    for (std::size_t count = 0; count < 5 * k_handed_sockets_max; ++count) {
        std::vector<HandedSocket> joined;
        const auto parts = in_parts(with_sockets(count));
        for (const auto& part : parts) {
            EXPECT_EQ(part.last, &part == &parts.back());
            joined.insert(joined.end(), part.sockets.begin(), part.sockets.end());
        }
        EXPECT_EQ(joined, with_sockets(count).sockets);
    }
}

TEST(HandOver, a_line_is_read_back_as_it_was_written) {
    auto all = with_sockets(2);
    all.sockets[1] = {.kind = HandedKind::stream, .address = "127.0.0.1:53", .listen = "udp:53"};
    all.last = true;
    all.epoch = 3;
    const auto parsed = parse_hand_over_line(hand_over_line("handed", all));
    ASSERT_TRUE(parsed);
    const auto& handed = std::get<Handed>(*parsed);
    EXPECT_EQ(handed.sockets, all.sockets);
    EXPECT_TRUE(handed.last);
    EXPECT_EQ(handed.epoch, 3);
    EXPECT_EQ(handed.version, 7);
}

HandedFlow a_flow(std::int64_t number) {
    return {.listen = "udp:53",
            .address = "127.0.0.1:53",
            .client = "7f000001",
            .client_port = 4711,
            .scope = 0,
            .local = "7f000001",
            .instance = InstanceId{"web-1"},
            .answered = true,
            .retries = 2,
            .bytes_in = number,
            .bytes_out = 8,
            .begun = {9},
            .begun_wall = {10}};
}

TEST(HandOver, flows_keep_their_order_and_only_the_last_line_says_that_it_is_the_last) {
    for (std::size_t count = 0; count < 5 * k_handed_sockets_max; ++count) {
        std::vector<HandedFlow> all;
        for (std::size_t i = 0; i < count; ++i) all.push_back(a_flow(static_cast<std::int64_t>(i)));
        std::vector<HandedFlow> joined;
        const auto parts = in_parts(all);
        for (const auto& part : parts) {
            EXPECT_EQ(part.last, &part == &parts.back());
            EXPECT_LE(part.flows.size(), k_handed_sockets_max);
            const auto parsed = parse_hand_over_line(hand_over_line("flows", part));
            ASSERT_TRUE(parsed);
            const auto& flows = std::get<HandedFlows>(*parsed);
            EXPECT_EQ(flows.last, part.last);
            joined.insert(joined.end(), flows.flows.begin(), flows.flows.end());
        }
        EXPECT_EQ(joined, all);
    }
}

TEST(HandOver, other_lines_are_told_apart) {
    const auto refused = parse_hand_over_line(R"({"refused": "the disk is full"})");
    ASSERT_TRUE(refused);
    EXPECT_EQ(std::get<HandOverRefused>(*refused).reason, "the disk is full");
    EXPECT_TRUE(std::holds_alternative<HandOverLeft>(*parse_hand_over_line(R"({"left": {}})")));
    EXPECT_TRUE(std::holds_alternative<HandOverOther>(*parse_hand_over_line(R"({"report": {}})")));
}

TEST(HandOver, what_no_edge_says_is_invalid) {
    std::string much = R"({"handed": {"sockets": [{})";
    std::string many = R"({"flows": {"flows": [{})";
    for (std::size_t i = 0; i < k_handed_sockets_max; ++i) {
        much += ",{}";
        many += ",{}";
    }
    for (const auto& line : {std::string(), std::string("[]"), std::string("7"),
                             std::string(R"({"handed": 7})"), std::string(R"({"refused": {}})"),
                             std::string(R"({"handed": {"sockets": [{"kind": "door"}]}})"),
                             much + "]}}", std::string(R"({"flows": 7})"), many + "]}}"}) {
        const auto parsed = parse_hand_over_line(line);
        ASSERT_FALSE(parsed) << line;
        EXPECT_EQ(parsed.error().code, ErrorCode::invalid) << line;
    }
}

}  // namespace
}  // namespace moln::edge
