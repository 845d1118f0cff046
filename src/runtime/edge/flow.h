// The verbs by which a worker moves requests along, one file a topic. Each takes the worker's Core
// and the part it is about; none blocks. They are called by the loop (worker.cc) and by one
// another, always downwards: client -> exchange -> upstream.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "edge/hold.h"
#include "http/write.h"
#include "runtime/edge/core.h"

namespace moln::edge_loop {

// What a step came to.
enum class Flow : std::uint8_t {
    progress,  // something moved: look again
    wait,      // nothing more can be done before an event or a timer
    failed,    // the attempt failed: the exchange has been moved on already, look again
    gone,      // the client is lost
    done,      // the exchange is over
};

// response_flow.cc. Strict-Transport-Security as the route wants it, unless the app says its own:
// exchange.heads->response. Views into `room`.
inline constexpr std::size_t k_hsts_room = 24;
http::ExtraField hsts_field(const Exchange& exchange, std::span<char> room);

// client_flow.cc: a connection from accept to close.
// A batch of those who wait. True: more may.
bool accept_clients(Core& core, Listener& listener);
// Of a listener that closes: all of its backlog, but not for ever whoever comes meanwhile.
inline constexpr int k_last_batches_max = edge::k_listen_backlog / edge::k_accept_batch + 1;
// Goes on with whatever this client can do now. May close it.
void drive(Core& core, Client& client);
void on_client_timer(Core& core, Client& client);
void close_client(Core& core, Client& client);
// Shuts, and reads to the client's end: an unread byte in our receive queue would make the kernel
// reset the connection and the client lose what was said last.
void linger(Core& core, Client& client);
// An idle client goes at once, a busy one after its response.
void stop_client(Core& core, Client& client);

// h2_flow.cc: a connection whose streams are clients of their own.
Flow begin_http2(Core& core, Client& client);
Flow step_http2(Core& core, Client& client);
void on_http2_timer(Core& core, Client& client);
void stop_http2(Core& core, Client& client);
// With all its streams.
void end_http2(Core& core, Client& client);
// Of a stream's client: its stream is left.
void leave_stream(Client& client);
// What was gathered goes out, and what waited for room goes on. May close the client.
void flush_http2(Core& core, Client& client);
// The same of all connections that have gathered something in this turn.
void end_turn(Core& core);

// exchange_flow.cc: a request from its head to the log line.
// Parses from client.in; progress: the client is in state exchange.
Flow begin_exchange(Core& core, Client& client);
// By host and path, in the tables in use. Nowhere if the path can be read in two ways that lead to
// different routes.
Views::Routed route_of(Core& core, const http::RequestHead& head);
// What every answer of ours begins with in HTTP/1, whatever it is.
inline constexpr std::string_view k_answer_begin = "HTTP/1.1 ";
// The head of `bytes` that was written at to_client's tail is on its way as the client's protocol
// has it. False: it cannot be said there.
bool put_head(Exchange& exchange, std::size_t bytes, h2::End end);
// Of a request that the edge makes by itself; see inner_client.h. It is in client.in, whole.
enum class InnerKind : std::uint8_t { fetch, question, copy };
struct InnerWish {
    InnerKind kind = InnerKind::fetch;
    std::optional<http::BodyFraming> body = std::nullopt;  // else as its head says
};
void begin_inner_exchange(Core& core, Client& client, const Exchange& asker, AppView& app,
                          const InnerWish& wish);
// Answers by ourselves.
struct LocalAnswer {
    std::uint16_t status = 500;
    std::string_view text;
    std::string_view content_type = {};  // "": plain text
    std::uint32_t retry_after_s = 0;     // 0: not said
    http::ExtraField extra = {};
    std::string_view error = {};  // a word of edge/access_line.h
};
void answer_locally(Core& core, Exchange& exchange, const LocalAnswer& answer);
// The response is out. The endpoint and the upstream connection are released, the line is logged.
void finish_exchange(Core& core, Exchange& exchange);
// The client is lost or the response broke after some of it was sent.
void abort_exchange(Core& core, Exchange& exchange);
// Gives back all that it holds.
void drop_exchange(Core& core, Exchange& exchange);

// "http" or "https", as the client asked, be it another edge's.
std::string_view scheme_of(const Exchange& exchange);

// dispatch_flow.cc: which instance, and what if that fails.
void dispatch(Core& core, Exchange& exchange);
// The attempt under way came to nothing: repeats it, holds it, answers or cuts.
void fail_attempt(Core& core, Exchange& exchange, edge::AttemptEnd end);
// It waits no more; the time that it did is counted.
void unhold(Exchange& exchange);

// hold_flow.cc: what requests and streams have in common when no endpoint takes them.
edge::HoldCause why_none(const Core& core, const AppView& app, const Attempts& of);
// wait: it is counted, the caller puts it into the app's list.
edge::HoldVerdict begin_hold(Core& core, AppView& app, Attempts& of, edge::HoldCause cause);
void end_hold(AppView& app, Attempts& of);
// What something that waits is to do now.
enum class HeldStep : std::uint8_t { stay, go, give_up };
HeldStep held_step(const Core& core, const AppView& app, Attempts& of);

// Lets waiting requests go, as far as endpoints and time allow.
void serve_held(Core& core, AppView& app);

// silence_flow.cc: instances that owe something. The exchange waits: does its instance's time run?
// What passes on some of the request, or takes the final head, ends it.
void watch_for_silence(Core& core, Exchange& exchange);
void end_silence(Exchange& exchange);
void on_silence(Core& core, Upstream& upstream);

// upstream_flow.cc: connections to instances.
// refused: out of descriptors or local ports. Any other error: the instance cannot be reached.
std::expected<Upstream*, ErrorCode> obtain_upstream(Core& core, Exchange& exchange,
                                                    EndpointView& endpoint);
// What its response's head says of how long it may idle. The head's bytes may go afterwards.
void note_keep_alive(const Core& core, Upstream& upstream, const http::ResponseHead& head);
// To the pool, unless it would not live long there.
void release_upstream(Core& core, Upstream& upstream);
void close_upstream(Core& core, Upstream& upstream);
// h2_upstream_flow.cc: connections of HTTP/2 to instances, whose streams are upstreams.
std::expected<Upstream*, ErrorCode> obtain_h2_stream(Core& core, const Exchange& exchange,
                                                     EndpointView& endpoint);
void on_carrier_event(Core& core, Upstream& carrier);
void on_carrier_timer(Core& core, Upstream& carrier);
void flush_upstream(Core& core, Upstream& carrier);
// Its last stream has gone.
void idle_h2_upstream(Core& core, Upstream& carrier);
void on_upstream_event(Core& core, Upstream& upstream, std::uint32_t events);
void on_upstream_timer(Core& core, Upstream& upstream);

// request_flow.cc, response_flow.cc, tunnel_flow.cc: bytes.
Flow pump_request(Core& core, Exchange& exchange);
// Reads request body bytes that nobody wants, from what is buffered and from the client. `done`
// when the body is complete, `gone` when the limit is passed or the client is lost.
Flow discard_request(Core& core, Client& client);
Flow pump_response(Core& core, Exchange& exchange);
// The client of a request that waits for its answer has ended: it waits for it, or is gone. To look
// is to say something: if it is gone, its connection breaks within the moment.
bool may_have_left(const Exchange& exchange);
void look_for_client(Core& core, Exchange& exchange);
// What it was told before the final head is sent; to_client is null once all of it was.
Flow flush_interim(Core& core, Exchange& exchange);
Flow flush_local(Core& core, Exchange& exchange);
void begin_tunnel(Core& core, Exchange& exchange);
Flow pump_tunnel(Core& core, Exchange& exchange);

// Timers of one connection: the last set counts.
template <typename T>
void set_timer(Core& core, T& part, edge::List<T, ByTimer>& list, Milliseconds duration) {
    static_cast<edge::ListLink<ByTimer>&>(part).unlink();
    part.deadline_ms = core.now_ms + duration.count;
    list.push_back(&part);
}
inline void clear_timer(Timed& part) {
    static_cast<edge::ListLink<ByTimer>&>(part).unlink();
}

}  // namespace moln::edge_loop
