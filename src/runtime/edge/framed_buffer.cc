#include "runtime/edge/framed_buffer.h"

#include <algorithm>

#include "http/chunked.h"

namespace moln::edge_loop {

void append_chunk(Buffer& out, std::string_view data) {
    out.append(http::chunk_head(data.size()).view());
    out.append(data);
    out.append(http::k_chunk_end);
}

std::size_t consume_ahead(BufferPool& pool, Buffer** ahead, std::size_t sent) {
    if (*ahead == nullptr) return sent;
    const std::size_t framed = std::min(sent, (*ahead)->size());
    (*ahead)->consume(framed);
    if ((*ahead)->empty()) pool.take_back(ahead);
    return sent - framed;
}

}  // namespace moln::edge_loop
