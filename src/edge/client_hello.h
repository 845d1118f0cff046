// The name that a TLS client asks for, read from its ClientHello (RFC 8446 4.1.2, RFC 6066 3)
// without speaking TLS: what comes is passed on as it came. No IO.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/url.h"

namespace moln::edge {

// With all its records' heads. Key shares of today's post-quantum groups make about 2 KiB.
inline constexpr std::size_t k_client_hello_bytes_max = 32 * 1024;

enum class HelloProgress : std::uint8_t {
    need_more,
    not_tls,  // another protocol
    refused,  // TLS by its first bytes, but no ClientHello, a broken one or one past the limit
    done,
};

struct HelloName {
    std::array<char, http::k_host_bytes_max> room{};
    std::size_t size = 0;
    // Lower case; "" of a client that asks for none.
    std::string_view text() const { return {room.data(), size}; }
};

// `name` is set when done. Of the same bytes the same result, however they come in parts.
HelloProgress parse_client_hello(std::string_view bytes, HelloName& name);

}  // namespace moln::edge
