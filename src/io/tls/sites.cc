#include "io/tls/sites.h"

#include <utility>

namespace moln::tls {

void Sites::add(const std::vector<std::string>& hosts,
                std::shared_ptr<const Certificate> certificate) {
    if (!first_) first_ = certificate;
    for (const auto& host : hosts) by_host_.insert_or_assign(host, certificate);
}

void Sites::add_challenge(const std::string& host, std::shared_ptr<const Certificate> certificate) {
    challenges_.insert_or_assign(host, std::move(certificate));
}

void Sites::set_clients(std::vector<std::shared_ptr<const ClientAuthorities>> authorities,
                        ClientQuestions questions) {
    authorities_ = std::move(authorities);
    questions_ = std::move(questions);
}

const Certificate* Sites::find_challenge(std::string_view name) const {
    if (challenges_.empty() || name.size() > k_name_bytes_max) return nullptr;
    NameRoom room;
    const auto found = challenges_.find(lower(name, room));
    return found == challenges_.end() ? nullptr : found->second.get();
}

const Certificate* Sites::find(std::string_view name) const {
    if (name.empty()) return first_.get();
    if (name.size() > k_name_bytes_max) return nullptr;
    NameRoom room;
    const auto host = lower(name, room);
    if (const auto exact = by_host_.find(host); exact != by_host_.end()) return exact->second.get();
    const auto dot = host.find('.');
    if (dot == 0 || dot == std::string_view::npos) return nullptr;
    room[dot - 1] = '*';
    const auto wildcard = by_host_.find(host.substr(dot - 1));
    return wildcard == by_host_.end() ? nullptr : wildcard->second.get();
}

}  // namespace moln::tls
