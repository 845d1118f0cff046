#include "io/api/server.h"

#include <cerrno>
#include <charconv>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/api/session.h"
#include "io/api/token.h"

namespace moln::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::local::stream_protocol;

constexpr int k_backlog = 128;

// Only root and the daemon's own user may speak to the unix socket, whatever its permissions say.
bool peer_allowed(int fd) {
    ucred peer = {};
    socklen_t size = sizeof(peer);
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    return peer.uid == 0 || peer.uid == ::geteuid();
}

Result<tcp::endpoint> loopback_endpoint(const std::string& text) {
    const auto bad = [&](std::string_view why) {
        return fail(ErrorCode::invalid, fmt::format("API address {}: {}", text, why));
    };
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) return bad("expected ADDRESS:PORT, as 127.0.0.1:7000");
    auto host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    std::uint16_t port = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
    if (parsed.ec != std::errc() || parsed.ptr != end) return bad("expected a port of 0 to 65535");
    boost::system::error_code error;
    const auto address = asio::ip::make_address(host, error);
    if (error) return bad("expected a literal IPv4 or IPv6 address");
    if (!address.is_loopback()) {
        return bad(
            "is not a loopback address; without TLS the API would show its token to the network. "
            "Use 127.0.0.1 or [::1], or forward the unix socket over ssh");
    }
    return tcp::endpoint(address, port);
}

class AsioApiServer final : public ApiServer {
public:
    AsioApiServer(asio::io_context& io, std::shared_ptr<SessionContext> context)
        : io_(io), context_(std::move(context)), unix_(io), tcp_(io) {}

    ~AsioApiServer() override {
        context_->service = nullptr;
        boost::system::error_code ignored;
        unix_.close(ignored);
        tcp_.close(ignored);
        if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
        for (const auto& weak : sessions_) {
            if (const auto session = weak.lock()) session->cut();
        }
    }
    AsioApiServer(const AsioApiServer&) = delete;
    AsioApiServer& operator=(const AsioApiServer&) = delete;

    Status listen_unix(const std::string& path);
    Status listen_tcp(const std::string& text);

    std::string tcp_address() const override {
        if (!tcp_.is_open()) return "";
        boost::system::error_code ignored;
        const auto bound = tcp_.local_endpoint(ignored);
        const auto host = bound.address().to_string(ignored);
        return bound.address().is_v6() ? fmt::format("[{}]:{}", host, bound.port())
                                       : fmt::format("{}:{}", host, bound.port());
    }

    std::size_t connections() const override {
        std::size_t count = 0;
        for (const auto& weak : sessions_) count += weak.expired() ? 0 : 1;
        return count;
    }

private:
    template <typename Acceptor>
    void accept_on(Acceptor& acceptor, bool needs_token) {
        acceptor.async_accept([this, &acceptor, needs_token, context = context_](
                                  boost::system::error_code error, auto socket) {
            if (context->service == nullptr) return;  // the server has gone
            if (error == asio::error::operation_aborted) return;
            if (!error && (needs_token || peer_allowed(socket.native_handle()))) {
                admit(StreamSocket(std::move(socket)), needs_token);
            }
            accept_on(acceptor, needs_token);
        });
    }

    void admit(StreamSocket socket, bool needs_token) {
        std::erase_if(sessions_, [](const auto& weak) { return weak.expired(); });
        const bool crowded = sessions_.size() >= context_->limits.connections_max;
        const auto session = std::make_shared<Session>(std::move(socket), context_, needs_token);
        if (crowded) return session->refuse_crowded();
        sessions_.push_back(session);
        session->start();
    }

    asio::io_context& io_;
    std::shared_ptr<SessionContext> context_;
    stream_protocol::acceptor unix_;
    tcp::acceptor tcp_;
    std::string unix_path_;
    std::vector<std::weak_ptr<Session>> sessions_;
};

Status AsioApiServer::listen_unix(const std::string& path) {
    const auto what = fmt::format("API socket {}", path);
    if (path.size() >= sizeof(sockaddr_un{}.sun_path)) {
        return fail(ErrorCode::invalid,
                    fmt::format("{}: the path is longer than the {} bytes that the kernel takes; "
                                "use a shorter data directory",
                                what, sizeof(sockaddr_un{}.sun_path) - 1));
    }
    struct stat info = {};
    if (::lstat(path.c_str(), &info) == 0) {
        if (!S_ISSOCK(info.st_mode)) {
            return fail(ErrorCode::exists, what + ": something that is no socket is in its place");
        }
        ::unlink(path.c_str());
    }
    boost::system::error_code error;
    unix_.open(stream_protocol(), error);
    if (!error) unix_.bind(stream_protocol::endpoint(path), error);
    if (error) return fail(error_from_errno(error.value(), what));
    // Nobody can connect before listen(): there is no moment of wider permissions.
    unix_path_ = path;
    if (::chmod(path.c_str(), 0600) != 0) return fail(error_from_errno(errno, what));
    unix_.listen(k_backlog, error);
    if (error) return fail(error_from_errno(error.value(), what));
    accept_on(unix_, false);
    return {};
}

Status AsioApiServer::listen_tcp(const std::string& text) {
    MOLN_ASSIGN(const auto endpoint, loopback_endpoint(text));
    const auto what = fmt::format("API address {}", text);
    boost::system::error_code error;
    tcp_.open(endpoint.protocol(), error);
    if (!error) tcp_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) tcp_.bind(endpoint, error);
    if (!error) tcp_.listen(k_backlog, error);
    if (error) return fail(error_from_errno(error.value(), what));
    accept_on(tcp_, true);
    return {};
}

}  // namespace

Result<std::unique_ptr<ApiServer>> start_api_server(asio::io_context& io, Loop& loop,
                                                    ApiService& service,
                                                    const ApiServerOptions& options) {
    auto context = std::make_shared<SessionContext>();
    context->loop = &loop;
    context->service = &service;
    context->limits = options.limits;
    if (!options.tcp_listen.empty()) {
        MOLN_TRY(loopback_endpoint(options.tcp_listen));
        MOLN_ASSIGN(context->token, read_token(options.token_file));
    }
    auto server = std::make_unique<AsioApiServer>(io, context);
    if (!options.unix_socket.empty()) MOLN_TRY(server->listen_unix(options.unix_socket));
    if (!options.tcp_listen.empty()) MOLN_TRY(server->listen_tcp(options.tcp_listen));
    return server;
}

}  // namespace moln::io
