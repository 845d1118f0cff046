// Where the edge's spans go, as the operator says it.
#pragma once

#include <cstdint>
#include <string>

namespace moln {

struct TraceExport {
    std::string url;       // of the collector, OTLP over HTTP; "": none are made
    double sample = 0.01;  // share of the traces begun here; those of clients say it themselves
    std::uint32_t spans_per_second = 1000;  // at most, of all threads
    std::string headers_file;  // of fields for the requests there, secrets among them; "": none
    std::string ca_file;       // authorities of the collector's certificate; "": the host's
};

}  // namespace moln
