// The API's HTTP/1.1 server: a unix socket for root, and if wanted a TCP port on loopback with a
// bearer token. It frames, limits and times; what requests mean is ApiService's.
//
// One thread: everything, the service included, runs on the io_context's. The io_context, the loop
// and the service outlive the server; exchanges may outlive it and then go nowhere.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/units.h"
#include "ports/api_service.h"
#include "ports/pool.h"

namespace boost::asio {
class io_context;
}

namespace moln::io {

struct ApiServerLimits {
    std::size_t connections_max = 256;  // one more is answered 503 and closed
    std::uint32_t head_bytes_max = 64 * 1024;
    Milliseconds head_time = seconds(10);   // from the first byte of a head to its last
    Milliseconds idle_time = seconds(75);   // between requests of a connection
    Milliseconds stall_time = seconds(60);  // without a byte moved of a body or an answer
};

struct ApiServerOptions {
    std::string unix_socket;  // path, made 0600; what a dead daemon left there is replaced
    // "127.0.0.1:7000" or "[::1]:7000", port 0 for one of the kernel's choice; "" for none. Other
    // addresses are refused: without TLS nobody else's network may carry the token.
    std::string tcp_listen;
    std::string token_file;  // for tcp_listen: 0600, its first line is the token
    ApiServerLimits limits;
};

class ApiServer {
public:
    virtual ~ApiServer() = default;  // closes the listeners and cuts the connections
    // "127.0.0.1:41234" as bound, "" without.
    virtual std::string tcp_address() const = 0;
    virtual std::size_t connections() const = 0;
};

// Errors: invalid (address not loopback, token file missing, open to others or short; a socket path
// that is too long), exists (the address is taken), denied.
Result<std::unique_ptr<ApiServer>> start_api_server(boost::asio::io_context& io, Loop& loop,
                                                    ApiService& service,
                                                    const ApiServerOptions& options);

}  // namespace moln::io
