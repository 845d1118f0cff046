#include "runtime/edge/parts.h"

namespace moln::edge_loop {

void BodyReader::start(const http::BodyFraming& what) {
    framing = what;
    left = what.length;
    complete = what.kind == http::BodyKind::none;
    if (what.kind == http::BodyKind::chunked) chunks = http::ChunkedDecoder();
}

}  // namespace moln::edge_loop
