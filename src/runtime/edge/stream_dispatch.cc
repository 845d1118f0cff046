// Which instance a stream goes to, and what if that one, or every one, cannot be reached. As
// dispatch_flow.cc, but that a stream without an instance can only be broken off.
#include <span>

#include "io/net/socket.h"
#include "runtime/edge/stream_flow.h"

namespace moln::edge_loop {
namespace {

void hold_stream(Core& core, Stream& stream, edge::HoldCause cause) {
    AppView& app = *stream.app;
    if (app.spec == nullptr) {
        close_stream(core, stream, edge::StreamOutcome::no_instance);
        return;
    }
    if (begin_hold(core, app, stream, cause) != edge::HoldVerdict::wait) {
        close_stream(core, stream, edge::StreamOutcome::no_instance);
        return;
    }
    stream.state = StreamState::held;
    app.held_streams.push_back(&stream);
}

// refused: out of descriptors or local ports. Any other error: the instance cannot be reached.
Status connect_to(Core& core, Stream& stream, const EndpointView& endpoint) {
    core.counts.upstream_connects.add(1);
    auto address = endpoint.cell->address;
    if (stream.port != 0) address.set_port(stream.port);
    MOLN_ASSIGN(auto fd, net::connect_tcp(address));
    stream.instance.ready = {};
    stream.instance.fd = std::move(fd);
    MOLN_TRY(core.epoll.add(stream.instance.fd.get(), net::k_stream_edges,
                            static_cast<Part*>(&stream.instance)));
    stream.state = StreamState::connecting;
    set_timer(core, stream, core.streams.connect_timers, edge::k_connect_limit);
    return {};
}

void dispatch_stream(Core& core, Stream& stream) {
    AppView& app = *stream.app;
    const std::span tried(stream.tried.data(), stream.tried_count);
    if (stream.is_new() && !app.held_streams.empty() && core.views.is_limited(app)) {
        hold_stream(core, stream, edge::HoldCause::busy);  // who came before goes before
        return;
    }
    if (app.spec != nullptr)
        stream.wish = edge::stream_preference(*app.spec, stream.peers.source.ip);
    const bool slow = app.slow_until_ms > core.now_ms;
    EndpointView* endpoint = core.views.pick(app, tried,
                                             {.wish = stream.wish,
                                              .by = PickBy::edge,
                                              .now_ms = core.now_ms,
                                              .dice = slow ? core.random.next() : 0});
    if (endpoint == nullptr) {
        hold_stream(core, stream, why_none(core, app, stream));
        return;
    }
    ++stream.attempts;
    core.views.open(stream, *endpoint, core.now_ms);
    core.views.to_tunnel(stream);
    const Status begun = connect_to(core, stream, *endpoint);
    if (begun) return;
    if (begun.error().code == ErrorCode::refused) {
        close_stream(core, stream, edge::StreamOutcome::out_of_capacity);
    } else {
        fail_stream_attempt(core, stream);
    }
}

}  // namespace

void route_stream(Core& core, Stream& stream) {
    const auto& compiled = core.views.tables()->compiled;
    const auto* spec = compiled.find(stream.listen);
    const auto* target = spec == nullptr ? nullptr : spec->find(stream.name);
    if (target == nullptr) {
        core.counts.unrouted.add(1);
        close_stream(core, stream, edge::StreamOutcome::unknown_name);
        return;
    }
    stream.app = &core.views.app(target->app);
    ++stream.app->exchanges;
    // An instance that is promised the client's address must not be given the edge's.
    if (target->keep_source) return close_stream(core, stream, edge::StreamOutcome::no_instance);
    stream.port = target->port;
    stream.send_proxy = target->send_proxy;
    stream.idle = target->idle;
    dispatch_stream(core, stream);
}

void fail_stream_attempt(Core& core, Stream& stream) {
    EndpointView& endpoint = *stream.endpoint;
    const EndpointCell* cell = endpoint.cell.get();
    clear_timer(stream);
    stream.instance.fd.reset();
    core.counts.upstream_connect_failures.add(1);
    if (core.views.note_failure(endpoint, core.now_ms)) core.counts.ejections.add(1);
    core.views.close(stream);
    stream.tunnel = false;
    if (stream.attempts >= edge::k_attempts_max) {
        hold_stream(core, stream, edge::HoldCause::unreachable);
        return;
    }
    stream.tried[stream.tried_count++] = cell;
    core.counts.retries.add(1);
    ++stream.retries;
    dispatch_stream(core, stream);
}

void unhold_stream(Stream& stream) {
    static_cast<edge::ListLink<ByHold>&>(stream).unlink();
    end_hold(*stream.app, stream);
}

void serve_held_streams(Core& core, AppView& app) {
    std::size_t may_go = edge::hold_release(app.endpoints.size());
    for (Stream* stream = app.held_streams.front(); stream != nullptr;) {
        Stream* next = app.held_streams.after(stream);
        const HeldStep step = held_step(core, app, *stream);
        if (step == HeldStep::go && may_go > 0) {
            --may_go;
            unhold_stream(*stream);
            dispatch_stream(core, *stream);
        } else if (step == HeldStep::give_up) {
            close_stream(core, *stream, edge::StreamOutcome::no_instance);
        }
        stream = next;
    }
}

}  // namespace moln::edge_loop
