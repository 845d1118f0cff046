// POSTs to one server over HTTP/1.1, on a connection that is kept from one to the next. For a
// thread of its own: a call waits for the answer. What comes back is read by the edge's own strict
// parser (http/head.h, http/chunked.h); redirects are not followed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "io/client/answer.h"
#include "io/client/transport.h"

namespace moln::client {

struct Server {
    bool tls = false;
    std::string host;  // a name, or a literal address without brackets
    std::uint16_t port = 0;
    std::string authority;  // for the Host field
    std::string path;
    Secret fields;           // lines "Name: value\r\n" of every request
    std::string ca_file;     // "": the host's authorities
    std::size_t answer_max;  // bytes of an answer, its head included; a longer one is an error
};

struct Content {
    std::string_view type;
    std::string_view coding = {};  // Content-Encoding; "": none
    std::string_view body;
};

class HttpClient {
public:
    // `invalid`: ca_file is none.
    static Result<HttpClient> create(Server server);

    // `timeout`, `unavailable`: there was no answer, or no proper one. A name is resolved at each
    // new connection, by the host's own resolver, in this thread: it alone waits without patience.
    Result<Answer> post(const Content& content, Patience& patience);

private:
    explicit HttpClient(Server server, openssl::Context tls)
        : server_(std::move(server)), tls_(std::move(tls)) {}

    Status connect(Patience& patience);
    Result<Answer> ask(const Secret& head, std::string_view body, Patience& patience);
    Secret head_of(const Content& content) const;

    Server server_;
    openssl::Context tls_;  // null: plain
    std::optional<Transport> transport_;
    bool heard_ = false;  // a byte of the answer under way
};

}  // namespace moln::client
