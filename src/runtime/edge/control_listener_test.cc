// What listens on the control thread, while no descriptor is left.
#include "runtime/edge/control_listener.h"

#include <memory>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "edge/limits.h"
#include "runtime/edge/daemon_peers.h"
#include "runtime/edge/metrics_server.h"

namespace moln::edge_loop {
namespace {

class Silent final : public PeerMessages {
public:
    Status on_snapshot(EdgeSnapshot) override { return {}; }
    Result<DeltaAnswer> on_delta(EdgeDelta) override { return DeltaAnswer::taken; }
    Status on_listener(const EdgeListenOffer&, std::vector<Fd>) override { return {}; }
    Status on_cache_peers(const CachePeering&) override { return {}; }
    std::vector<std::string> on_get_report() override { return {}; }
    void on_get_changes() override {}
    std::string on_get_metrics() override { return {}; }
    std::string on_get_routes() override { return {}; }
    std::string on_purge(const CachePurge&) override { return {}; }
    std::vector<HandOverAnswer> on_take_over(const edge::TakeOver&) override { return {}; }
    std::vector<std::string> on_took_over(const edge::TookOver&) override { return {}; }
    void on_release() override {}
};

// While it lives no descriptor can be had that is not open already.
class NoMoreDescriptors {
public:
    NoMoreDescriptors() {
        EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
        const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
        EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    }
    NoMoreDescriptors(const NoMoreDescriptors&) = delete;
    NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;
    ~NoMoreDescriptors() { (void)setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

// A name of the kernel's choice: bound without one (unix(7), autobind).
Fd listen_somewhere(sockaddr_un& address, socklen_t& length) {
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    address.sun_family = AF_UNIX;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(fd.get(), generic, sizeof address.sun_family), 0);
    EXPECT_EQ(listen(fd.get(), 8), 0);
    length = sizeof address;
    EXPECT_EQ(getsockname(fd.get(), generic, &length), 0);
    return fd;
}

TEST(MetricsServer, who_waits_while_no_descriptor_is_left_is_looked_at_after_a_pause) {
    auto epoll = net::Epoll::create();
    ASSERT_TRUE(epoll);
    MetricsServer metrics(*epoll, [] { return std::string(); });
    sockaddr_un address{};
    socklen_t length = 0;
    ASSERT_TRUE(metrics.listen(listen_somewhere(address, length)));
    const Fd reader(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(connect(reader.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    {
        const NoMoreDescriptors none;
        metrics.on_event(0, 1000);
        EXPECT_TRUE(epoll->wait(0).empty());
    }
    metrics.drop_ended(metrics.resume_due_ms());
    ASSERT_EQ(epoll->wait(0).size(), 1U);
    metrics.on_event(0, 2000);
    EXPECT_FALSE(metrics.empty());
}

TEST(DaemonPeers, who_waits_while_no_descriptor_is_left_is_looked_at_after_a_pause) {
    auto epoll = net::Epoll::create();
    ASSERT_TRUE(epoll);
    Silent silent;
    DaemonPeers peers(*epoll, silent);
    sockaddr_un address{};
    socklen_t length = 0;
    ASSERT_TRUE(peers.listen(listen_somewhere(address, length)));
    const Fd daemon(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(connect(daemon.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    {
        const NoMoreDescriptors none;
        ASSERT_EQ(epoll->wait(0).size(), 1U);
        peers.on_event(0, 1000);
        peers.drop_ended(1000);
        EXPECT_TRUE(epoll->wait(0).empty());
    }
    const auto due = 1000 + edge::k_accept_pause.count;
    EXPECT_EQ(peers.resume_due_ms(), due);
    peers.drop_ended(due);
    EXPECT_EQ(peers.resume_due_ms(), -1);
    ASSERT_EQ(epoll->wait(0).size(), 1U);
    peers.on_event(0, due);
    EXPECT_FALSE(peers.empty());
}

}  // namespace
}  // namespace moln::edge_loop
