// Why a message was refused. One closed list for every parser of this folder, so that it can be
// counted, logged by its word and answered with its status. Not for errors of the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace moln::http {

// The enumerator is the word that users see in logs and metrics.
enum class Violation : std::uint8_t {
    none,
    // start line
    bad_method,
    method_not_served,  // CONNECT and TRACE
    bad_target,
    target_too_long,
    bad_version,
    version_not_served,
    bad_status_line,
    // fields
    bad_line_end,  // bare CR, bare LF, or bytes between CR and LF
    bad_field_name,
    space_before_colon,
    folded_line,
    bad_field_value,  // a control byte
    head_too_large,
    too_many_fields,
    // fields that decide
    missing_host,
    duplicate_host,
    bad_host,
    target_host_differs,
    duplicate_content_length,
    bad_content_length,
    bad_transfer_encoding,
    duplicate_transfer_encoding,
    transfer_encoding_in_http_1_0,
    content_length_with_transfer_encoding,
    framing_not_allowed,  // a body announced on 1xx or 204
    bad_connection,
    connection_too_long,
    expectation_not_served,
    // chunked bodies
    bad_chunk_size,
    chunk_too_large,
    bad_chunk_extension,
    chunk_extension_too_long,
    bad_chunk_end,
    bad_trailer,
    trailer_not_allowed,
    trailers_too_large,
};
inline constexpr std::size_t k_violations = 37;

// "duplicate_host"
std::string_view word(Violation violation);
// The status a client gets for it: 400, 414, 417, 431, 501 or 505. A response from an instance
// that violates anything is the caller's 502 instead.
std::uint16_t status_of(Violation violation);
// One sentence for the client: what is wrong and what to send instead.
std::string_view explain(Violation violation);

}  // namespace moln::http
