// Where spans go, as the operator says it: an URL, and a file of fields for the requests there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace moln::edge {

struct Collector {
    bool tls = false;
    std::string host;  // a name, or a literal address; one of IPv6 without brackets
    std::uint16_t port = 0;
    std::string path;  // of the requests: the URL's with /v1/traces behind it

    // As the Host field has it.
    std::string authority() const;
};

// http:// or https://, host, maybe port and path: the base to which OTLP's own path is added.
// Refused: a user or password (they would stand in the list of processes), a query, a fragment,
// anything that is no URL.
Result<Collector> parse_collector(std::string_view url);

// Lines "Name: value", empty ones and those that begin with '#' left out, as field lines for a
// request. An error names the line, never what stands in it. Refused: fields that the edge says
// itself.
Result<Secret> collector_fields(std::string_view text);

}  // namespace moln::edge
