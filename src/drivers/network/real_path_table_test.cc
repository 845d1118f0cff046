// On the real kernel, in a network namespace of its own: needs root.
#include "drivers/network/real_path_table.h"

#include <cerrno>
#include <chrono>
#include <functional>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/network/netlink.h"
#include "drivers/network/netns.h"
#include "drivers/network/nft.h"
#include "io/file/fd.h"
#include "io/file/temp_dir_for_test.h"
#include "io/net/socket.h"

namespace moln {
namespace {

constexpr const char* k_base = "10.213";
constexpr std::uint16_t k_port = 5432;
constexpr int k_patience_ms = 20'000;
constexpr std::chrono::milliseconds k_patience{k_patience_ms};

net::SocketAddress address_of(const std::string& text) {
    return *net::SocketAddress::parse(text);
}

// A host with two instances, db-a at 10.213.1.2 and db-b at 10.213.1.3, that listen on 5000.
class Host {
public:
    Host()
        : networks_(DataDir{dir_.path()}, {.base = k_base}),
          table(networks_, k_base, [] { return WallTime{0}; }) {}
    ~Host() {
        for (const auto* name : {"db-a", "db-b"}) (void)networks_.detach(name);
    }

    Status set_up() {
        MOLN_ASSIGN(auto netlink, Netlink::open());
        MOLN_TRY(netlink.set_up("lo"));
        MOLN_TRY(networks_.set_up());
        MOLN_TRY(begin("db-a", 2, a));
        return begin("db-b", 3, b);
    }

private:
    Status begin(const std::string& name, std::uint32_t slot, Fd& listener) {
        MOLN_TRY(networks_.attach(name, {.network = 1, .slot = slot}));
        return run_in_netns(networks_.netns_path(name), [&]() -> Status {
            MOLN_ASSIGN(listener, net::listen_tcp(address_of("0.0.0.0:5000"), 16));
            return {};
        });
    }

    TempDir dir_;
    Networks networks_;

public:
    RealPathTable table;
    Fd a, b;
};

PathTableSpec to(std::vector<PathEndpoint> endpoints) {
    return {.paths = {{.listen = {Protocol::tcp, k_port},
                       .addresses = {"0.0.0.0"},
                       .endpoints = std::move(endpoints)}},
            .listens = {{Protocol::tcp, k_port}}};
}
const PathEndpoint k_a{InstanceId("db-a"), "10.213.1.2", 5000};
const PathEndpoint k_b{InstanceId("db-b"), "10.213.1.3", 5000};

Fd client() {
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{.tv_sec = k_patience_ms / 1000, .tv_usec = 0};
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const auto to = address_of("127.0.0.1:5432");
    if (::connect(fd.get(), to.data(), to.length()) != 0) fd.reset();
    return fd;
}

Fd accepted(const Fd& listener) {
    pollfd one{.fd = listener.get(), .events = POLLIN, .revents = 0};
    if (::poll(&one, 1, k_patience_ms) != 1) return {};
    return Fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

bool passes(const Fd& from, const Fd& into) {
    char byte = 'x';
    return ::send(from.get(), &byte, 1, MSG_NOSIGNAL) == 1 && ::recv(into.get(), &byte, 1, 0) == 1;
}

// Namespaces belong to threads.
void in_a_network_of_its_own(const std::function<void()>& test) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    std::thread([&] {
        ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
        test();
    }).join();
}

TEST(RealPathTable, new_connections_follow_the_table_and_those_begun_stay) {
    in_a_network_of_its_own([] {
        Host host;
        ASSERT_TRUE(host.set_up());
        ASSERT_EQ(host.table.cannot(), "");
        ASSERT_EQ(host.table.in_the_way(), "");
        EXPECT_FALSE(host.table.is_there()) << "the probe leaves nothing";
        ASSERT_TRUE(host.table.apply(to({k_a})));
        EXPECT_TRUE(host.table.is_there());
        const Fd first = client();
        const Fd at_a = accepted(host.a);
        ASSERT_TRUE(first.valid() && at_a.valid());

        ASSERT_TRUE(host.table.apply(to({k_b})));
        const Fd second = client();
        const Fd at_b = accepted(host.b);
        ASSERT_TRUE(second.valid() && at_b.valid());
        EXPECT_TRUE(passes(first, at_a));
        EXPECT_TRUE(passes(at_a, first));

        const auto flows = host.table.flows();
        ASSERT_TRUE(flows);
        ASSERT_EQ(flows->size(), 2u);
        for (const auto& flow : *flows) {
            EXPECT_EQ(flow.listen_port, k_port);
            EXPECT_EQ(flow.client, "127.0.0.1");
            EXPECT_TRUE(flow.answered);
            EXPECT_FALSE(flow.over);
        }
        ASSERT_TRUE(host.table.apply({}));
        EXPECT_FALSE(host.table.is_there());
        EXPECT_TRUE(passes(first, at_a)) << "also without a table";
    });
}

TEST(RealPathTable, every_connection_is_counted_over_changes_of_the_table) {
    in_a_network_of_its_own([] {
        Host host;
        ASSERT_TRUE(host.set_up());
        const auto counts = [&] { return *host.table.counts(); };
        EXPECT_TRUE(counts().empty()) << "there is no table";
        auto more = to({k_a});
        more.paths.push_back(more.paths.front());
        more.paths.back().listen.port = k_port + 1;
        ASSERT_TRUE(host.table.apply(more));
        const Fd first = client();
        ASSERT_TRUE(accepted(host.a).valid());
        const Listen listen{Protocol::tcp, k_port};
        const Listen other{Protocol::tcp, k_port + 1};
        const auto one = counts();
        ASSERT_EQ(one.size(), 2u);
        EXPECT_EQ(one.front().begun, 1);
        EXPECT_GT(one.front().bytes_in, 0) << "of its greeting";
        EXPECT_GT(one.front().bytes_out, 0);
        EXPECT_EQ(one.back(), (PathCount{other, 0, 0, 0}));
        ASSERT_TRUE(host.table.apply(to({k_b})));
        const Fd second = client();
        const Fd at_b = accepted(host.b);
        ASSERT_TRUE(second.valid() && at_b.valid());
        EXPECT_TRUE(passes(second, at_b));
        EXPECT_TRUE(passes(second, at_b)) << "connections are counted, not packets";
        const auto two = counts();
        ASSERT_EQ(two.size(), 1u);
        EXPECT_EQ(two.front().listen, listen);
        EXPECT_EQ(two.front().begun, 2);
        EXPECT_GT(two.front().bytes_in, one.front().bytes_in);
        EXPECT_GT(two.front().bytes_out, one.front().bytes_out);
        ASSERT_TRUE(host.table.apply({}));
        EXPECT_TRUE(counts().empty());
    });
}

TEST(RealPathTable, connections_go_to_all_by_turns) {
    in_a_network_of_its_own([] {
        Host host;
        ASSERT_TRUE(host.set_up());
        ASSERT_TRUE(host.table.apply(to({k_a, k_b})));
        std::vector<Fd> clients;
        for (int i = 0; i < 6; ++i) clients.push_back(client());
        for (int i = 0; i < 3; ++i) {
            EXPECT_TRUE(accepted(host.a).valid());
            EXPECT_TRUE(accepted(host.b).valid());
        }
    });
}

TEST(RealPathTable, a_flow_that_is_ended_is_reset) {
    in_a_network_of_its_own([] {
        Host host;
        ASSERT_TRUE(host.set_up());
        ASSERT_TRUE(host.table.apply(to({k_a})));
        const Fd one = client();
        const Fd at_a = accepted(host.a);
        ASSERT_TRUE(one.valid() && at_a.valid());
        ASSERT_TRUE(host.table.apply({}));
        auto flows = host.table.flows();
        ASSERT_TRUE(flows);
        ASSERT_EQ(flows->size(), 1u);
        ASSERT_TRUE(host.table.end_flows(*flows));
        EXPECT_TRUE(host.table.end_flows(*flows)) << "it is gone already";
        flows = host.table.flows();
        ASSERT_TRUE(flows);
        EXPECT_TRUE(flows->empty());
        char byte = 'x';
        EXPECT_EQ(::send(one.get(), &byte, 1, MSG_NOSIGNAL), 1);
        EXPECT_EQ(::recv(one.get(), &byte, 1, 0), -1);
        EXPECT_EQ(errno, ECONNRESET);
    });
}

TEST(RealPathTable, a_connection_that_both_have_ended_is_over) {
    in_a_network_of_its_own([] {
        Host host;
        ASSERT_TRUE(host.set_up());
        ASSERT_TRUE(host.table.apply(to({k_a})));
        Fd one = client();
        Fd at_a = accepted(host.a);
        ASSERT_TRUE(one.valid() && at_a.valid());
        one.reset();
        at_a.reset();
        // The last packets of the two may still be on their way.
        const auto patience = std::chrono::steady_clock::now() + k_patience;
        for (bool over = false; !over;) {
            ASSERT_LT(std::chrono::steady_clock::now(), patience);
            const auto flows = host.table.flows();
            ASSERT_TRUE(flows);
            ASSERT_EQ(flows->size(), 1u);
            over = flows->front().over;
        }
    });
}

TEST(RealPathTable, filters_of_others_are_seen_once_they_have_rules) {
    in_a_network_of_its_own([] {
        Host host;
        ASSERT_TRUE(host.set_up());
        const std::string chain =
            "table inet wall {\n chain in { type filter hook input priority 0; policy accept; }\n}";
        ASSERT_TRUE(run_nft(chain));
        EXPECT_EQ(host.table.in_the_way(), "") << "an empty one";
        ASSERT_TRUE(run_nft("add rule inet wall in tcp dport 1 drop"));
        EXPECT_EQ(host.table.in_the_way(),
                  "rules of another program filter what comes in (table inet wall)");
    });
}

TEST(RealPathTable, open_listens_outlive_a_firewall_that_is_made_anew) {
    in_a_network_of_its_own([] {
        Host host;
        ASSERT_TRUE(host.set_up());
        ASSERT_TRUE(host.table.apply(to({k_a})));
        ASSERT_TRUE(apply_firewall({.base = k_base}));
        const auto set = ask_nft("list set inet moln streams");
        ASSERT_TRUE(set);
        EXPECT_EQ(listens_in(*set), (std::vector<Listen>{{Protocol::tcp, k_port}}));
    });
}

}  // namespace
}  // namespace moln
