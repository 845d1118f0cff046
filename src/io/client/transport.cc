#include "io/client/transport.h"

#include <cerrno>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include "io/net/socket.h"
#include "io/tls/settings.h"

namespace moln::client {
namespace {

constexpr unsigned char k_alpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

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

bool expect_name(SSL* tls, const std::string& name) {
    if (net::SocketAddress::from(name, 0)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), name.c_str()) == 1;
    }
    SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // SSL_set_tlsext_host_name, which is a macro with a cast of C.
    auto* text = const_cast<char*>(name.c_str());
    return SSL_set1_host(tls, name.c_str()) == 1 &&
           SSL_ctrl(tls, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, text) == 1;
}

}  // namespace

Result<openssl::Context> trust(const std::string& ca_file) {
    openssl::Context context(SSL_CTX_new(TLS_client_method()));
    if (!context) return fail(openssl::error("TLS"));
    if (!tls::set_intermediate(context.get())) return fail(openssl::error("TLS"));
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                                       : SSL_CTX_load_verify_file(context.get(), ca_file.c_str());
    if (loaded != 1) {
        ERR_clear_error();
        return fail(ErrorCode::invalid,
                    fmt::format("{}: expected certificates of authorities, as PEM", ca_file));
    }
    if (SSL_CTX_set_alpn_protos(context.get(), k_alpn, sizeof k_alpn) != 0) {
        return fail(openssl::error("TLS"));
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
    if (!tls_ || SSL_set_fd(tls_.get(), fd_.get()) != 1 || !expect_name(tls_.get(), name)) {
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
