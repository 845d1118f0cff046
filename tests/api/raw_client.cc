#include "tests/api/raw_client.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace moln {
namespace {

constexpr int k_silence_ms_max = 10'000;

}  // namespace

json::value RawAnswer::json() const {
    boost::system::error_code error;
    return json::parse(body, error);
}

std::vector<json::value> RawAnswer::lines() const {
    std::vector<json::value> all;
    std::size_t begin = 0;
    for (auto end = body.find('\n'); end != std::string::npos; end = body.find('\n', begin)) {
        boost::system::error_code error;
        all.push_back(json::parse(std::string_view(body).substr(begin, end - begin), error));
        begin = end + 1;
    }
    return all;
}

std::string RawAnswer::error_code() const {
    const auto value = json();
    if (!value.is_object() || !value.as_object().contains("error")) return "";
    return std::string(value.at("error").at("code").as_string());
}

std::string RawAnswer::reason() const {
    const auto value = json();
    if (!value.is_object() || !value.as_object().contains("error")) return "";
    return std::string(value.at("error").at("reason").as_string());
}

RawClient::RawClient(const std::string& unix_path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, unix_path.data(), unix_path.size());
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto* generic = static_cast<const sockaddr*>(static_cast<const void*>(&address));
    if (::connect(fd_, generic, sizeof(address)) != 0) close();
}

RawClient::RawClient(const std::string& host, std::uint16_t port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto* generic = static_cast<const sockaddr*>(static_cast<const void*>(&address));
    if (::connect(fd_, generic, sizeof(address)) != 0) close();
}

RawClient::~RawClient() {
    close();
}

void RawClient::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

bool RawClient::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

std::string RawClient::read_some() {
    pollfd one{fd_, POLLIN, 0};
    if (::poll(&one, 1, k_silence_ms_max) <= 0) return "";
    std::array<char, 64 * 1024> buffer;
    const auto count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    return count <= 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(count));
}

std::string RawClient::read_until(std::string_view text) {
    while (buffer_.find(text) == std::string::npos) {
        const auto more = read_some();
        if (more.empty()) break;
        buffer_ += more;
    }
    return buffer_;
}

RawAnswer RawClient::read_answer() {
    RawAnswer answer;
    read_until("\r\n\r\n");
    const auto head_end = buffer_.find("\r\n\r\n");
    if (head_end == std::string::npos) return answer;
    std::string_view head = std::string_view(buffer_).substr(0, head_end);
    answer.status = std::atoi(std::string(head.substr(9, 3)).c_str());
    for (auto at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n")) {
        head.remove_prefix(at + 2);
        const auto line = head.substr(0, head.find("\r\n"));
        std::string name(line.substr(0, line.find(':')));
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
        answer.headers[name] = std::string(line.substr(line.find(':') + 2));
    }
    buffer_.erase(0, head_end + 4);
    const auto need = [&](std::size_t size) {
        while (buffer_.size() < size) {
            const auto more = read_some();
            if (more.empty()) return false;
            buffer_ += more;
        }
        return true;
    };
    if (answer.headers.contains("content-length")) {
        const auto size = static_cast<std::size_t>(std::stoul(answer.headers["content-length"]));
        answer.whole = need(size);
        answer.body = buffer_.substr(0, size);
        buffer_.erase(0, size);
        return answer;
    }
    while (answer.headers.contains("transfer-encoding")) {
        read_until("\r\n");
        const auto end = buffer_.find("\r\n");
        if (end == std::string::npos) return answer;
        const auto size = std::stoul(buffer_.substr(0, end), nullptr, 16);
        buffer_.erase(0, end + 2);
        if (!need(size + 2)) return answer;
        answer.body += buffer_.substr(0, size);
        buffer_.erase(0, size + 2);
        if (size == 0) {
            answer.whole = true;
            return answer;
        }
    }
    return answer;
}

void RawClient::shrink_receive_buffer() {
    const int size = 4096;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

RawAnswer RawClient::call(const std::string& method, const std::string& target,
                          const std::string& body,
                          const std::map<std::string, std::string>& headers) {
    auto text = fmt::format("{} {} HTTP/1.1\r\nHost: moln\r\n", method, target);
    for (const auto& [name, value] : headers) text += fmt::format("{}: {}\r\n", name, value);
    if (!body.empty() || method != "GET")
        text += fmt::format("Content-Length: {}\r\n", body.size());
    send(text + "\r\n" + body);
    return read_answer();
}

}  // namespace moln
