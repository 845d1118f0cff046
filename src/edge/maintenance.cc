#include "edge/maintenance.h"

#include <algorithm>

#include "http/cookie.h"

namespace moln::edge {
namespace {

bool is_same_secret(std::string_view right, std::string_view said) {
    unsigned difference = right.size() == said.size() ? 0 : 1;
    for (std::size_t i = 0; i < right.size(); ++i) {
        const char other = i < said.size() ? said[i] : '\0';
        difference |= static_cast<unsigned char>(right[i] ^ other);
    }
    return difference == 0;
}

}  // namespace

bool is_let_through(const MaintenanceSpec& spec, std::span<const IpNetwork> allow,
                    const http::RequestHead& head, std::string_view client) {
    if (!allow.empty()) {
        const auto address = parse_ip(client);
        const auto has = [&](const IpNetwork& network) { return network.contains(*address); };
        if (address && std::ranges::any_of(allow, has)) return true;
    }
    if (spec.pass.empty()) return false;
    const auto said = http::cookie(head.fields, k_maintenance_cookie);
    return said && is_same_secret(spec.pass, *said);
}

}  // namespace moln::edge
