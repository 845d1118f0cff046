// The io_context inside a HostLoop, for code that serves sockets on the loop thread. Whatever is
// made on it is destroyed before the loop.
#pragma once

#include <boost/asio/io_context.hpp>

#include "io/host/host_loop.h"

namespace moln {

boost::asio::io_context& asio_context(HostLoop& loop);

}  // namespace moln
