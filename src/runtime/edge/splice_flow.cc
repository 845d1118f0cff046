#include "runtime/edge/splice_flow.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

namespace moln::edge_loop {
namespace {

bool is_socket(const Connection& connection) {
    return connection.stream == nullptr && !connection.tls;
}

// Bytes that went over; wait and done as splice_body().
struct Spliced {
    Flow flow = Flow::progress;
    std::size_t bytes = 0;
};

Spliced splice_some(int from, int into, std::size_t bytes, bool& ready) {
    const auto got =
        ::splice(from, nullptr, into, nullptr, bytes, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (got > 0) return {Flow::progress, static_cast<std::size_t>(got)};
    if (got < 0 && errno == EINTR) return {};
    ready = false;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {Flow::wait, 0};
    return {Flow::done, 0};
}

}  // namespace

bool may_splice(Core& core, Exchange& exchange) {
    if (exchange.pipe != nullptr) return true;
    const BodyReader& body = exchange.response_body;
    if (body.framing.kind != http::BodyKind::length || body.left < k_splice_bytes_min) return false;
    // Who asks for the edge's own sake (the cache, a copy for a canary) has no socket at all.
    if (exchange.client->sink != nullptr) return false;
    if (!is_socket(*exchange.client) || !is_socket(*exchange.upstream)) return false;
    exchange.pipe = core.pipes.lend();
    return exchange.pipe != nullptr;
}

Flow splice_body(Core& core, Exchange& exchange) {
    Client& client = *exchange.client;
    Upstream& upstream = *exchange.upstream;
    BodyReader& body = exchange.response_body;
    Pipe& pipe = *exchange.pipe;
    if (pipe.inside == 0) {
        if (!upstream.ready.readable) return upstream.ready.broken ? Flow::done : Flow::wait;
        const auto wanted = std::min<std::uint64_t>(body.left, k_pipe_bytes);
        const auto in =
            splice_some(upstream.fd.get(), pipe.into.get(), wanted, upstream.ready.readable);
        if (in.flow == Flow::done) upstream.ended = true;
        if (in.flow != Flow::progress) return in.flow;
        pipe.inside = in.bytes;
    }
    if (!client.ready.writable) return Flow::wait;
    const auto out =
        splice_some(pipe.out_of.get(), client.fd.get(), pipe.inside, client.ready.writable);
    if (out.flow == Flow::done) {
        client.ready.broken = true;
        return Flow::gone;
    }
    pipe.inside -= out.bytes;
    exchange.body_bytes_sent += out.bytes;
    body.left -= out.bytes;
    if (body.left == 0) {
        body.complete = true;
        core.pipes.take_back(&exchange.pipe);
    }
    return out.flow;
}

}  // namespace moln::edge_loop
