#include "http/violation.h"

#include <array>

namespace moln::http {
namespace {

struct Row {
    Violation violation;
    std::uint16_t status;
    std::string_view word;
    std::string_view sentence;
};

using enum Violation;
constexpr std::array<Row, k_violations> k_rows = {{
    {none, 200, "none", "Nothing is wrong."},
    {bad_method, 400, "bad_method", "The request line does not begin with a method."},
    {method_not_served, 501, "method_not_served", "CONNECT and TRACE are not served here."},
    {bad_target, 400, "bad_target",
     "The request target is not a valid path; percent-encode what a URL may not hold."},
    {target_too_long, 414, "target_too_long", "The request target is too long."},
    {bad_version, 400, "bad_version", "The request line does not end with an HTTP version."},
    {version_not_served, 505, "version_not_served",
     "This HTTP version is not served; send HTTP/1.1."},
    {bad_status_line, 400, "bad_status_line", "The status line is malformed."},
    {bad_line_end, 400, "bad_line_end", "A line does not end with CR LF."},
    {bad_field_name, 400, "bad_field_name", "A header line has no valid field name and colon."},
    {space_before_colon, 400, "space_before_colon", "A field name is followed by a blank."},
    {folded_line, 400, "folded_line", "A header line begins with a blank; send it as one line."},
    {bad_field_value, 400, "bad_field_value", "A header value has a control character."},
    {head_too_large, 431, "head_too_large", "The header section is too large."},
    {too_many_fields, 431, "too_many_fields", "There are too many header lines."},
    {missing_host, 400, "missing_host", "There is no Host header; send exactly one."},
    {duplicate_host, 400, "duplicate_host", "There is more than one Host header."},
    {bad_host, 400, "bad_host", "The Host header is not a host name with an optional port."},
    {target_host_differs, 400, "target_host_differs",
     "The request target names another host than the Host header."},
    {duplicate_content_length, 400, "duplicate_content_length",
     "There is more than one Content-Length header."},
    {bad_content_length, 400, "bad_content_length",
     "The Content-Length header is not one decimal number."},
    {bad_transfer_encoding, 400, "bad_transfer_encoding",
     "The Transfer-Encoding header is not exactly: chunked."},
    {duplicate_transfer_encoding, 400, "duplicate_transfer_encoding",
     "There is more than one Transfer-Encoding header."},
    {transfer_encoding_in_http_1_0, 400, "transfer_encoding_in_http_1_0",
     "HTTP/1.0 has no Transfer-Encoding; send HTTP/1.1."},
    {content_length_with_transfer_encoding, 400, "content_length_with_transfer_encoding",
     "Content-Length and Transfer-Encoding are both there; send one of them."},
    {framing_not_allowed, 400, "framing_not_allowed",
     "The response has a body although its status forbids one."},
    {bad_connection, 400, "bad_connection", "The Connection header is not a list of tokens."},
    {connection_too_long, 431, "connection_too_long", "The Connection header is too long."},
    {expectation_not_served, 417, "expectation_not_served",
     "The only expectation served is: 100-continue."},
    {bad_chunk_size, 400, "bad_chunk_size", "A chunk size is not a hexadecimal number."},
    {chunk_too_large, 400, "chunk_too_large", "A chunk is too large."},
    {bad_chunk_extension, 400, "bad_chunk_extension", "A chunk extension is malformed."},
    {chunk_extension_too_long, 400, "chunk_extension_too_long",
     "The chunk extensions are too long."},
    {bad_chunk_end, 400, "bad_chunk_end", "A chunk does not end with CR LF."},
    {bad_trailer, 400, "bad_trailer", "A trailer line is malformed."},
    {trailer_not_allowed, 400, "trailer_not_allowed",
     "A trailer has a field that belongs in the header section."},
    {trailers_too_large, 431, "trailers_too_large", "The trailer section is too large."},
}};

constexpr bool rows_are_in_order() {
    for (std::size_t i = 0; i < k_rows.size(); ++i) {
        if (static_cast<std::size_t>(k_rows[i].violation) != i) return false;
    }
    return true;
}
static_assert(rows_are_in_order());

const Row& row(Violation violation) {
    return k_rows[static_cast<std::size_t>(violation)];
}

}  // namespace

std::string_view word(Violation violation) {
    return row(violation).word;
}
std::uint16_t status_of(Violation violation) {
    return row(violation).status;
}
std::string_view explain(Violation violation) {
    return row(violation).sentence;
}

}  // namespace moln::http
