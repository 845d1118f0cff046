// What a request wants of the endpoint that it goes to, read from its head as its app asks.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "edge/balance.h"
#include "http/head.h"
#include "model/edge.h"

namespace moln::edge {

inline constexpr std::string_view k_affinity_cookie = "moln-affinity";
inline constexpr std::size_t k_affinity_digits = 16;

// `client` is the address as text. Of an app that asks for nothing it is empty.
Preference preference(const EdgeApp& app, const http::RequestHead& head, std::string_view client);

// Of a connection without HTTP there is only the address: of IPv4 the first four bytes.
Preference stream_preference(const EdgeApp& app, std::span<const std::uint8_t, 16> client);

// Is this client's request, with that head, the canary's?
bool is_canary(const CanarySpec& canary, const http::RequestHead& head, std::string_view client);

// The same for the same text everywhere and always; never 0.
std::uint64_t balance_key(std::string_view text);

// 0 for what is no token.
std::uint64_t parse_affinity(std::string_view text);

}  // namespace moln::edge
