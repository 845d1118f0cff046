// The access log's line of a stream: a JSON object a connection or flow, written when it is over.
// Streams are told from requests by their field `listen`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/units.h"

namespace moln::edge {

// What ended a stream, in the log's words.
enum class StreamOutcome : std::uint8_t {
    done,             // both sides have ended it
    client_left,      // the client broke it off
    instance_left,    // the instance broke it off
    idle,             // not a byte for as long as its route says
    half_closed,      // one side had ended and the other said nothing more
    no_instance,      // none took it in time
    unknown_name,     // no route for the name that the client asked for
    bad_preface,      // no PROXY header or no ClientHello where there must be one
    late_preface,     // it did not come in time
    no_tls,           // PostgreSQL that the client wants over TLS, and the instance does not speak
    out_of_capacity,  // of the edge itself: memory or descriptors
};
std::string_view word(StreamOutcome outcome);
// Something went wrong that was not the client's doing.
bool is_error(StreamOutcome outcome);

struct StreamRecord {
    WallTime time = {};  // when it was accepted
    std::string_view client = {};
    std::string_view listen = {};  // "tcp:5432"
    std::string_view host = {};    // that its ClientHello asked for
    StreamOutcome outcome = StreamOutcome::done;
    std::uint64_t bytes_in = 0;   // from the client
    std::uint64_t bytes_out = 0;  // to the client
    std::int64_t duration_us = 0;
    std::int64_t queue_us = 0;  // of that, waiting for an instance
    std::string_view app = {};
    std::string_view process = {};
    std::string_view instance = {};
    std::uint32_t retries = 0;
};

// As format_access_line.
std::size_t format_stream_line(const StreamRecord& record, std::span<char> out);

}  // namespace moln::edge
