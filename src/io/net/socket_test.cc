#include "io/net/socket.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include "io/file/temp_dir_for_test.h"

namespace moln::net {
namespace {

class UnixSocket : public testing::Test {
protected:
    std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
    const TempDir folder_;
};

TEST(ListenTcp, workers_share_one_port) {
    const auto first = listen_tcp(*SocketAddress::parse("127.0.0.1:0"), 16);
    ASSERT_TRUE(first);
    const auto bound = SocketAddress::local_of(first->get());
    ASSERT_TRUE(bound);
    EXPECT_NE(bound->port(), 0);
    EXPECT_TRUE(listen_tcp(*bound, 16));
}

TEST(ListenTcp, an_address_of_another_machine_is_named_in_the_error) {
    const auto fd = listen_tcp(*SocketAddress::parse("192.0.2.1:8080"), 16);
    ASSERT_FALSE(fd);
    EXPECT_NE(fd.error().reason.find("192.0.2.1:8080"), std::string::npos);
}

TEST(CheckFree, a_port_that_is_shared_is_not_free) {
    const auto fd = listen_tcp(*SocketAddress::parse("127.0.0.1:0"), 16);
    const auto bound = *SocketAddress::local_of(fd->get());
    const auto free = check_free(bound);
    ASSERT_FALSE(free);
    EXPECT_NE(free.error().reason.find(bound.to_string()), std::string::npos);
    EXPECT_NE(free.error().reason.find("choose another"), std::string::npos);
}

TEST(ConnectTcp, a_refused_port_is_unavailable) {
    auto listener = listen_tcp(*SocketAddress::parse("127.0.0.1:0"), 1);
    const auto bound = *SocketAddress::local_of(listener->get());
    listener->reset();
    const auto fd = connect_tcp(bound);
    if (!fd) {
        EXPECT_EQ(fd.error().code, ErrorCode::unavailable);
        return;
    }
    pollfd wait{.fd = fd->get(), .events = POLLOUT, .revents = 0};
    ASSERT_EQ(poll(&wait, 1, 5000), 1);
    EXPECT_EQ(connect_error(fd->get()), ECONNREFUSED);
}

TEST_F(UnixSocket, is_made_for_its_owner_only) {
    const auto fd = listen_unix(path("s"), 0600, 4);
    ASSERT_TRUE(fd);
    struct stat info{};
    ASSERT_EQ(stat(path("s").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(UnixSocket, a_dead_socket_is_replaced_and_a_live_one_is_not) {
    {
        ASSERT_TRUE(listen_unix(path("s"), 0600, 4));
    }
    const auto again = listen_unix(path("s"), 0600, 4);
    ASSERT_TRUE(again);
    const auto second = listen_unix(path("s"), 0600, 4);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::refused);
}

TEST_F(UnixSocket, a_file_in_the_way_is_kept) {
    std::ofstream(path("s")) << "precious";
    ASSERT_FALSE(listen_unix(path("s"), 0600, 4));
    EXPECT_TRUE(std::filesystem::is_regular_file(path("s")));
}

TEST_F(UnixSocket, a_path_at_the_limit_works_and_one_past_it_is_refused) {
    const std::string longest(107 - path("").size(), 'x');
    EXPECT_TRUE(listen_unix(path(longest), 0600, 4));
    const auto past = listen_unix(path(longest + "x"), 0600, 4);
    ASSERT_FALSE(past);
    EXPECT_EQ(past.error().code, ErrorCode::invalid);
}

TEST(Sockets, a_port_that_is_to_be_alone_is_refused_while_somebody_has_it) {
    const auto any = *SocketAddress::parse("127.0.0.1:0");
    const auto first = listen_tcp_alone(any, 4);
    ASSERT_TRUE(first);
    const auto taken = *SocketAddress::local_of(first->get());
    const auto second = listen_tcp_alone(taken, 4);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().reason.find("another program has this port"), std::string::npos);
    const auto datagrams = bind_udp(any);
    ASSERT_TRUE(datagrams);
    const auto theirs = *SocketAddress::local_of(datagrams->get());
    EXPECT_FALSE(bind_udp(theirs));
    EXPECT_TRUE(connect_udp(theirs));
}

}  // namespace
}  // namespace moln::net
