// What stands in a buffer ahead of a body that is sent from where it lies: heads and chunk framing.
#pragma once

#include <cstddef>
#include <string_view>

#include "http/chunked.h"
#include "http/field.h"
#include "runtime/edge/buffer.h"

namespace moln::edge_loop {

// `data`, not empty, as one chunk; it and http::k_chunk_framing_bytes_max must fit.
void append_chunk(Buffer& out, std::string_view data);

// A field line into *lines, which is lent for it. False: no memory, or no room.
bool append_line(BufferPool& pool, Buffer** lines, const http::Field& field);

// What ends a chunked body: the last chunk, and field lines behind it. They must fit.
void append_last_chunk(Buffer& out, std::string_view trailers = {});
// Room that suffices for it with the trailers that a ChunkedDecoder lets pass.
inline constexpr std::size_t k_last_chunk_room =
    http::ChunkLimits{}.trailer_bytes_max + 4 * http::ChunkLimits{}.trailers_max + 16;

// So many bytes were sent, those in *ahead (which may be null) first. It is given back when it is
// empty; the bytes behind it are returned.
std::size_t consume_ahead(BufferPool& pool, Buffer** ahead, std::size_t sent);

}  // namespace moln::edge_loop
