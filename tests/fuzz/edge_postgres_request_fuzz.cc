// Any bytes as what a PostgreSQL client asks first: eight at most decide, and more change nothing.
#include "base/check.h"
#include "edge/postgres_request.h"
#include "fuzz_input.h"

using namespace moln::edge;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = moln::FuzzInput(data, size).rest();
    const auto found = parse_postgres_request(bytes);
    CHECK(found == parse_postgres_request(bytes.substr(0, k_ssl_request.size())));
    CHECK(found != PostgresRequest::need_more || bytes.size() < k_ssl_request.size());
    CHECK(found != PostgresRequest::ssl || bytes.starts_with(k_ssl_request));
    return 0;
}
