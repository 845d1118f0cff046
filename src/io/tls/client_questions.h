// Which hosts ask their clients for a certificate in the handshake, and of which authorities. It is
// asked for a name, before anything is known of the path: what any route of it may want. Filled
// once, then immutable, for any number of threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/tls/client_authorities.h"
#include "io/tls/host_text.h"

namespace moln::tls {

// The certificate request (RFC 8446 4.3.2) names no authorities when it would be longer than this:
// the client chooses by itself then.
inline constexpr std::size_t k_client_names_bytes_max = 16 * 1024;

// What the clients of one host are asked.
struct ClientQuestion {
    std::vector<std::shared_ptr<const ClientAuthorities>> authorities;

    bool names(const ClientAuthorities* one) const;
};

class ClientQuestions {
public:
    // `host`: of a route, as http/routes.h has it: exact, "*.example.org" for any number of labels
    // before, or "*".
    void add(const std::string& host, std::shared_ptr<const ClientAuthorities> authorities);
    // After the last add(), once: a host is asked what the wider hosts around it ask as well.
    void settle();

    // `name` in any case, "" of a client that names none. Null: it is asked for nothing.
    std::shared_ptr<const ClientQuestion> find(std::string_view name) const;

    bool empty() const { return by_host_.empty(); }

private:
    std::shared_ptr<ClientQuestion> widest_of(std::string_view host) const;

    std::unordered_map<std::string, std::shared_ptr<ClientQuestion>, TextHash, std::equal_to<>>
        by_host_;
};

// Makes the connection ask. False: out of memory.
bool ask(SSL* ssl, const ClientQuestion& question);

}  // namespace moln::tls
