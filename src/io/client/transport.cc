#include "io/client/transport.h"

#include <cerrno>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <poll.h>
#include <sys/socket.h>

#include "io/net/socket.h"
#include "io/tls/client.h"

namespace moln::client {
namespace {

std::unexpected<Error> too_late(std::string_view what) {
    return fail(ErrorCode::timeout, fmt::format("{}: no answer in time", what));
}

std::unexpected<Error> broken(std::string_view what, int number) {
    return fail(ErrorCode::unavailable, error_from_errno(number, what).reason);
}

// Why a handshake failed: what is wrong with the certificate says more than "verify failed".
std::string reason_of(SSL* tls) {
    const long verdict = SSL_get_verify_result(tls);
    if (verdict != X509_V_OK) return X509_verify_cert_error_string(verdict);
    return openssl::error("handshake").reason;
}

}  // namespace

Result<openssl::Context> trust(const std::string& ca_file) {
    auto context = tls::client_context();
    if (!context) return fail(openssl::error("TLS"));
    const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                                       : SSL_CTX_load_verify_file(context.get(), ca_file.c_str());
    if (loaded != 1) {
        ERR_clear_error();
        return fail(ErrorCode::invalid,
                    fmt::format("{}: expected certificates of authorities, as PEM", ca_file));
    }
    return context;
}

Result<Transport> Transport::open(const net::SocketAddress& address, SSL_CTX* tls,
                                  const std::string& name, Patience& patience) {
    Transport made;
    const auto where = address.to_string();
    auto fd = net::connect_tcp(address);
    if (!fd) return fail(ErrorCode::unavailable, fmt::format("{}: {}", where, fd.error().reason));
    made.fd_ = std::move(*fd);
    if (!patience.wait(made.fd_.get(), POLLOUT)) return too_late(where);
    if (const int error = net::connect_error(made.fd_.get()); error != 0) {
        return broken(where, error);
    }
    if (tls != nullptr) {
        if (auto done = made.shake_hands(tls, name, patience); !done) {
            return fail(done.error().code, fmt::format("{}: {}", where, done.error().reason));
        }
    }
    return made;
}

Status Transport::shake_hands(SSL_CTX* tls, const std::string& name, Patience& patience) {
    tls_.reset(SSL_new(tls));
    if (!tls_ || SSL_set_fd(tls_.get(), fd_.get()) != 1 || !tls::expect_server(tls_.get(), name)) {
        return fail(openssl::error("TLS"));
    }
    for (;;) {
        ERR_clear_error();
        const int outcome = SSL_connect(tls_.get());
        if (outcome == 1) return {};
        MOLN_TRY(wait_for_tls(outcome, "TLS", patience));
    }
}

Status Transport::wait_for_tls(int outcome, std::string_view what, Patience& patience) {
    const int number = errno;
    short events = 0;
    switch (SSL_get_error(tls_.get(), outcome)) {
        case SSL_ERROR_WANT_READ: events = POLLIN; break;
        case SSL_ERROR_WANT_WRITE: events = POLLOUT; break;
        case SSL_ERROR_SYSCALL: return broken(what, number == 0 ? ECONNRESET : number);
        default:
            return fail(ErrorCode::unavailable, fmt::format("{}: {}", what, reason_of(tls_.get())));
    }
    if (!patience.wait(fd_.get(), events)) return too_late(what);
    return {};
}

Status Transport::send(std::string_view bytes, Patience& patience) {
    while (!bytes.empty()) {
        if (tls_) {
            std::size_t put = 0;
            ERR_clear_error();
            const int outcome = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &put);
            if (outcome == 1) {
                bytes.remove_prefix(put);
            } else {
                MOLN_TRY(wait_for_tls(outcome, "send", patience));
            }
            continue;
        }
        const auto put = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (put >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(put));
        } else if (errno == EAGAIN) {
            if (!patience.wait(fd_.get(), POLLOUT)) return too_late("send");
        } else if (errno != EINTR) {
            return broken("send", errno);
        }
    }
    return {};
}

Result<std::size_t> Transport::receive(std::span<char> out, Patience& patience) {
    for (;;) {
        if (tls_) {
            std::size_t got = 0;
            ERR_clear_error();
            const int outcome = SSL_read_ex(tls_.get(), out.data(), out.size(), &got);
            if (outcome == 1) return got;
            if (SSL_get_error(tls_.get(), outcome) == SSL_ERROR_ZERO_RETURN) return 0;
            MOLN_TRY(wait_for_tls(outcome, "receive", patience));
            continue;
        }
        const auto got = ::recv(fd_.get(), out.data(), out.size(), 0);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno == EAGAIN) {
            if (!patience.wait(fd_.get(), POLLIN)) return too_late("receive");
        } else if (errno != EINTR) {
            return broken("receive", errno);
        }
    }
}

}  // namespace moln::client
