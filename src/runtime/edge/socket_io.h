// Reads and writes of the loop, the outcome and the readiness in one value. Of a plain socket each
// is one system call; of a stream of HTTP/2 none, its connection gathers for all.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "http/h2/session.h"
#include "runtime/edge/readiness.h"

namespace moln::edge_loop {

struct Buffer;
struct Client;
struct Connection;

// Into the buffer's room, which must not be empty.
IoResult receive(Connection& connection, Buffer& buffer);
// `head` and then `body`, as far as the connection takes them; not both empty, except to end a
// stream. `end` tells a stream that nothing follows; another connection does not need to know.
IoResult transmit(Connection& connection, std::string_view head, std::string_view body,
                  h2::End end = h2::End::open);
// The same of a response. Over TLS the end of a connection that does not stay leaves with the last
// bytes of its last one: end_output() has nothing more to say then.
IoResult answer(Client& client, std::string_view head, std::string_view body, h2::End end);
// Nothing more will be sent: the peer reads to the end. What it still sends can be read.
void end_output(Connection& connection);

// The same of a socket alone, for plain connections and below TLS. `room` must not be empty.
IoResult receive_raw(int fd, Readiness& ready, std::span<char> room);
enum class Following : std::uint8_t {
    nothing,
    more,  // at once: the kernel need not send what does not fill a packet
};
IoResult transmit_raw(int fd, Readiness& ready, std::string_view head, std::string_view body,
                      Following following = Following::nothing);
// So many bytes of `file` from `at`, without a copy. `ended`: the file is shorter;
// `some` of none: it may be that it cannot be sent like this.
IoResult send_file_raw(int fd, Readiness& ready, int file, std::uint64_t at, std::size_t bytes);

}  // namespace moln::edge_loop
