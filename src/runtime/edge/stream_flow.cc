// A stream from its first byte to its line in the log.
#include "runtime/edge/stream_flow.h"

#include <algorithm>
#include <array>
#include <span>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "edge/client_hello.h"
#include "io/net/socket.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {
namespace {

// Steps of one stream before others have their turn.
constexpr int k_steps_per_turn = 32;

// A TLS client that asks for a name nobody answers to is told so: alert unrecognized_name, fatal
// (RFC 6066 3), in a record of its own.
constexpr std::string_view k_unrecognized_name("\x15\3\3\0\2\2\x70", 7);

enum class Preface : std::uint8_t { wait, refused, done };

Preface read_proxy(Stream& stream) {
    edge::ProxyHeader header;
    Buffer& in = *stream.client.in;
    const auto parsed = edge::parse_proxy_header(in.view(), header);
    if (parsed.progress == edge::ProxyProgress::need_more) return Preface::wait;
    if (parsed.progress == edge::ProxyProgress::refused) return Preface::refused;
    in.consume(parsed.consumed);
    stream.told_peers = header.family != edge::ProxyFamily::unknown;
    if (stream.told_peers) stream.peers = header;
    stream.proxy_read = true;
    return Preface::done;
}

// What is asked once and alone gets its answer; then the client goes on. Bytes that came with it
// would be from before the answer: nobody could say who sent them.
Preface answer_postgres(Stream& stream, edge::PostgresRequest request) {
    StreamEnd& client = stream.client;
    const bool ssl = request == edge::PostgresRequest::ssl;
    bool& asked = ssl ? stream.postgres : stream.gss_refused;
    if (asked || stream.postgres || client.in->size() != edge::k_ssl_request.size()) {
        return Preface::refused;
    }
    asked = true;
    client.in->consume(edge::k_ssl_request.size());
    const char answer = ssl ? edge::k_postgres_yes : edge::k_postgres_no;
    const IoResult put = transmit_raw(client.fd.get(), client.ready, {&answer, 1}, {});
    return put.bytes == 1 ? Preface::wait : Preface::refused;
}

Preface read_hello(Stream& stream) {
    if (stream.client.in == nullptr || stream.client.in->empty()) return Preface::wait;
    const auto request = edge::parse_postgres_request(stream.client.in->view());
    if (request == edge::PostgresRequest::need_more) return Preface::wait;
    if (request != edge::PostgresRequest::none) return answer_postgres(stream, request);
    edge::HelloName name;
    switch (edge::parse_client_hello(stream.client.in->view(), name)) {
        case edge::HelloProgress::need_more: return Preface::wait;
        case edge::HelloProgress::refused: return Preface::refused;
        case edge::HelloProgress::not_tls:  // as one that asks for no name
            if (stream.postgres) return Preface::refused;
            break;
        case edge::HelloProgress::done: stream.name = name.text(); break;
    }
    return Preface::done;
}

// What is here already may be all that is needed, even if the client has ended since.
Preface read_preface(const edge::StreamListen& spec, Stream& stream) {
    if (spec.accept_proxy && !stream.proxy_read) {
        if (stream.client.in == nullptr || stream.client.in->empty()) return Preface::wait;
        if (const auto proxy = read_proxy(stream); proxy != Preface::done) return proxy;
    }
    return spec.by_name ? read_hello(stream) : Preface::done;
}

Flow step_preface(Core& core, Stream& stream) {
    const auto* tables = core.views.tables();
    const auto* spec = tables == nullptr ? nullptr : tables->compiled.find(stream.listen);
    if (spec == nullptr) {
        close_stream(core, stream, edge::StreamOutcome::no_instance);
        return Flow::gone;
    }
    for (;;) {
        const auto preface = read_preface(*spec, stream);
        if (preface == Preface::done) {
            clear_timer(stream);
            route_stream(core, stream);
            return Flow::progress;
        }
        StreamEnd& client = stream.client;
        if (preface == Preface::refused || client.ended || client.ready.broken) {
            close_stream(core, stream,
                         preface == Preface::refused ? edge::StreamOutcome::bad_preface
                                                     : edge::StreamOutcome::client_left);
            return Flow::gone;
        }
        if (!client.ready.readable) return Flow::wait;
        if (client.in == nullptr) client.in = core.buffers.lend();
        if (client.in == nullptr) {
            close_stream(core, stream, edge::StreamOutcome::out_of_capacity);
            return Flow::gone;
        }
        if (client.in->room() == 0) client.in->compact();
        const IoResult got =
            receive_raw(client.fd.get(), client.ready, {client.in->tail(), client.in->room()});
        client.in->end += got.bytes;
        client.received += got.bytes;
        if (got.end == IoEnd::ended) client.ended = true;
    }
}

// It has ended and there is nothing that it said before: who only half-closes has said something.
bool has_left(const Stream& stream) {
    const StreamEnd& client = stream.client;
    if (client.ready.broken) return true;
    if (!client.ready.hung_up || client.received != 0) return false;
    char byte = 0;
    return ::recv(client.fd.get(), &byte, 1, MSG_PEEK) == 0;
}

void begin_passing(Core& core, Stream& stream) {
    stream.state = StreamState::open;
    clear_timer(stream);
    core.views.note_success(*stream.endpoint);
}

// What goes to the instance ahead of the client's bytes.
void write_prefix(Stream& stream) {
    stream.head_size = stream.head_sent = 0;
    if (stream.send_proxy != SendProxy::none) {
        if (!stream.told_peers) {
            const auto local = net::SocketAddress::local_of(stream.client.fd.get());
            if (!local || proxy_address(*local, stream.peers.destination) != stream.peers.family) {
                stream.peers = {};
            }
        }
        const auto room = std::span(stream.head).first<edge::k_proxy_written_max>();
        stream.head_size = edge::write_proxy_header(stream.send_proxy, stream.peers, room);
    }
    if (!stream.postgres) return;
    std::ranges::copy(edge::k_ssl_request, stream.head.data() + stream.head_size);
    stream.head_size += edge::k_ssl_request.size();
}

void on_connected(Core& core, Stream& stream) {
    net::enable_keepalive(stream.instance.fd.get());
    write_prefix(stream);
    if (!stream.postgres) return begin_passing(core, stream);
    stream.state = StreamState::asking;
    set_timer(core, stream, core.streams.connect_timers, edge::k_connect_limit);
}

// The client was told that TLS is spoken; now the instance is asked for it. Its answer is one byte.
Flow step_asking(Core& core, Stream& stream) {
    StreamEnd& instance = stream.instance;
    char answer = 0;
    if (stream.head_sent < stream.head_size) {
        const std::string_view left(stream.head.data() + stream.head_sent,
                                    stream.head_size - stream.head_sent);
        if (!instance.ready.writable) return Flow::wait;
        const IoResult put = transmit_raw(instance.fd.get(), instance.ready, left, {});
        stream.head_sent += put.bytes;
        if (put.end == IoEnd::would_block) return Flow::wait;
        if (put.end == IoEnd::some) return Flow::progress;
    } else {
        // Not before its event: that would be taken for one of the next connection.
        if (!instance.ready.readable) return Flow::wait;
        const IoResult got = receive_raw(instance.fd.get(), instance.ready, {&answer, 1});
        if (got.end == IoEnd::would_block) return Flow::wait;
        if (got.bytes == 1 && answer == edge::k_postgres_yes) {
            begin_passing(core, stream);
            return Flow::progress;
        }
        if (got.bytes == 1) {
            close_stream(core, stream, edge::StreamOutcome::no_tls);
            return Flow::gone;
        }
    }
    fail_stream_attempt(core, stream);
    return stream.state == StreamState::closed ? Flow::gone : Flow::progress;
}

Flow step(Core& core, Stream& stream) {
    switch (stream.state) {
        case StreamState::preface: return step_preface(core, stream);
        case StreamState::held:
        case StreamState::connecting:
            if (!has_left(stream)) return Flow::wait;
            close_stream(core, stream, edge::StreamOutcome::client_left);
            return Flow::gone;
        case StreamState::asking:
            if (!has_left(stream)) return step_asking(core, stream);
            close_stream(core, stream, edge::StreamOutcome::client_left);
            return Flow::gone;
        case StreamState::open: return pump_stream(core, stream);
        case StreamState::closed: return Flow::gone;
    }
    return Flow::gone;
}

std::string_view write_address(const edge::ProxyHeader& peers,
                               std::array<char, INET6_ADDRSTRLEN>& room) {
    if (peers.family == edge::ProxyFamily::unknown) return "";
    const int family = peers.family == edge::ProxyFamily::ipv4 ? AF_INET : AF_INET6;
    const char* text = inet_ntop(family, peers.source.ip.data(), room.data(), INET6_ADDRSTRLEN);
    return text == nullptr ? "" : text;
}

void log_stream(Core& core, const Stream& stream, edge::StreamOutcome outcome,
                std::int64_t duration_us) {
    std::array<char, INET6_ADDRSTRLEN> address;
    const auto listen = stream.listen.text();
    edge::StreamRecord record{.time = WallTime{stream.begun_wall_ms},
                              .client = write_address(stream.peers, address),
                              .listen = listen,
                              .host = stream.name,
                              .outcome = outcome,
                              .bytes_in = stream.client.received,
                              .bytes_out = stream.instance.received,
                              .duration_us = duration_us,
                              .queue_us = stream.queue_us,
                              .retries = stream.retries};
    if (stream.app != nullptr) {
        record.app = stream.app->cell->app.text;
        record.process = stream.app->cell->process;
    }
    if (stream.endpoint != nullptr) record.instance = stream.endpoint->cell->instance.text;
    log_stream_record(core, record);
}

void account(Core& core, Stream& stream, edge::StreamOutcome outcome) {
    log_stream(core, stream, outcome, clock_now(Clock::mono_us) - stream.begun_us);
    const bool error = edge::is_error(outcome);
    if (error) core.counts.streams_failed.add(1);
    if (stream.app != nullptr) {
        stream.app->slot->requests_total.add(1);
        if (error) stream.app->slot->errors_total.add(1);
    }
    if (stream.endpoint == nullptr) return;
    stream.endpoint->slot->requests_total.add(1);
    if (error) stream.endpoint->slot->errors_total.add(1);
    core.views.close(stream);
}

// Whoever reads on at the other side must not take a cut for the end.
bool is_cut(edge::StreamOutcome outcome) {
    return outcome != edge::StreamOutcome::done && outcome != edge::StreamOutcome::half_closed &&
           outcome != edge::StreamOutcome::idle && outcome != edge::StreamOutcome::unknown_name;
}

}  // namespace

void log_stream_record(Core& core, const edge::StreamRecord& record) {
    // That format has no words for them: its readers expect requests.
    if (core.port.log_wish == LogWish::combined) return;
    const auto room = core.log_room();
    if (!room.empty()) core.commit_log(edge::format_stream_line(record, room));
}

void drive_stream(Core& core, Stream& stream) {
    for (int i = 0; i < k_steps_per_turn; ++i) {
        const Flow flow = step(core, stream);
        if (flow == Flow::wait || stream.state == StreamState::closed) return;
    }
    if (!static_cast<edge::ListLink<ByAgain>&>(stream).linked()) {
        core.streams.again.push_back(&stream);
    }
}

void on_stream_event(Core& core, StreamEnd& end, std::uint32_t events) {
    Stream& stream = end.stream;
    end.ready.note(events);
    if (stream.state == StreamState::connecting && &end == &stream.instance) {
        if (end.ready.broken || net::connect_error(end.fd.get()) != 0) {
            fail_stream_attempt(core, stream);
        } else if (end.ready.writable) {
            on_connected(core, stream);
        }
    }
    drive_stream(core, stream);
}

void on_stream_timer(Core& core, Stream& stream) {
    switch (stream.state) {
        case StreamState::preface:
            close_stream(core, stream, edge::StreamOutcome::late_preface);
            return;
        case StreamState::connecting:
        case StreamState::asking:
            fail_stream_attempt(core, stream);
            drive_stream(core, stream);
            return;
        case StreamState::open: {
            const bool half = stream.client.ended || stream.instance.ended;
            close_stream(core, stream,
                         half ? edge::StreamOutcome::half_closed : edge::StreamOutcome::idle);
            return;
        }
        case StreamState::held:
        case StreamState::closed: return;
    }
}

void close_stream(Core& core, Stream& stream, edge::StreamOutcome outcome) {
    if (stream.state == StreamState::closed) return;
    stream.state = StreamState::closed;
    if (static_cast<edge::ListLink<ByHold>&>(stream).linked()) unhold_stream(stream);
    account(core, stream, outcome);
    if (stream.app != nullptr) core.views.release(*stream.app);
    if (outcome == edge::StreamOutcome::unknown_name && !stream.name.empty()) {
        (void)transmit_raw(stream.client.fd.get(), stream.client.ready, k_unrecognized_name, {});
    }
    for (StreamEnd* end : {&stream.client, &stream.instance}) {
        core.buffers.take_back(&end->in);
        if (end->fd.valid() && is_cut(outcome)) net::abort_on_close(end->fd.get());
        end->fd.reset();
    }
    clear_timer(stream);
    static_cast<edge::ListLink<ByAgain>&>(stream).unlink();
    static_cast<edge::ListLink<ByStream>&>(stream).unlink();
    core.counts.clients_open.add(-1);
    core.counts.streams_open.add(-1);
    core.streams.dead.push_back(&stream);
}

void run_streams_again(Core& core) {
    edge::List<Stream, ByAgain> batch;
    while (Stream* stream = core.streams.again.pop_front()) batch.push_back(stream);
    while (Stream* stream = batch.pop_front()) drive_stream(core, *stream);
}

void fire_stream_timers(Core& core) {
    const auto fire = [&](edge::List<Stream, ByTimer>& list) {
        while (Stream* stream = list.front()) {
            if (stream->deadline_ms > core.now_ms) return;
            clear_timer(*stream);
            on_stream_timer(core, *stream);
        }
    };
    auto& streams = core.streams;
    for (auto* list :
         {&streams.preface_timers, &streams.connect_timers, &streams.half_closed_timers}) {
        fire(*list);
    }
    for (auto& [duration, list] : streams.idle_timers) fire(list);
}

}  // namespace moln::edge_loop
