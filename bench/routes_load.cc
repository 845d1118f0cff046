// The two sides of the many routes' benchmark that must not slow what they measure; routes.py
// starts them. Not part of Moln.
//   routes_load ask PORT ROUTES CONNECTIONS RATE SECONDS SEED
//       so many requests a second over connections that stay, one at a time on each, for random
//       hosts; writes every latency to stdout, as 32-bit nanoseconds in the order of sending.
//   routes_load push CONTROL WHOLE LINES VERSION
//       sends the file WHOLE to the edge, then obeys the lines of stdin, each answered with one:
//         acked           waits until the edge acknowledges the last version that was sent
//         push RATE S     for S seconds so many lines of the file LINES a second, from where it was
//                         left and around; each has the version k_version in it and its base, which
//                         are replaced by the next after VERSION
//
// A latency is counted from when its request was due if the answer before was late, so that slow
// answers do not hide the requests that they keep from being sent; else from when it was sent:
// that this program itself was late is not the edge's. Due times are drawn at random within even
// steps, so that they fall into no step with the pushes.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

namespace {

using Nanoseconds = std::int64_t;

constexpr Nanoseconds k_second = 1'000'000'000;
constexpr std::string_view k_version = "11111111";  // as routes.py writes it
constexpr std::string_view k_base = "22222222";

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "routes_load: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

Nanoseconds now() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * k_second + time.tv_nsec;
}

template <typename T>
T number(std::string_view text) {
    T value{};
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end.ec != std::errc()) fail("no number: " + std::string(text));
    return value;
}

std::string content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) fail(path);
    std::ostringstream all;
    all << file.rdbuf();
    return std::move(all).str();
}

// Waits for any of the sockets, at most until `until`.
void wait(std::vector<pollfd>& sockets, Nanoseconds until) {
    const auto left = std::max<Nanoseconds>(until - now(), 0);
    const timespec timeout{.tv_sec = left / k_second, .tv_nsec = left % k_second};
    if (ppoll(sockets.data(), sockets.size(), &timeout, nullptr) < 0 && errno != EINTR) {
        fail("ppoll");
    }
}

// ---- ask ----------------------------------------------------------------------------------------

struct Connection {
    int fd = -1;
    Nanoseconds step = 0;  // when the step of its next request begins
    Nanoseconds due = 0;   // when that is sent
    Nanoseconds free = 0;  // when the answer before was there
    Nanoseconds begun = 0;
    std::size_t slot = 0;  // of the request that is open, in the results
    bool open = false;
    std::size_t got = 0;
    std::size_t whole = 0;  // bytes of the answer; 0: not known yet
};

class Asker {
public:
    Asker(std::uint16_t port, std::size_t routes, std::size_t connections, double rate,
          std::uint64_t seed)
        : dice_(seed),
          routes_(routes),
          step_(static_cast<Nanoseconds>(static_cast<double>(k_second * connections) / rate)),
          connections_(connections),
          sockets_(connections) {
        for (std::size_t i = 0; i < connections; ++i) connect(i, port);
    }

    // Of every request in the order of sending.
    const std::vector<std::uint32_t>& run(double seconds) {
        const Nanoseconds begun = now();
        const auto end = begun + static_cast<Nanoseconds>(seconds * static_cast<double>(k_second));
        took_.reserve(static_cast<std::size_t>((end - begun) / step_ + 2) * connections_.size());
        for (std::size_t i = 0; i < connections_.size(); ++i) {
            const auto share =
                step_ * static_cast<Nanoseconds>(i) / static_cast<Nanoseconds>(connections_.size());
            connections_[i].step = begun + share - step_;
            plan_next(connections_[i]);
        }
        while (turn(end)) {
        }
        return took_;
    }

private:
    void connect(std::size_t i, std::uint16_t port) {
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            fail("connect");
        }
        const int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connections_[i].fd = fd;
        sockets_[i] = {.fd = fd, .events = POLLIN, .revents = 0};
    }

    void plan_next(Connection& connection) {
        connection.step += step_;
        connection.due =
            connection.step + std::uniform_int_distribution<Nanoseconds>(0, step_ - 1)(dice_);
    }

    // Sends what is due and takes what has come. False: it is over.
    bool turn(Nanoseconds end) {
        // While all wait for their answers there is nothing to be in time for. Never spin: who goes
        // before all others would keep the kernel from bringing what it waits for.
        Nanoseconds first = now() + k_second;
        bool any = false;
        for (Connection& connection : connections_) {
            if (connection.open) {
                any = true;
            } else if (connection.due < end) {
                any = true;
                if (connection.due <= now()) {
                    send_one(connection);
                } else {
                    first = std::min(first, connection.due);
                }
            }
        }
        if (!any) return false;
        wait(sockets_, first);
        for (std::size_t i = 0; i < sockets_.size(); ++i) {
            if (sockets_[i].revents != 0) receive(connections_[i]);
        }
        return true;
    }

    void send_one(Connection& connection) {
        char text[128];
        const int size =
            std::snprintf(text, sizeof text, "GET /1k HTTP/1.1\r\nHost: host-%06zu.example\r\n\r\n",
                          static_cast<std::size_t>(dice_() % routes_));
        connection.open = true;
        connection.got = connection.whole = 0;
        connection.slot = took_.size();
        took_.push_back(0);
        const bool waited = connection.free > connection.due;
        connection.begun = waited ? connection.due : now();
        if (send(connection.fd, text, static_cast<std::size_t>(size), MSG_NOSIGNAL) != size) {
            fail("send");
        }
        plan_next(connection);
    }

    void receive(Connection& connection) {
        static char part[65536];
        const auto got = recv(connection.fd, part, sizeof part, MSG_DONTWAIT);
        const Nanoseconds at = now();
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0 || !connection.open) fail("the edge closed a connection");
        const std::string_view text(part, static_cast<std::size_t>(got));
        if (connection.whole == 0) {
            // A head of some hundred bytes comes in one piece.
            const auto head = text.find("\r\n\r\n");
            if (!text.starts_with("HTTP/1.1 200") || head == std::string_view::npos) {
                fail("not the answer: " + std::string(text.substr(0, 60)));
            }
            connection.whole = head + 4 + 1024;
        }
        connection.got += text.size();
        if (connection.got < connection.whole) return;
        connection.open = false;
        connection.free = at;
        took_[connection.slot] =
            static_cast<std::uint32_t>(std::min<Nanoseconds>(at - connection.begun, UINT32_MAX));
    }

    std::mt19937_64 dice_;
    std::size_t routes_;
    Nanoseconds step_;
    std::vector<Connection> connections_;
    std::vector<pollfd> sockets_;
    std::vector<std::uint32_t> took_;
};

int ask(char** words) {
    Asker asker(number<std::uint16_t>(words[0]), number<std::size_t>(words[1]),
                number<std::size_t>(words[2]), number<double>(words[3]),
                number<std::uint64_t>(words[5]));
    const auto& took = asker.run(number<double>(words[4]));
    std::fwrite(took.data(), sizeof took[0], took.size(), stdout);
    return 0;
}

// ---- push ---------------------------------------------------------------------------------------

class Pusher {
public:
    Pusher(const char* control, std::int64_t version) : version_(version) {
        fd_ = socket(AF_UNIX, SOCK_STREAM, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, control, sizeof address.sun_path - 1);
        if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            fail(control);
        }
        fcntl(fd_, F_SETFL, O_NONBLOCK);
        put("{\"get\":\"changes\"}\n");  // as the daemon does
    }

    // What the edge says meanwhile is read: it hangs up on who does not.
    void put(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
            if (sent < 0 && errno != EAGAIN) fail("the edge's control socket");
            if (sent < 0) listen(POLLIN | POLLOUT, now() + k_second);
        }
    }

    void load(const std::string& path) {
        std::istringstream all(content(path));
        for (std::string line; std::getline(all, line);) {
            const Line one{
                .text = line + '\n', .version = line.find(k_version), .base = line.find(k_base)};
            if (one.version == std::string::npos || one.base == std::string::npos) fail(path);
            lines_.push_back(one);
        }
    }

    // How many lines were sent, and by how much the latest was late, in microseconds.
    std::string push(double rate, double seconds) {
        const Nanoseconds begun = now();
        const auto count = static_cast<std::int64_t>(rate * seconds);
        Nanoseconds late = 0;
        for (std::int64_t i = 0; i < count; ++i) {
            const auto due = begun + static_cast<Nanoseconds>(static_cast<double>(i) *
                                                              static_cast<double>(k_second) / rate);
            while (now() < due) listen(POLLIN, due);
            late = std::max(late, now() - due);
            Line& line = lines_[next_++ % lines_.size()];
            write_number(line.text, line.base, version_);
            write_number(line.text, line.version, ++version_);
            put(line.text);
            read_some();  // also while it is late
        }
        return std::to_string(count) + ' ' + std::to_string(late / 1000);
    }

    // Milliseconds that it took.
    std::string wait_for_ack() {
        const Nanoseconds begun = now();
        while (acked_ < version_) listen(POLLIN, now() + k_second);
        return std::to_string((now() - begun) / 1'000'000);
    }

    void listen_until_a_word() {
        std::vector<pollfd> both = {{.fd = fd_, .events = POLLIN, .revents = 0},
                                    {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}};
        for (;;) {
            wait(both, now() + k_second);
            if (both[0].revents != 0) read_some();
            if (both[1].revents != 0) return;
        }
    }

private:
    struct Line {
        std::string text;
        std::size_t version;
        std::size_t base;
    };

    static void write_number(std::string& text, std::size_t at, std::int64_t value) {
        std::to_chars(text.data() + at, text.data() + at + k_version.size(), value);
    }

    void listen(int events, Nanoseconds until) {
        std::vector<pollfd> one = {
            {.fd = fd_, .events = static_cast<std::int16_t>(events), .revents = 0}};
        wait(one, until);
        if ((one[0].revents & ~POLLOUT) != 0) read_some();
    }

    // Of a report only the version is looked at, which stands near a line's beginning.
    void read_some() {
        static char part[1 << 18];
        const auto got = recv(fd_, part, sizeof part, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) fail("the edge hung up");
        std::string_view text(part, static_cast<std::size_t>(got));
        while (!text.empty()) {
            const auto end = text.find('\n');
            if (head_.size() < k_head) head_ += text.substr(0, std::min(end, k_head));
            if (end == std::string_view::npos) return;
            take_head();
            head_.clear();
            text.remove_prefix(end + 1);
        }
    }

    void take_head() {
        constexpr std::string_view k_name = "\"acked_version\":";
        if (head_.find("\"resync\"") != std::string::npos) fail("the edge has missed a line");
        const auto at = head_.find(k_name);
        if (at == std::string::npos) return;
        std::int64_t value = 0;
        std::from_chars(head_.data() + at + k_name.size(), head_.data() + head_.size(), value);
        acked_ = std::max(acked_, value);
    }

    static constexpr std::size_t k_head = 512;

    int fd_ = -1;
    std::int64_t version_;
    std::int64_t acked_ = 0;
    std::string head_;  // of the line that is coming
    std::vector<Line> lines_;
    std::size_t next_ = 0;
};

int push(char** words) {
    Pusher pusher(words[0], number<std::int64_t>(words[3]));
    pusher.load(words[2]);
    pusher.put(content(words[1]));
    for (;;) {
        // One word at a time comes, so that none waits in std::cin's buffer.
        pusher.listen_until_a_word();
        std::string verb;
        double rate = 0;
        double seconds = 0;
        if (!(std::cin >> verb)) return 0;
        if (verb == "acked") {
            std::cout << pusher.wait_for_ack() << std::endl;
        } else if (verb == "push" && std::cin >> rate >> seconds) {
            std::cout << pusher.push(rate, seconds) << std::endl;
        } else {
            fail("no verb " + verb);
        }
        std::cin.ignore();  // the line's end
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view role = argc > 1 ? argv[1] : "";
    // As exact a sleep as the kernel has; 50 us is usual.
    prctl(PR_SET_TIMERSLACK, 1);
    if (role == "ask" && argc == 8) return ask(argv + 2);
    if (role == "push" && argc == 6) return push(argv + 2);
    std::fprintf(stderr, "usage: see the beginning of routes_load.cc\n");
    return 2;
}
