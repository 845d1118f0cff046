// The least that a proxy does for a request, by two ways to the kernel: what the edge could gain by
// another event loop, before anything else is spent. Not part of Moln.
//
//   loop_server epoll|io_uring answer BYTES    every read is answered with so many
//   loop_server epoll|io_uring relay PORT      what is read goes on to PORT, and back
//
// One thread; prints the port that it listens on, runs until killed. epoll is edge-triggered, with
// recv(2) and send(2), as in the edge. io_uring has multishot accepts and receives into a ring of
// buffers, sends that are submitted together with the next wait, and runs its work only when it is
// waited for.
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr unsigned k_buffers = 1024;  // a power of two
constexpr unsigned k_buffer_bytes = 8192;

std::string g_answer;
int g_upstream = 0;  // port; 0: answer

void require(bool good, const char* what) {
    if (good) return;
    std::perror(what);
    std::exit(1);
}

int make_socket() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(fd >= 0, "socket");
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int connect_upstream() {
    const int fd = make_socket();
    const auto address = loopback(g_upstream);
    require(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
            "connect");
    return fd;
}

int listen_anywhere() {
    const int fd = make_socket();
    auto address = loopback(0);
    socklen_t size = sizeof address;
    require(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0, "bind");
    require(::listen(fd, 1024) == 0, "listen");
    require(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    return fd;
}

// One of a pair that is relayed, or a client that is answered (then `other` is itself).
struct End {
    int fd = -1;
    End* other = nullptr;
};

End* make_ends(int client) {
    auto* end = new End{.fd = client};
    end->other = end;
    if (g_upstream == 0) return end;
    end->other = new End{.fd = connect_upstream(), .other = end};
    return end;
}

void close_ends(End* end) {
    End* other = end->other;
    ::close(end->fd);
    if (other != end) {
        ::close(other->fd);
        delete other;
    }
    delete end;
}

// What is sent for what was read, and to whom: all at once, or it is counted as an error.
std::string_view reply_to(std::string_view read) {
    return g_upstream == 0 ? std::string_view(g_answer) : read;
}

void run_epoll(int listener) {
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    const auto watch = [&](int fd, void* what, std::uint32_t events) {
        epoll_event event{.events = events, .data = {.ptr = what}};
        require(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
    };
    watch(listener, nullptr, EPOLLIN);
    std::array<epoll_event, 256> events;
    std::array<char, k_buffer_bytes> buffer;
    for (;;) {
        const int count = ::epoll_wait(epoll, events.data(), events.size(), -1);
        for (int i = 0; i < count; ++i) {
            auto* end = static_cast<End*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (end == nullptr) {
                End* client = make_ends(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
                watch(client->fd, client, EPOLLIN | EPOLLET);
                if (client->other != client) {
                    watch(client->other->fd, client->other, EPOLLIN | EPOLLET);
                }
                continue;
            }
            const auto got = ::recv(end->fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0) {
                close_ends(end);
                break;  // the rest may be of its other end: they are level by the next read
            }
            const auto out = reply_to({buffer.data(), static_cast<std::size_t>(got)});
            const auto put = ::send(end->other->fd, out.data(), out.size(), MSG_NOSIGNAL);
            require(put == static_cast<ssize_t>(out.size()) || errno == EPIPE, "send");
        }
    }
}

class Ring {
public:
    explicit Ring(int listener) : listener_(listener), memory_(k_buffers * k_buffer_bytes) {
        io_uring_params params{};
        params.flags =
            IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
        params.cq_entries = 8192;
        const int made = io_uring_queue_init_params(2048, &ring_, &params);
        errno = -made;
        require(made == 0, "io_uring_setup");
        const std::size_t bytes = k_buffers * sizeof(io_uring_buf);
        require(::posix_memalign(reinterpret_cast<void**>(&buffers_), 4096, bytes) == 0, "memory");
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uint64_t>(buffers_);
        registration.ring_entries = k_buffers;
        errno = -io_uring_register_buf_ring(&ring_, &registration, 0);
        require(errno == 0, "io_uring_register_buf_ring");
        io_uring_buf_ring_init(buffers_);
        for (unsigned i = 0; i < k_buffers; ++i) give_back(i);
    }

    void run() {
        accept();
        for (;;) {
            io_uring_submit_and_wait(&ring_, 1);
            unsigned head = 0;
            unsigned count = 0;
            io_uring_cqe* done = nullptr;
            io_uring_for_each_cqe(&ring_, head, done) {
                take(*done);
                ++count;
            }
            io_uring_cq_advance(&ring_, count);
        }
    }

private:
    // Of user_data: a pointer, with what was asked for in its lowest bits.
    enum Asked : std::uint64_t { k_receive = 0, k_accept = 1, k_send = 2 };

    io_uring_sqe* ask() {
        io_uring_sqe* entry = io_uring_get_sqe(&ring_);
        if (entry != nullptr) return entry;
        io_uring_submit(&ring_);
        return io_uring_get_sqe(&ring_);
    }
    void accept() {
        io_uring_sqe* entry = ask();
        io_uring_prep_multishot_accept(entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
        entry->user_data = k_accept;
    }
    void receive(End* end) {
        io_uring_sqe* entry = ask();
        io_uring_prep_recv_multishot(entry, end->fd, nullptr, 0, 0);
        entry->flags |= IOSQE_BUFFER_SELECT;
        entry->buf_group = 0;
        entry->user_data = reinterpret_cast<std::uint64_t>(end);
    }
    void give_back(unsigned number) {
        io_uring_buf_ring_add(buffers_, &memory_[std::size_t{number} * k_buffer_bytes],
                              k_buffer_bytes, static_cast<std::uint16_t>(number),
                              io_uring_buf_ring_mask(k_buffers), 0);
        io_uring_buf_ring_advance(buffers_, 1);
    }
    void take(const io_uring_cqe& done) {
        const std::uint64_t asked = done.user_data & 3;
        if (asked == k_accept) {
            require(done.res >= 0, "accept");
            End* client = make_ends(done.res);
            receive(client);
            if (client->other != client) receive(client->other);
            return;
        }
        if (asked == k_send) {
            const auto number = static_cast<unsigned>(done.user_data >> 2);
            if (number < k_buffers) give_back(number);
            return;
        }
        auto* end = reinterpret_cast<End*>(done.user_data);
        if (done.res <= 0) {
            // Another may still be under way for the other end: a benchmark's end, so be it.
            ::shutdown(end->other->fd, SHUT_RDWR);
            return;
        }
        const unsigned number = done.flags >> IORING_CQE_BUFFER_SHIFT;
        const auto out = reply_to(
            {&memory_[std::size_t{number} * k_buffer_bytes], static_cast<std::size_t>(done.res)});
        io_uring_sqe* entry = ask();
        io_uring_prep_send(entry, end->other->fd, out.data(), out.size(),
                           MSG_NOSIGNAL | MSG_WAITALL);
        const bool own = out.data() != g_answer.data();
        entry->user_data = (std::uint64_t{own ? number : k_buffers} << 2) | k_send;
        if (!own) {
            entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
            give_back(number);
        }
        if ((done.flags & IORING_CQE_F_MORE) == 0) receive(end);
    }

    int listener_;
    io_uring ring_{};
    io_uring_buf_ring* buffers_ = nullptr;
    std::vector<char> memory_;
};

}  // namespace

int main(int count, char** words) {
    if (count < 4) return 2;
    const int number = std::atoi(words[3]);
    if (std::string_view(words[2]) == "relay") {
        g_upstream = number;
    } else {
        g_answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
                   std::to_string(number) + "\r\n\r\n" +
                   std::string(static_cast<std::size_t>(number), 'x');
    }
    const int listener = listen_anywhere();
    if (std::string_view(words[1]) == "epoll") run_epoll(listener);
    Ring(listener).run();
}
