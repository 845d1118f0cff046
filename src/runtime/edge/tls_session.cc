#include "runtime/edge/tls_session.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <utility>

#include <openssl/err.h>

#include "base/base64.h"
#include "edge/limits.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {
namespace {

constexpr std::size_t k_record_bytes_max = 16 * 1024;  // RFC 8446 5.1
constexpr std::size_t k_record_overhead_max = 256;     // RFC 8446 5.2
constexpr std::size_t k_batch_records = 4;
// Answers of TLS itself that may wait for the socket: who makes us write them without reading
// waits.
constexpr std::size_t k_unsent_bytes_max = 128 * 1024;
// What may come of TLS itself, and of a record that is not whole, before some of it is the
// caller's. It is all read at once, keys that change without end for as long as they come.
constexpr std::size_t k_handshake_bytes_max = 256 * 1024;
constexpr std::size_t k_barren_bytes_max = 3 * (k_record_bytes_max + k_record_overhead_max);

// What OpenSSL writes during one call, on its way into one system call: records of data, a whole
// flight of the handshake.
struct Batch {
    std::array<char, k_batch_records*(k_record_bytes_max + k_record_overhead_max)> bytes;
    std::size_t size = 0;
    bool append(std::string_view more) {
        if (more.size() > bytes.size() - size) return false;
        std::memcpy(bytes.data() + size, more.data(), more.size());
        size += more.size();
        return true;
    }
    std::string_view take() { return {bytes.data(), std::exchange(size, 0)}; }
};
thread_local Batch t_batch;

// A certificate may end while its connection goes on.
constexpr Milliseconds k_client_known_time = seconds(60);

// A Byte Sequence of its DER (RFC 9440 2.2, RFC 8941 3.3.5); "": it is too large.
std::string client_cert_field(X509* certificate) {
    std::string der;
    const int size = i2d_X509(certificate, nullptr);
    if (size <= 0 || static_cast<std::size_t>(size) > edge::k_client_cert_bytes_max) return "";
    der.resize(static_cast<std::size_t>(size));
    auto* out = reinterpret_cast<unsigned char*>(der.data());
    if (i2d_X509(certificate, &out) != size) return "";
    return ":" + base64(der) + ":";
}

TlsSession::Socket& socket_of(BIO* bio) {
    return *static_cast<TlsSession::Socket*>(BIO_get_data(bio));
}

int read_bio(BIO* bio, char* bytes, int size) {
    auto& socket = socket_of(bio);
    BIO_clear_retry_flags(bio);
    if (socket.patience == 0) return -1;
    while (socket.ready.readable) {
        const auto got =
            receive_raw(socket.fd, socket.ready, {bytes, static_cast<std::size_t>(size)});
        socket.patience -= std::min(socket.patience, got.bytes);
        if (got.end == IoEnd::some && got.bytes != 0) return static_cast<int>(got.bytes);
        if (got.end == IoEnd::ended) {
            socket.ended = true;
            return 0;
        }
        if (got.end == IoEnd::broken) return -1;
    }
    BIO_set_retry_read(bio);
    return -1;
}

// Never waits: who calls OpenSSL sends what was gathered.
int write_bio(BIO* bio, const char* bytes, int size) {
    const std::string_view record(bytes, static_cast<std::size_t>(size));
    BIO_clear_retry_flags(bio);
    if (t_batch.append(record)) return size;
    auto& unsent = socket_of(bio).unsent;
    if (unsent.size() >= k_unsent_bytes_max) return -1;
    unsent.append(t_batch.take());
    return t_batch.append(record) ? size : -1;
}

long control_bio(BIO* bio, int command, long, void*) {
    switch (command) {
        case BIO_CTRL_FLUSH: return 1;
        case BIO_CTRL_EOF: return socket_of(bio).ended ? 1 : 0;
        default: return 0;
    }
}

const BIO_METHOD* bio_method() {
    static BIO_METHOD* const method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
        if (made == nullptr) return made;
        BIO_meth_set_read(made, read_bio);
        BIO_meth_set_write(made, write_bio);
        BIO_meth_set_ctrl(made, control_bio);
        return made;
    }();
    return method;
}

// One record for both. Without a body, or without a head, no byte is copied.
std::string_view joined(std::string_view head, std::string_view body) {
    thread_local std::array<char, k_record_bytes_max> room;
    if (head.empty()) return body.substr(0, room.size());
    if (body.empty() || head.size() >= room.size()) return head.substr(0, room.size());
    body = body.substr(0, room.size() - head.size());
    std::memcpy(room.data(), head.data(), head.size());
    std::memcpy(room.data() + head.size(), body.data(), body.size());
    return {room.data(), head.size() + body.size()};
}

}  // namespace

std::unique_ptr<TlsSession> TlsSession::make(const tls::Server& server,
                                             std::shared_ptr<const tls::Sites> sites, const Fd& fd,
                                             Readiness& ready) {
    std::unique_ptr<TlsSession> session(new TlsSession(fd, ready));
    session->sites_ = std::move(sites);
    session->ssl_ = server.connection(*session->sites_);
    return on_socket(std::move(session));
}

std::unique_ptr<TlsSession> TlsSession::make(const tls::Client& client, const std::string& host,
                                             const Fd& fd, Readiness& ready) {
    std::unique_ptr<TlsSession> session(new TlsSession(fd, ready));
    session->ssl_ = client.connection(host);
    return on_socket(std::move(session));
}

std::unique_ptr<TlsSession> TlsSession::on_socket(std::unique_ptr<TlsSession> session) {
    BIO* bio = session->ssl_ && bio_method() != nullptr ? BIO_new(bio_method()) : nullptr;
    if (bio == nullptr) return nullptr;
    BIO_set_data(bio, &session->socket_);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl_.get(), bio, bio);
    return session;
}

struct TlsSession::Client {
    std::shared_ptr<const tls::ClientQuestion> question;
    std::string field;  // of what was shown, made when a route first wants it
    const tls::ClientAuthorities* of = nullptr;  // that `shown` was found for; in `question`
    std::int64_t known_until_ms = 0;
    Shown shown;
};

TlsSession::TlsSession(const Fd& fd, Readiness& ready)
    : socket_{.fd = fd.get(), .ready = ready, .patience = k_handshake_bytes_max}, ready_(ready) {}

TlsSession::~TlsSession() = default;

IoResult TlsSession::failed() {
    ERR_clear_error();
    may_end_ = false;
    ready_.broken = true;
    return {IoEnd::broken, 0};
}

IoEnd TlsSession::handshake() {
    if (!socket_.unsent.empty() && !flush()) {
        return socket_.ready.broken ? failed().end : IoEnd::would_block;
    }
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    const int reason = SSL_get_error(ssl_.get(), done);
    // Behind a client's last word TLS 1.3 has nothing to say but tickets, which nobody waits for.
    if (done == 1 && SSL_is_server(ssl_.get()) == 1 && tls_1_3() && socket_.unsent.empty()) {
        socket_.unsent.assign(t_batch.take());
        socket_.held = true;
    }
    if (!send_batch()) return failed().end;
    // Of TLS 1.2 the server has the last word, and the client waits for it.
    if (done == 1 && !socket_.unsent.empty() && !socket_.held) return IoEnd::would_block;
    if (done == 1) {
        may_end_ = true;
        socket_.patience = k_barren_bytes_max;
        sites_.reset();
        SSL_set_tlsext_status_ocsp_resp(ssl_.get(), nullptr, 0);  // it was sent
        if (auto question = tls::asked_question(ssl_.get())) {
            client_ = std::make_unique<Client>();
            client_->question = std::move(question);
        }
        ready_.readable = socket_.ready.readable || SSL_has_pending(ssl_.get()) == 1;
        ready_.writable = socket_.ready.writable;
        return IoEnd::some;
    }
    if (reason == SSL_ERROR_WANT_READ) return IoEnd::would_block;
    return failed().end;
}

void TlsSession::send_held() {
    if (socket_.held && !flush() && socket_.ready.broken) (void)failed();
}

IoResult TlsSession::receive(Buffer& buffer) {
    // TLS has so much to answer to one who takes none of it: nothing more is read for that, and
    // what is not read would be looked at for ever.
    if (socket_.unsent.size() >= k_unsent_bytes_max && !flush()) return failed();
    ERR_clear_error();
    std::size_t got = 0;
    const int done = SSL_read_ex(ssl_.get(), buffer.tail(), buffer.room(), &got);
    const int reason = SSL_get_error(ssl_.get(), done);
    if (!send_batch()) return failed();
    if (done == 1) {
        socket_.patience = k_barren_bytes_max;
        buffer.end += got;
        // A record that is not whole counts as pending: the next call finds that out.
        ready_.readable = socket_.ready.readable || SSL_has_pending(ssl_.get()) == 1;
        return {IoEnd::some, got};
    }
    switch (reason) {
        case SSL_ERROR_WANT_READ: ready_.readable = false; return {IoEnd::would_block, 0};
        case SSL_ERROR_ZERO_RETURN: ready_.readable = false; return {IoEnd::ended, 0};
        default: return failed();
    }
}

bool TlsSession::flush() {
    auto& unsent = socket_.unsent;
    socket_.held = false;
    while (!unsent.empty() && socket_.ready.writable) {
        const auto put = transmit_raw(socket_.fd, socket_.ready, unsent, {});
        if (put.end == IoEnd::broken) return false;
        unsent.erase(0, put.bytes);
    }
    if (unsent.empty()) unsent.shrink_to_fit();
    return unsent.empty();
}

bool TlsSession::send_batch() {
    if (t_batch.size == 0) return true;
    auto& unsent = socket_.unsent;
    const std::string_view batch = t_batch.take();
    const bool first = unsent.empty() || socket_.held;
    std::size_t put = 0;
    if (first && socket_.ready.writable) {
        const auto sent = transmit_raw(socket_.fd, socket_.ready, unsent, batch);
        if (sent.end == IoEnd::broken) return false;
        put = sent.bytes;
    }
    const std::size_t of_unsent = std::min(put, unsent.size());
    unsent.erase(0, of_unsent);
    unsent.append(batch.substr(put - of_unsent));
    // As it does when a signal came in between.
    return !first || flush() || !socket_.ready.broken;
}

IoResult TlsSession::transmit(std::string_view head, std::string_view body, Then then) {
    if (!socket_.unsent.empty() && !socket_.held) {
        if (!flush()) {
            if (socket_.ready.broken) return failed();
            ready_.writable = false;
            return {IoEnd::would_block, 0};
        }
        if (sealed_ != 0) return {IoEnd::some, std::exchange(sealed_, 0)};
    }
    ERR_clear_error();
    std::size_t sealed = 0;
    int done = 1;
    for (std::size_t i = 0; i < k_batch_records && !(head.empty() && body.empty()); ++i) {
        const auto bytes = joined(head, body);
        std::size_t put = 0;
        done = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &put);
        if (done != 1) break;
        sealed += put;
        const auto of_head = std::min(put, head.size());
        head.remove_prefix(of_head);
        body.remove_prefix(put - of_head);
    }
    if (done == 1 && then == Then::end && head.empty() && body.empty()) say_end();
    if (!send_batch() || done != 1) return failed();
    ready_.writable = socket_.ready.writable;
    if (socket_.unsent.empty()) return {IoEnd::some, sealed};
    sealed_ = sealed;
    return {IoEnd::would_block, 0};
}

void TlsSession::say_end() {
    may_end_ = false;
    ERR_clear_error();
    (void)SSL_shutdown(ssl_.get());
    ERR_clear_error();
}

void TlsSession::end() {
    if (!may_end_) return;
    if (!socket_.unsent.empty() && !socket_.held && !flush()) return;
    say_end();
    (void)send_batch();
}

bool TlsSession::asked_for(const tls::ClientAuthorities& authorities) const {
    return client_ != nullptr && client_->question->names(&authorities);
}

const TlsSession::Shown& TlsSession::shown(const tls::ClientAuthorities& authorities,
                                           std::int64_t now_ms) {
    Client& client = *client_;
    if (client.of == &authorities && now_ms < client.known_until_ms) return client.shown;
    client.of = &authorities;
    client.known_until_ms = now_ms + k_client_known_time.count;
    client.shown = {};
    X509* leaf = SSL_get0_peer_certificate(ssl_.get());
    if (leaf == nullptr) return client.shown;
    if (client.field.empty()) client.field = client_cert_field(leaf);
    if (client.field.empty()) {
        client.shown.refusal = "it is too large to be passed on";
        return client.shown;
    }
    client.shown.field = client.field;
    auto refusal = authorities.refuse(leaf, SSL_get_peer_cert_chain(ssl_.get()));
    if (refusal) client.shown.refusal = std::move(*refusal);
    return client.shown;
}

std::string_view TlsSession::server_name() const {
    return tls::asked_name(ssl_.get());
}

bool TlsSession::resumed() const {
    return SSL_session_reused(ssl_.get()) == 1;
}

bool TlsSession::is_challenge() const {
    return tls::is_challenge(ssl_.get());
}

std::string_view TlsSession::protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

bool TlsSession::tls_1_3() const {
    return SSL_version(ssl_.get()) == TLS1_3_VERSION;
}

}  // namespace moln::edge_loop
