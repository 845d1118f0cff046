#include "runtime/edge/framed_buffer.h"

#include <algorithm>

#include "http/chunked.h"

namespace moln::edge_loop {

void append_chunk(Buffer& out, std::string_view data) {
    out.append(http::chunk_head(data.size()).view());
    out.append(data);
    out.append(http::k_chunk_end);
}

bool append_line(BufferPool& pool, Buffer** lines, const http::Field& field) {
    if (*lines == nullptr) *lines = pool.lend();
    if (*lines == nullptr || (*lines)->room() < field.name.size() + field.value.size() + 4) {
        return false;
    }
    (*lines)->append(field.name);
    (*lines)->append(": ");
    (*lines)->append(field.value);
    (*lines)->append("\r\n");
    return true;
}

void append_last_chunk(Buffer& out, std::string_view trailers) {
    if (trailers.empty()) {
        out.append(http::k_last_chunk);
        return;
    }
    out.append("0\r\n");
    out.append(trailers);
    out.append("\r\n");
}

std::size_t consume_ahead(BufferPool& pool, Buffer** ahead, std::size_t sent) {
    if (*ahead == nullptr) return sent;
    const std::size_t framed = std::min(sent, (*ahead)->size());
    (*ahead)->consume(framed);
    if ((*ahead)->empty()) pool.take_back(ahead);
    return sent - framed;
}

}  // namespace moln::edge_loop
