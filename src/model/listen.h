// Where a route without HTTP listens: a protocol and a port, "tcp:5432". On which addresses is the
// node's own affair: those that its edge takes requests on.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/codec.h"

namespace moln {

enum class Protocol { tcp, udp };
BOOST_DESCRIBE_ENUM(Protocol, tcp, udp)

struct Listen {
    Protocol protocol = Protocol::tcp;
    std::uint16_t port = 0;  // 1 to 65,535

    std::string text() const;  // "tcp:5432"
    friend auto operator<=>(const Listen&, const Listen&) = default;
};

// Invalid for anything but "tcp:PORT" and "udp:PORT", without leading zeros; says "expected …,
// found …".
Result<Listen> parse_listen(std::string_view text);

}  // namespace moln
