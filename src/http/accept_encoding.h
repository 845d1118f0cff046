// Accept-Encoding (RFC 9110 12.5.3): which content codings a client takes, and how gladly.
#pragma once

#include <array>
#include <cstdint>

#include "base/content_coding.h"
#include "http/head.h"

namespace moln::http {

struct AcceptedCodings {
    // In thousandths, by ContentCoding; 0: not to be sent.
    std::array<std::uint16_t, k_content_codings> weights{};

    std::uint16_t weight(ContentCoding coding) const {
        return weights[static_cast<std::size_t>(coding)];
    }
};

// Without the field, or with an empty one, only identity: that is what old clients mean. Identity
// is taken unless it is refused by name or by "*;q=0"; of a coding named twice the last counts.
AcceptedCodings accepted_codings(const FieldTable& request);

}  // namespace moln::http
