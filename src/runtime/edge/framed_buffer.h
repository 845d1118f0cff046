// What stands in a buffer ahead of a body that is sent from where it lies: heads and chunk framing.
#pragma once

#include <cstddef>
#include <string_view>

#include "runtime/edge/buffer.h"

namespace moln::edge_loop {

// `data`, not empty, as one chunk; it and http::k_chunk_framing_bytes_max must fit.
void append_chunk(Buffer& out, std::string_view data);

// So many bytes were sent, those in *ahead (which may be null) first. It is given back when it is
// empty; the bytes behind it are returned.
std::size_t consume_ahead(BufferPool& pool, Buffer** ahead, std::size_t sent);

}  // namespace moln::edge_loop
