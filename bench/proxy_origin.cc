// The origin of the proxy benchmark: answers every request, once it has read its body, with a fixed
// one: /64k… with 64 KiB, /1m… with 1 MiB, /10m… with 10 MiB, anything else with 1 KiB. Knows just
// enough HTTP for that; not part of Moln.
//   proxy_origin THREADS   prints the port it listens on, runs until killed
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

std::string answer_of(std::size_t bytes) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: origin\r\n"
           "Cache-Control: max-age=3600\r\nContent-Length: " +
           std::to_string(bytes) + "\r\n\r\n" + std::string(bytes, 'x');
}

const std::string k_small = answer_of(1024);
const std::string k_large = answer_of(64 * 1024);
const std::string k_huge = answer_of(1024 * 1024);
const std::string k_giant = answer_of(10 * 1024 * 1024);

const std::string& answer_to(std::string_view request) {
    if (request.find(" /10m") < 8) return k_giant;
    if (request.find(" /1m") < 8) return k_huge;
    return request.find(" /64k") < 8 ? k_large : k_small;
}

struct Connection {
    std::string in;  // a head, or what has come of it
    std::size_t body_left = 0;
    const std::string* answer = nullptr;  // once the body is here
    std::deque<const std::string*> out;
    std::size_t sent = 0;  // of the first
};

std::size_t body_of(std::string_view head) {
    std::size_t length = 0;
    for (const std::string_view name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
        const auto at = head.find(name);
        if (at == std::string_view::npos) continue;
        const char* digits = head.data() + at + name.size();
        std::from_chars(digits, head.data() + head.size(), length);
    }
    return length;
}

void take(Connection& connection, std::string_view bytes) {
    while (!bytes.empty()) {
        if (connection.answer == nullptr) {
            const auto known = connection.in.size();
            connection.in += bytes;
            const auto end = connection.in.find("\r\n\r\n", known < 3 ? 0 : known - 3);
            if (end == std::string::npos) return;
            bytes.remove_prefix(end + 4 - known);
            connection.in.resize(end + 4);
            connection.body_left = body_of(connection.in);
            connection.answer = &answer_to(connection.in);
            connection.in.clear();
        }
        const auto part = std::min(bytes.size(), connection.body_left);
        bytes.remove_prefix(part);
        connection.body_left -= part;
        if (connection.body_left == 0) {
            connection.out.push_back(std::exchange(connection.answer, nullptr));
        }
    }
}

// False when the connection is over.
bool serve(int fd, Connection& connection) {
    static thread_local char part[256 * 1024];
    for (;;) {
        const auto got = recv(fd, part, sizeof part, MSG_DONTWAIT);
        if (got == 0) return false;
        if (got < 0) break;
        take(connection, {part, static_cast<std::size_t>(got)});
    }
    while (!connection.out.empty()) {
        const std::string& first = *connection.out.front();
        const auto put = send(fd, first.data() + connection.sent, first.size() - connection.sent,
                              MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0) break;
        connection.sent += static_cast<std::size_t>(put);
        if (connection.sent < first.size()) continue;
        connection.sent = 0;
        connection.out.pop_front();
    }
    return true;
}

void run(int listener) {
    const int epoll = epoll_create1(0);
    epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    std::map<int, Connection> connections;
    std::vector<epoll_event> events(256);
    for (;;) {
        const int count = epoll_wait(epoll, events.data(), 256, -1);
        for (int i = 0; i < count; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == listener) {
                const int client = accept(listener, nullptr, nullptr);
                if (client < 0) continue;
                const int one = 1;
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                epoll_event added{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.fd = client}};
                epoll_ctl(epoll, EPOLL_CTL_ADD, client, &added);
            } else if (!serve(fd, connections[fd])) {
                connections.erase(fd);
                close(fd);
            }
        }
    }
}

int listen_on(std::uint16_t port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::exit(1);
    listen(fd, 8192);
    return fd;
}

}  // namespace

int main(int argc, char** argv) {
    const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
    const int first = listen_on(0);
    sockaddr_in bound{};
    socklen_t length = sizeof bound;
    getsockname(first, reinterpret_cast<sockaddr*>(&bound), &length);
    std::printf("%d\n", ntohs(bound.sin_port));
    std::fflush(stdout);
    std::vector<std::jthread> others;
    for (int i = 1; i < threads; ++i) {
        others.emplace_back(run, listen_on(ntohs(bound.sin_port)));
    }
    run(first);
}
