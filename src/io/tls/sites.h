// Which certificate a server name (SNI, RFC 6066 3) gets. Filled once, then immutable, for any
// number of threads.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/tls/certificate.h"
#include "io/tls/client_questions.h"

namespace moln::tls {

class Sites {
public:
    // `hosts` in lower case: "shop.example.org" or "*.example.org", one label (RFC 6125 6.4.3).
    // What is added later goes before.
    void add(const std::vector<std::string>& hosts, std::shared_ptr<const Certificate> certificate);

    // `name` in any case. A client that names none ("") gets the first that was added: it could
    // only guess anyway, and checks what it gets. Null: nobody here has that name.
    const Certificate* find(std::string_view name) const;

    bool empty() const { return by_host_.empty(); }

    // For a certificate authority that looks whether we speak for `host` (tls-alpn-01, RFC 8737):
    // shown to who offers acme-tls/1 and to nobody besides. One that is added later goes before.
    void add_challenge(const std::string& host, std::shared_ptr<const Certificate> certificate);
    // By the exact name, in any case; null: no authority looks at it.
    const Certificate* find_challenge(std::string_view name) const;

    // What clients are asked for. By their place in `authorities` routes name theirs; null: those
    // cannot be read, and nobody's certificate is of them.
    void set_clients(std::vector<std::shared_ptr<const ClientAuthorities>> authorities,
                     ClientQuestions questions);
    const ClientQuestions& questions() const { return questions_; }
    const ClientAuthorities* authorities(std::size_t at) const { return authorities_[at].get(); }

private:
    using ByHost = std::unordered_map<std::string, std::shared_ptr<const Certificate>, TextHash,
                                      std::equal_to<>>;
    ByHost by_host_;
    ByHost challenges_;
    std::shared_ptr<const Certificate> first_;
    std::vector<std::shared_ptr<const ClientAuthorities>> authorities_;
    ClientQuestions questions_;
};

}  // namespace moln::tls
