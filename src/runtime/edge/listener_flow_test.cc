// Listening: what the kernel refuses to watch, and what is listened on no more.
#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "runtime/edge/core_for_test.h"
#include "runtime/edge/datagram_flow.h"
#include "runtime/edge/stream_flow.h"

namespace moln::edge_loop {
namespace {

constexpr Listen k_tcp{Protocol::tcp, 5432};
constexpr Listen k_udp{Protocol::udp, 53};

class Listening : public ::testing::Test {
protected:
    Listening() {
        workers_.emplace_back();  // only counted
        core_->workers = &workers_;
    }

    static Fd bound(int type) {
        Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        if (type == SOCK_STREAM) {
            EXPECT_EQ(::listen(fd.get(), 8), 0);
        }
        return fd;
    }
    static std::shared_ptr<const ListenSocket> socket_of(const Listen& listen, std::size_t count) {
        auto socket = std::make_shared<ListenSocket>();
        socket->listen = listen;
        const int type = listen.protocol == Protocol::tcp ? SOCK_STREAM : SOCK_DGRAM;
        for (std::size_t i = 0; i < count; ++i) socket->fds.push_back(bound(type));
        return socket;
    }
    // As a client, to what listens there.
    static Fd reach(int listening, int type) {
        sockaddr_in address{};
        socklen_t length = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::getsockname(listening, generic, &length), 0);
        Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(fd.get(), generic, length), 0);
        return fd;
    }
    static void ping(const Fd& client) { EXPECT_EQ(::send(client.get(), "ping", 4, 0), 4); }
    static bool has_datagram(int fd) {
        std::array<char, 8> room;
        return ::recv(fd, room.data(), room.size(), MSG_PEEK) == 4;
    }
    // What the loop would be told of now.
    const Part* told() {
        const auto events = core_->epoll.wait(0);
        return events.empty() ? nullptr : static_cast<const Part*>(events[0].data.ptr);
    }
    // The kernel takes nobody twice: as if it had no memory.
    void refuse(int fd) { ASSERT_TRUE(core_->epoll.add(fd, 0, nullptr)); }
    void allow(int fd) { ASSERT_TRUE(core_->epoll.remove(fd)); }
    void pass(Milliseconds time) {
        core_->now_ms += time.count;
        retry_listening(*core_);
    }

    std::vector<std::unique_ptr<WorkerPort>> workers_;
    CoreForTest core_;
};

TEST_F(Listening, a_socket_of_datagrams_that_cannot_be_watched_is_tried_again_by_itself) {
    const auto socket = socket_of(k_udp, 1);
    const int fd = socket->fds[0].get();
    refuse(fd);
    ::testing::internal::CaptureStderr();
    set_datagram_sockets(*core_, {socket});
    const auto said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("edge: listener_unwatched listen=udp:53 reason="), std::string::npos);
    EXPECT_EQ(core_->counts.accept_failures.get(), 1);
    pass(edge::k_listen_retry_pause);  // in vain
    allow(fd);
    const Fd client = reach(fd, SOCK_DGRAM);
    ping(client);
    pass({edge::k_listen_retry_pause.count - 1});
    EXPECT_EQ(told(), nullptr);
    ::testing::internal::CaptureStderr();
    pass({1});
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "edge: listener_watched listen=udp:53\n");
    EXPECT_EQ(told(), core_->datagrams.listeners.at(0).get());
    EXPECT_EQ(core_->listen_retry_ms, 0);
}

TEST_F(Listening, a_socket_of_streams_that_cannot_be_watched_is_tried_again_by_itself) {
    const auto socket = socket_of(k_tcp, 2);
    refuse(socket->fds[0].get());
    set_stream_sockets(*core_, {socket});
    const Fd other = reach(socket->fds[1].get(), SOCK_STREAM);
    ASSERT_EQ(core_->streams.listeners.size(), 2U);
    EXPECT_EQ(told(), core_->streams.listeners[1].get());  // the other address serves meanwhile
    allow(socket->fds[0].get());
    pass(edge::k_listen_retry_pause);
    set_stream_sockets(*core_, {socket});  // a change of something else
    (void)::accept(socket->fds[1].get(), nullptr, nullptr);
    const Fd client = reach(socket->fds[0].get(), SOCK_STREAM);
    EXPECT_EQ(told(), core_->streams.listeners[0].get());
}

TEST_F(Listening, a_socket_that_is_wanted_no_more_is_tried_no_more) {
    const auto socket = socket_of(k_udp, 1);
    refuse(socket->fds[0].get());
    set_datagram_sockets(*core_, {socket});
    set_datagram_sockets(*core_, {});
    allow(socket->fds[0].get());
    const Fd client = reach(socket->fds[0].get(), SOCK_DGRAM);
    ping(client);
    pass(edge::k_listen_retry_pause);
    EXPECT_EQ(told(), nullptr);
    EXPECT_EQ(core_->listen_retry_ms, 0);
}

// Its event may come in the turn in which it goes: another edge, or who listens there next, is to
// have what waits there, and no flow may begin whose answers would go to what has its number next.
TEST_F(Listening, what_waits_at_a_socket_that_is_left_stays_there) {
    const auto socket = socket_of(k_udp, 1);
    const int fd = socket->fds[0].get();
    set_datagram_sockets(*core_, {socket});
    const Fd client = reach(fd, SOCK_DGRAM);
    ping(client);
    DatagramListener& listener = *core_->datagrams.listeners.at(0);
    set_datagram_sockets(*core_, {});
    receive_datagrams(*core_, listener);
    EXPECT_TRUE(has_datagram(fd));
}

TEST_F(Listening, what_waits_at_a_socket_that_another_edge_has_stays_there) {
    const auto socket = socket_of(k_udp, 1);
    const int fd = socket->fds[0].get();
    set_datagram_sockets(*core_, {socket});
    const Fd client = reach(fd, SOCK_DGRAM);
    ping(client);
    core_->stopping = core_->leaving = true;
    leave_datagram_sockets(*core_);
    receive_datagrams(*core_, *core_->datagrams.listeners.at(0));
    EXPECT_TRUE(has_datagram(fd));
    pass(edge::k_listen_retry_pause);
    EXPECT_EQ(told(), nullptr);
}

}  // namespace
}  // namespace moln::edge_loop
