// TLS over one non-blocking connection: the handshake, then the same reads and writes as without.
// OpenSSL moves the bytes through a BIO of ours, which makes a system call only where readiness
// says that it may bring something.
//
// The flows look at the connection's Readiness as ever: it means decrypted bytes then, while what
// epoll said of the socket is kept here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "io/file/fd.h"
#include "io/tls/client.h"
#include "io/tls/server.h"
#include "runtime/edge/buffer.h"
#include "runtime/edge/readiness.h"

namespace moln::edge_loop {

class TlsSession {
public:
    ~TlsSession();

    // `fd` and `ready` outlive it. Null: out of memory.
    static std::unique_ptr<TlsSession> make(const tls::Server& server,
                                            std::shared_ptr<const tls::Sites> sites, const Fd& fd,
                                            Readiness& ready);
    // The other side: to a server of that name. The same otherwise.
    static std::unique_ptr<TlsSession> make(const tls::Client& client, const std::string& host,
                                            const Fd& fd, Readiness& ready);

    void note(std::uint32_t events) { socket_.ready.note(events); }

    // some: it is done; would_block: goes on with the next event; broken: it failed.
    // What it leaves to say, tickets, leaves with the first bytes of an answer.
    IoEnd handshake();
    // No answer is on its way: that leaves now.
    void send_held();
    IoResult receive(Buffer& buffer);
    // What follows the bytes that transmit() is given.
    enum class Then : std::uint8_t { more, end };
    // Several records with one system call. After would_block the same bytes must come again, more
    // may follow: what was sealed of them counts as sent only once the socket has it. Before an
    // end, what end() says goes along with the last of them.
    IoResult transmit(std::string_view head, std::string_view body, Then then = Then::more);
    // Says that nothing more comes, so that a cut is told from an end. Not after a failure.
    void end();
    // Ends without saying so: the client is to take what it got for cut.
    void abandon() { may_end_ = false; }

    // As the client said it (SNI), "" if it did not.
    std::string_view server_name() const;
    bool resumed() const;
    // The handshake was a certificate authority's look: the connection is to end.
    bool is_challenge() const;
    bool tls_1_3() const;
    // That both agreed on (ALPN): "h2", "http/1.1", or "" for a client that did not ask.
    std::string_view protocol() const;

    // The handshake asked for a certificate of one of these.
    bool asked_for(const tls::ClientAuthorities& authorities) const;
    // What the client showed, to be looked at for one route's authorities. Not asked: nothing.
    struct Shown {
        std::string refusal;     // why it is none of theirs, for its user to read
        std::string_view field;  // the value of Client-Cert (RFC 9440); "": no such one was shown
    };
    // What was found is known for a while: each request of a connection asks. Of the session.
    const Shown& shown(const tls::ClientAuthorities& authorities, std::int64_t now_ms);

    // What the BIO works on.
    struct Socket {
        int fd = -1;
        Readiness ready;
        bool ended = false;
        bool held = false;         // unsent waits for company, not for the socket
        std::size_t patience = 0;  // bytes that may come before some of them are the caller's
        std::string unsent;        // records that the socket did not take yet
    };

private:
    TlsSession(const Fd& fd, Readiness& ready);
    // Null: out of memory.
    static std::unique_ptr<TlsSession> on_socket(std::unique_ptr<TlsSession> session);
    IoResult failed();
    // False: some is left, or the connection is broken.
    bool flush();
    // Sends the records that OpenSSL has just written. False: the connection is broken.
    bool send_batch();
    void say_end();

    Socket socket_;
    Readiness& ready_;
    std::shared_ptr<const tls::Sites> sites_;  // until the handshake is done
    openssl::Connection ssl_;
    struct Client;
    std::unique_ptr<Client> client_;  // null: it was asked for no certificate
    std::size_t sealed_ = 0;  // bytes of the caller's that are in unsent, and not yet told as sent
    bool may_end_ = false;
};

}  // namespace moln::edge_loop
