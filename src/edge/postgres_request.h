// What a PostgreSQL client asks before it speaks TLS (protocol 3.0, "SSL Session Encryption"): an
// SSLRequest or a GSSENCRequest, eight bytes that a single one answers. No IO.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace moln::edge {

enum class PostgresRequest : std::uint8_t {
    need_more,  // it may become one
    none,
    ssl,
    gss,
};

inline constexpr std::string_view k_ssl_request("\x00\x00\x00\x08\x04\xd2\x16\x2f", 8);
inline constexpr std::string_view k_gss_request("\x00\x00\x00\x08\x04\xd2\x16\x30", 8);
inline constexpr char k_postgres_yes = 'S';
inline constexpr char k_postgres_no = 'N';

// By the first bytes; what follows is not looked at.
PostgresRequest parse_postgres_request(std::string_view bytes);

}  // namespace moln::edge
