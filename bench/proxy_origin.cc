// The origin of the proxy benchmark: answers every request with a fixed body, /64k… with 64 KiB,
// /1m… with 1 MiB, anything else with 1 KiB. Knows just enough HTTP for that; not part of Moln.
//   proxy_origin THREADS   prints the port it listens on, runs until killed
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <thread>
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

const std::string& answer_to(std::string_view request) {
    if (request.starts_with("GET /1m")) return k_huge;
    return request.starts_with("GET /64k") ? k_large : k_small;
}

struct Connection {
    std::string in;
    std::string out;
};

// False when the connection is over.
bool serve(int fd, Connection& connection) {
    char part[16 * 1024];
    const auto got = recv(fd, part, sizeof part, MSG_DONTWAIT);
    if (got == 0) return false;
    if (got > 0) connection.in.append(part, static_cast<std::size_t>(got));
    for (;;) {
        const auto end = connection.in.find("\r\n\r\n");
        if (end == std::string::npos) break;
        connection.out += answer_to(connection.in);
        connection.in.erase(0, end + 4);
    }
    if (connection.out.empty()) return true;
    const auto put =
        send(fd, connection.out.data(), connection.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put > 0) connection.out.erase(0, static_cast<std::size_t>(put));
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
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
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
