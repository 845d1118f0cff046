#include "edge/postgres_request.h"

namespace moln::edge {

PostgresRequest parse_postgres_request(std::string_view bytes) {
    const auto begun = bytes.substr(0, k_ssl_request.size());
    if (begun == k_ssl_request) return PostgresRequest::ssl;
    if (begun == k_gss_request) return PostgresRequest::gss;
    const bool may_be = k_ssl_request.starts_with(begun) || k_gss_request.starts_with(begun);
    return may_be ? PostgresRequest::need_more : PostgresRequest::none;
}

}  // namespace moln::edge
