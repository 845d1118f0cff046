// An instance that is to take a request, or to begin its answer, may not be silent for ever. Its
// time begins when it owes something: at the last byte of the request, or at a byte that it does
// not take. What the client is waited for does not count, nor does anything once the final head of
// an answer is here: a long poll and a stream of events are silent for as long as they like.
#include "runtime/edge/flow.h"
#include "runtime/edge/inner_sink.h"

namespace moln::edge_loop {
namespace {

// Is a connection of HTTP/2 that its request waits for still being made?
bool is_connecting(const Upstream& upstream) {
    const H2Stream* stream = upstream.stream;
    return stream != nullptr && static_cast<const H2Upstream*>(stream->link)->connecting();
}

bool owes(const Exchange& exchange) {
    const Upstream& upstream = *exchange.upstream;
    if (exchange.stage != ResponseStage::head || upstream.state != UpstreamState::busy) {
        return false;
    }
    if (is_connecting(upstream)) return false;
    return exchange.request_sent || exchange.request_cut || !upstream.ready.writable;
}

Milliseconds limit_of(const Exchange& exchange) {
    const EdgeApp* app = exchange.app->spec;
    return app == nullptr ? EdgeApp{}.answer_timeout : app->answer_timeout;
}

}  // namespace

void watch_for_silence(Core& core, Exchange& exchange) {
    Upstream* upstream = exchange.upstream;
    if (upstream == nullptr || static_cast<edge::ListLink<ByTimer>&>(*upstream).linked()) return;
    if (!owes(exchange)) return;
    const Milliseconds limit = limit_of(exchange);
    set_timer(core, *upstream, core.answer_timers[limit.count], limit);
}

// Another edge has so long for all of it.
void end_silence(Exchange& exchange) {
    Upstream& upstream = *exchange.upstream;
    if (exchange.stage == ResponseStage::head && !upstream.endpoint->peer) clear_timer(upstream);
}

void on_silence(Core& core, Upstream& upstream) {
    Exchange& exchange = *upstream.exchange;
    // It has spoken, and is not read before the client has taken what came before.
    if (upstream.ready.readable) {
        watch_for_silence(core, exchange);
        return;
    }
    Client& client = *exchange.client;
    core.counts.answer_timeouts.add(1);
    fail_attempt(core, exchange, edge::AttemptEnd::timed_out);
    drive(core, client);
}

}  // namespace moln::edge_loop
