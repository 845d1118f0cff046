#include "io/client/http_client.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <netdb.h>

namespace moln::client {
namespace {

constexpr std::size_t k_addresses_max = 8;  // of one name, tried one after another
constexpr std::size_t k_part_bytes = 16 * 1024;

Result<std::vector<net::SocketAddress>> resolve(const std::string& host, std::uint16_t port) {
    std::vector<net::SocketAddress> found;
    if (auto literal = net::SocketAddress::from(host, port)) {
        found.push_back(*literal);
        return found;
    }
    addrinfo wish{};
    wish.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int error = ::getaddrinfo(host.c_str(), nullptr, &wish, &list);
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, [](addrinfo* one) {
        if (one != nullptr) ::freeaddrinfo(one);
    });
    if (error != 0) {
        return fail(ErrorCode::unavailable, fmt::format("{}: {}", host, ::gai_strerror(error)));
    }
    for (const auto* one = list; one != nullptr && found.size() < k_addresses_max;
         one = one->ai_next) {
        sockaddr_storage storage{};
        std::copy_n(reinterpret_cast<const char*>(one->ai_addr), one->ai_addrlen,
                    reinterpret_cast<char*>(&storage));
        found.push_back(net::SocketAddress::from_sockaddr(storage, one->ai_addrlen));
        found.back().set_port(port);
    }
    return found;
}

}  // namespace

Result<HttpClient> HttpClient::create(Server server) {
    openssl::Context tls;
    if (server.tls) {
        MOLN_ASSIGN(tls, trust(server.ca_file));
    }
    return HttpClient(std::move(server), std::move(tls));
}

// To the first of its addresses that takes it.
Status HttpClient::connect(Patience& patience) {
    MOLN_ASSIGN(const auto addresses, resolve(server_.host, server_.port));
    Error last{ErrorCode::unavailable, server_.host + ": no address"};
    for (const auto& address : addresses) {
        auto made = Transport::open(address, tls_.get(), server_.host, patience);
        if (made) {
            transport_.emplace(std::move(*made));
            return {};
        }
        last = made.error();
        if (last.code == ErrorCode::timeout) break;
    }
    return fail(last);
}

Secret HttpClient::head_of(const Content& content) const {
    std::string head =
        fmt::format("POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n",
                    server_.path, server_.authority, content.type, content.body.size());
    if (!content.coding.empty()) head += fmt::format("Content-Encoding: {}\r\n", content.coding);
    head.reserve(head.size() + server_.fields.reveal().size() + 2);  // no copy is left behind
    head += server_.fields.reveal();
    head += "\r\n";
    return Secret(std::move(head));
}

Result<Answer> HttpClient::post(const Content& content, Patience& patience) {
    const auto head = head_of(content);
    if (transport_) {
        heard_ = false;
        auto answer = ask(head, content.body, patience);
        // The server may have closed the kept connection meanwhile, as it may at any time.
        const bool stale = !answer && !heard_ && answer.error().code == ErrorCode::unavailable;
        if (!stale) return answer;
    }
    MOLN_TRY(connect(patience));
    return ask(head, content.body, patience);
}

Result<Answer> HttpClient::ask(const Secret& head, std::string_view body, Patience& patience) {
    // Until the answer says that it may be kept.
    Transport transport = std::move(*std::exchange(transport_, std::nullopt));
    MOLN_TRY(transport.send(head.reveal(), patience));
    MOLN_TRY(transport.send(body, patience));
    AnswerReader reader(server_.answer_max);
    std::array<char, k_part_bytes> part;
    auto step = AnswerReader::Step::more;
    while (step == AnswerReader::Step::more) {
        MOLN_ASSIGN(const auto got, transport.receive(part, patience));
        heard_ = heard_ || got != 0;
        step = got == 0 ? reader.end() : reader.take({part.data(), got});
    }
    if (step == AnswerReader::Step::broken) {
        return fail(ErrorCode::unavailable,
                    fmt::format("the answer of {} {}", server_.authority, reader.reason()));
    }
    if (reader.keeps()) transport_.emplace(std::move(transport));
    return std::move(reader.answer());
}

}  // namespace moln::client
