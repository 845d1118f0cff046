// The app of the switch and start benchmarks: answers every request with the word it was started
// with and echoes WebSocket frames below 126 bytes. Listens on $PORT and ends at once on SIGTERM:
// what was not drained before the signal is cut. Not part of Moln.
//   small_app WORD
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

bool send_all(int fd, const std::string& text) {
    for (std::size_t sent = 0; sent < text.size();) {
        const auto put = send(fd, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (put <= 0) return false;
        sent += static_cast<std::size_t>(put);
    }
    return true;
}

bool receive(int fd, std::string& into) {
    char part[4096];
    const auto got = recv(fd, part, sizeof part, 0);
    if (got <= 0) return false;
    into.append(part, static_cast<std::size_t>(got));
    return true;
}

std::string accept_key(const std::string& head) {
    const std::string name = "Sec-WebSocket-Key: ";
    const auto from = head.find(name) + name.size();
    const auto key =
        head.substr(from, head.find('\r', from) - from) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[SHA_DIGEST_LENGTH];
    SHA1(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest);
    unsigned char text[64];
    EVP_EncodeBlock(text, digest, sizeof digest);
    return reinterpret_cast<const char*>(text);
}

// Frames of RFC 6455 from a client: masked, unfragmented, short.
void echo(int fd, std::string in) {
    for (;;) {
        while (in.size() < 6 || in.size() < 6 + (static_cast<unsigned char>(in[1]) & 0x7Fu)) {
            if (!receive(fd, in)) return;
        }
        const std::size_t size = static_cast<unsigned char>(in[1]) & 0x7Fu;
        std::string out{in[0], static_cast<char>(size)};
        for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(in[6 + i] ^ in[2 + i % 4]);
        if (!send_all(fd, out)) return;
        if ((in[0] & 0x0F) == 8) return;  // close, answered
        in.erase(0, 6 + size);
    }
}

void serve(int fd, const std::string& answer) {
    for (std::string in; receive(fd, in);) {
        for (auto end = in.find("\r\n\r\n"); end != std::string::npos; end = in.find("\r\n\r\n")) {
            const auto head = in.substr(0, end + 4);
            in.erase(0, end + 4);
            if (head.starts_with("GET /socket ")) {
                send_all(fd,
                         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\nSec-WebSocket-Accept: " +
                             accept_key(head) + "\r\n\r\n");
                echo(fd, std::move(in));
                close(fd);
                return;
            }
            if (!send_all(fd, answer)) break;
        }
    }
    close(fd);
}

}  // namespace

int main(int count, char** words) {
    const char* port = std::getenv("PORT");
    if (count < 2 || port == nullptr) return 2;
    std::signal(SIGTERM, [](int) { _exit(0); });
    const std::string body = words[1];
    const auto answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n" + body;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
    if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 1;
    if (listen(listener, 1024) != 0) return 1;
    for (;;) {
        const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        std::thread(serve, fd, answer).detach();
    }
}
