#include "io/client/http_client.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "io/net/socket.h"

namespace moln::client {
namespace {

constexpr int k_patience_ms = 20'000;

class Waits final : public Patience {
public:
    explicit Waits(int ms = k_patience_ms) : ms_(ms) {}
    bool wait(int fd, short events) override {
        pollfd one{.fd = fd, .events = events, .revents = 0};
        return ::poll(&one, 1, ms_) > 0;
    }

private:
    int ms_;
};

// Serves one connection after another: `serve` has a connected, blocking socket.
class TestServer {
public:
    explicit TestServer(std::function<void(int fd, int number)> serve)
        : listener_(*net::listen_tcp(*net::SocketAddress::parse("127.0.0.1:0"), 8)),
          port_(net::SocketAddress::local_of(listener_.get())->port()),
          thread_([this, serve = std::move(serve)](const std::stop_token& stop) {
              for (int number = 1; !stop.stop_requested(); ++number) {
                  pollfd one{.fd = listener_.get(), .events = POLLIN, .revents = 0};
                  if (::poll(&one, 1, k_patience_ms) <= 0) return;
                  const Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
                  if (client.valid() && !stop.stop_requested()) serve(client.get(), number);
              }
          }) {}
    ~TestServer() {
        thread_.request_stop();
        const auto wake = net::connect_tcp(*net::SocketAddress::from("127.0.0.1", port_));
        thread_.join();
    }
    std::uint16_t port() const { return port_; }

private:
    Fd listener_;
    std::uint16_t port_;
    std::jthread thread_;
};

// One request, to the end of a body "x" bytes long as its Content-Length says; "" at the end.
std::string read_request(int fd) {
    std::string text;
    char c = 0;
    while (text.find("\r\n\r\n") == std::string::npos) {
        if (::recv(fd, &c, 1, 0) != 1) return "";
        text += c;
    }
    const auto at = text.find("Content-Length: ");
    std::size_t left = std::stoul(text.substr(at + 16));
    for (; left > 0; --left) {
        if (::recv(fd, &c, 1, 0) != 1) return "";
        text += c;
    }
    return text;
}

void say(int fd, std::string_view text) {
    EXPECT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
}

HttpClient client_of(std::uint16_t port, const std::string& host = "127.0.0.1") {
    return *HttpClient::create({.tls = false,
                                .host = host,
                                .port = port,
                                .authority = host + ":1",
                                .path = "/v1/x",
                                .fields = Secret("Authorization: s3cret\r\n"),
                                .ca_file = "",
                                .answer_max = 1000});
}

constexpr std::string_view k_ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST(HttpClient, posts_and_keeps_the_connection) {
    std::vector<std::string> seen;
    std::atomic<int> connections = 0;
    {
        TestServer server([&](int fd, int) {
            ++connections;
            for (auto one = read_request(fd); !one.empty(); one = read_request(fd)) {
                seen.push_back(one);
                say(fd, k_ok);
            }
        });
        auto client = client_of(server.port());
        Waits waits;
        for (const std::string body : {"first", "second"}) {
            const auto answer =
                client.post({.type = "text/x", .coding = "gzip", .body = body}, waits);
            ASSERT_TRUE(answer) << answer.error().reason;
            EXPECT_EQ(answer->status, 200);
            EXPECT_EQ(answer->body, "ok");
        }
    }
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0],
              "POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Type: text/x\r\n"
              "Content-Length: 5\r\nContent-Encoding: gzip\r\nAuthorization: s3cret\r\n\r\nfirst");
    EXPECT_TRUE(seen[1].ends_with("second"));
    EXPECT_EQ(connections, 1);
}

TEST(HttpClient, a_kept_connection_that_has_died_is_made_anew) {
    std::atomic<int> connections = 0;
    TestServer server([&](int fd, int) {
        ++connections;
        if (!read_request(fd).empty()) say(fd, k_ok);
    });
    auto client = client_of(server.port());
    Waits waits;
    for (int i = 0; i < 3; ++i) {
        const auto answer = client.post({.type = "a/b", .body = "x"}, waits);
        ASSERT_TRUE(answer) << answer.error().reason;
    }
    EXPECT_EQ(connections, 3);
}

TEST(HttpClient, names_are_resolved) {
    TestServer server([&](int fd, int) {
        if (!read_request(fd).empty()) say(fd, k_ok);
    });
    auto client = client_of(server.port(), "localhost");
    Waits waits;
    const auto answer = client.post({.type = "a/b", .body = "x"}, waits);
    ASSERT_TRUE(answer) << answer.error().reason;
    const std::string too_long = std::string(64, 'a') + ".test";  // asked of nobody
    auto nowhere = client_of(server.port(), too_long);
    const auto none = nowhere.post({.type = "a/b", .body = "x"}, waits);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::unavailable);
    EXPECT_NE(none.error().reason.find(too_long), std::string::npos);
}

TEST(HttpClient, nobody_there_is_unavailable) {
    std::uint16_t port = 0;
    {
        const auto listener = net::listen_tcp(*net::SocketAddress::parse("127.0.0.1:0"), 1);
        port = net::SocketAddress::local_of(listener->get())->port();
    }
    auto client = client_of(port);
    Waits waits;
    const auto answer = client.post({.type = "a/b", .body = "x"}, waits);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::unavailable);
}

TEST(HttpClient, silence_is_a_timeout_and_an_answer_broken_off_is_none) {
    std::atomic<bool> quiet = true;
    TestServer server([&](int fd, int) {
        if (read_request(fd).empty()) return;
        if (quiet) {
            char c = 0;
            EXPECT_EQ(::recv(fd, &c, 1, 0), 0);  // until the client gives up
        } else {
            say(fd, k_ok.substr(0, k_ok.size() - 1));
        }
    });
    auto client = client_of(server.port());
    Waits brief(50);
    const auto none = client.post({.type = "a/b", .body = "x"}, brief);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::timeout);
    quiet = false;
    Waits waits;
    const auto cut = client.post({.type = "a/b", .body = "x"}, waits);
    ASSERT_FALSE(cut);
    EXPECT_NE(cut.error().reason.find("ended too early"), std::string::npos);
}

TEST(HttpClient, a_file_without_authorities_is_refused) {
    const auto made = HttpClient::create({.tls = true,
                                          .host = "a",
                                          .port = 1,
                                          .authority = "a",
                                          .path = "/",
                                          .fields = {},
                                          .ca_file = "/dev/null",
                                          .answer_max = 1000});
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().reason.find("/dev/null"), std::string::npos);
}

}  // namespace
}  // namespace moln::client
