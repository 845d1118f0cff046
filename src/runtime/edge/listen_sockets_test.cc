#include "runtime/edge/listen_sockets.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace moln::edge_loop {
namespace {

std::vector<edge::StreamListen> wanting(std::initializer_list<Listen> listens) {
    std::vector<edge::StreamListen> out;
    for (const auto& listen : listens) {
        edge::StreamListen one;
        one.listen = listen;
        out.push_back(std::move(one));
    }
    return out;
}

std::vector<Fd> sockets(std::size_t count, int type = SOCK_STREAM) {
    std::vector<Fd> out;
    for (std::size_t i = 0; i < count; ++i) out.emplace_back(::socket(AF_INET, type, 0));
    return out;
}

EdgeListenOffer offer(const std::string& listen, std::size_t addresses) {
    return {listen, std::vector<std::string>(addresses, "127.0.0.1:1"), ""};
}

constexpr Listen k_tcp{Protocol::tcp, 5432};
constexpr Listen k_udp{Protocol::udp, 53};

TEST(ListenShelf, what_is_offered_is_open_until_nobody_wants_it) {
    ListenShelf shelf;
    EXPECT_FALSE(shelf.want(wanting({k_tcp, k_udp})));
    EXPECT_EQ(shelf.report().size(), 2U);
    EXPECT_EQ(shelf.take(offer("tcp:5432", 2), sockets(2)), true);
    ASSERT_EQ(shelf.open().size(), 1U);
    EXPECT_EQ(shelf.open().front()->fds.size(), 2U);
    EXPECT_EQ(shelf.report()[0], (EdgeListenReport{offer("tcp:5432", 2)}));
    // A second one comes when a report crossed the first: it changes nothing.
    const auto first = shelf.open().front();
    EXPECT_EQ(shelf.take(offer("tcp:5432", 1), sockets(1)), false);
    EXPECT_EQ(shelf.take({"tcp:5432", {}, "the port is taken"}, {}), false);
    EXPECT_EQ(shelf.open().front(), first);
    EXPECT_EQ(shelf.report()[0].problem, "");
    EXPECT_FALSE(shelf.want(wanting({k_tcp})));
    EXPECT_TRUE(shelf.want(wanting({})));
    EXPECT_TRUE(shelf.open().empty());
}

TEST(ListenShelf, a_problem_stands_until_it_is_over) {
    ListenShelf shelf;
    (void)shelf.want(wanting({k_tcp}));
    EXPECT_EQ(shelf.take({"tcp:5432", {}, "the port is taken"}, {}), false);
    EXPECT_EQ(shelf.report()[0].problem, "the port is taken");
    EXPECT_EQ(shelf.take(offer("tcp:5432", 1), sockets(1)), true);
    EXPECT_EQ(shelf.report()[0].problem, "");
}

TEST(ListenShelf, what_nobody_wants_is_dropped) {
    ListenShelf shelf;
    EXPECT_EQ(shelf.take(offer("tcp:5432", 1), sockets(1)), false);
    EXPECT_TRUE(shelf.open().empty());
}

TEST(ListenShelf, what_is_not_as_it_says_is_refused) {
    ListenShelf shelf;
    (void)shelf.want(wanting({k_tcp, k_udp}));
    EXPECT_FALSE(shelf.take(offer("tcp:0", 1), sockets(1)));
    EXPECT_FALSE(shelf.take(offer("tcp:5432", 2), sockets(1)));
    EXPECT_FALSE(shelf.take(offer("tcp:5432", 1), sockets(1, SOCK_DGRAM)));
    EXPECT_FALSE(shelf.take(offer("udp:53", 1), sockets(1)));
    EXPECT_FALSE(shelf.take(offer("tcp:5432", 1), {}));
    EXPECT_FALSE(shelf.take(offer("tcp:5432", k_listen_addresses_max + 1),
                            sockets(k_listen_addresses_max + 1)));
    EXPECT_EQ(
        shelf.take(offer("tcp:5432", k_listen_addresses_max), sockets(k_listen_addresses_max)),
        true);
    EXPECT_EQ(shelf.take(offer("udp:53", 1), sockets(1, SOCK_DGRAM)), true);
}

}  // namespace
}  // namespace moln::edge_loop
