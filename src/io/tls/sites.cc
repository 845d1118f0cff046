#include "io/tls/sites.h"

#include <algorithm>
#include <array>

namespace moln::tls {
namespace {

constexpr std::size_t k_name_bytes_max = 255;  // RFC 1035 2.3.4

}  // namespace

void Sites::add(const std::vector<std::string>& hosts,
                std::shared_ptr<const Certificate> certificate) {
    if (!first_) first_ = certificate;
    for (const auto& host : hosts) by_host_.insert_or_assign(host, certificate);
}

const Certificate* Sites::find(std::string_view name) const {
    if (name.empty()) return first_.get();
    if (name.size() > k_name_bytes_max) return nullptr;
    std::array<char, k_name_bytes_max> room;
    std::ranges::transform(name, room.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; });
    const std::string_view host(room.data(), name.size());
    if (const auto exact = by_host_.find(host); exact != by_host_.end()) return exact->second.get();
    const auto dot = host.find('.');
    if (dot == 0 || dot == std::string_view::npos) return nullptr;
    room[dot - 1] = '*';
    const auto wildcard = by_host_.find(host.substr(dot - 1));
    return wildcard == by_host_.end() ? nullptr : wildcard->second.get();
}

}  // namespace moln::tls
