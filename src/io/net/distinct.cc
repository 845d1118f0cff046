#include "io/net/distinct.h"

#include <algorithm>
#include <iterator>

namespace moln::net {

std::vector<SocketAddress> distinct_hosts(const std::vector<std::vector<std::string>>& listens) {
    std::vector<SocketAddress> found;
    for (const auto& list : listens) {
        for (const auto& text : list) {
            auto address = SocketAddress::parse(text);
            if (!address) continue;
            address->set_port(0);
            const auto same = [&](const auto& other) { return other.ip() == address->ip(); };
            if (std::ranges::none_of(found, same)) found.push_back(*address);
        }
    }
    const auto is_included = [&](const SocketAddress& address) {
        return std::ranges::any_of(found, [&](const auto& other) {
            if (!other.unspecified() || other.ip() == address.ip()) return false;
            return other.family() == AF_INET6 || address.family() == AF_INET;
        });
    };
    std::vector<SocketAddress> out;
    std::ranges::copy_if(found, std::back_inserter(out),
                         [&](const auto& address) { return !is_included(address); });
    return out;
}

}  // namespace moln::net
