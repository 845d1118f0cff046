// Who still reaches an app that is in maintenance: those who work on it.
#pragma once

#include <span>
#include <string_view>

#include "http/head.h"
#include "model/network.h"
#include "model/traffic.h"

namespace moln::edge {

inline constexpr std::string_view k_maintenance_cookie = "moln-maintenance";

// `allow`: spec.allow, parsed. How long it takes to refuse a cookie says nothing of the right one.
bool is_let_through(const MaintenanceSpec& spec, std::span<const IpNetwork> allow,
                    const http::RequestHead& head, std::string_view client);

}  // namespace moln::edge
