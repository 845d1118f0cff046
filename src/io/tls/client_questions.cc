#include "io/tls/client_questions.h"

#include <algorithm>
#include <utility>

namespace moln::tls {
namespace {

using Names = std::unique_ptr<STACK_OF(X509_NAME), void (*)(STACK_OF(X509_NAME)*)>;

void free_names(STACK_OF(X509_NAME) * names) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
}

void add_to(ClientQuestion& question, const std::shared_ptr<const ClientAuthorities>& one) {
    if (!question.names(one.get())) question.authorities.push_back(one);
}

// The next wider pattern around a host or pattern: "*.b.org" around "a.b.org", "*.org" around
// "*.b.org"; "" once there is none but "*".
std::string wider(std::string_view host) {
    if (host.starts_with("*.")) host.remove_prefix(2);
    const auto dot = host.find('.');
    return dot == std::string_view::npos ? "" : "*" + std::string(host.substr(dot));
}

}  // namespace

bool ClientQuestion::names(const ClientAuthorities* one) const {
    return std::ranges::any_of(authorities, [&](const auto& known) { return known.get() == one; });
}

void ClientQuestions::add(const std::string& host,
                          std::shared_ptr<const ClientAuthorities> authorities) {
    auto& question = by_host_[host];
    if (!question) question = std::make_shared<ClientQuestion>();
    add_to(*question, authorities);
}

// The question of the narrowest pattern strictly around `host`.
std::shared_ptr<ClientQuestion> ClientQuestions::widest_of(std::string_view host) const {
    for (auto around = wider(host); !around.empty(); around = wider(around)) {
        const auto found = by_host_.find(around);
        if (found != by_host_.end()) return found->second;
    }
    const auto any = by_host_.find("*");
    return any == by_host_.end() || host == "*" ? nullptr : any->second;
}

void ClientQuestions::settle() {
    // From the widest to the narrowest, so that each takes over what is whole already.
    std::vector<std::string_view> hosts;
    for (const auto& [host, question] : by_host_) hosts.push_back(host);
    const auto depth = [](std::string_view host) {
        const bool exact = !host.starts_with('*');
        return std::pair(exact, host == "*" ? 0 : std::ranges::count(host, '.') + 1);
    };
    std::ranges::sort(hosts, {}, depth);
    for (const auto host : hosts) {
        const auto around = widest_of(host);
        if (!around) continue;
        auto& question = *by_host_.find(host)->second;
        for (const auto& one : around->authorities) add_to(question, one);
    }
}

std::shared_ptr<const ClientQuestion> ClientQuestions::find(std::string_view name) const {
    if (by_host_.empty() || name.size() > k_name_bytes_max) return nullptr;
    NameRoom room;
    const auto host = lower(name, room);
    if (const auto exact = by_host_.find(host); exact != by_host_.end() && !host.empty()) {
        return exact->second;
    }
    return widest_of(host);
}

bool ask(SSL* ssl, const ClientQuestion& question) {
    Names names(sk_X509_NAME_new_null(), free_names);
    if (names == nullptr) return false;
    std::size_t bytes = 0;
    for (const auto& authorities : question.authorities) {
        for (const auto& one : authorities->certificates()) {
            const X509_NAME* subject = X509_get_subject_name(one.get());
            const int size = i2d_X509_NAME(subject, nullptr);
            bytes += size > 0 ? static_cast<std::size_t>(size) : 0;
            X509_NAME* copy = X509_NAME_dup(subject);
            if (copy == nullptr || sk_X509_NAME_push(names.get(), copy) <= 0) {
                X509_NAME_free(copy);
                return false;
            }
        }
    }
    if (bytes <= k_client_names_bytes_max) SSL_set0_CA_list(ssl, names.release());
    SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    return true;
}

}  // namespace moln::tls
