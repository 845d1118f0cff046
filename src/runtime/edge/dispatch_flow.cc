// Which instance answers a request, and what becomes of the request when that instance, or every
// instance, cannot.
#include <array>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "edge/access_line.h"
#include "edge/basic_auth.h"
#include "http/write.h"
#include "model/quantity.h"
#include "runtime/edge/flow.h"
#include "runtime/edge/inner_sink.h"
#include "runtime/edge/span_flow.h"
#include "runtime/edge/stream_flow.h"

namespace moln::edge_loop {
namespace {

bool write_head(Core& core, Exchange& exchange) {
    if (exchange.to_upstream == nullptr) exchange.to_upstream = core.buffers.lend();
    if (exchange.to_upstream == nullptr) return false;
    const http::RequestHead& head = exchange.heads->request;
    const Client& link = exchange.client->link();
    auto body = exchange.request_body.framing;
    if (body.kind == http::BodyKind::until_close) body.kind = http::BodyKind::chunked;
    H2Stream* stream = exchange.upstream->stream;
    // An upgrade is of HTTP/1.
    const auto upgrade = stream == nullptr ? exchange.upgrade : http::UpgradeWish{};
    const InnerSink* sink = exchange.client->sink;
    InnerFields fields;
    std::array<char, edge::k_credentials_bytes_max> user_room;
    if (exchange.authenticated) {
        // Who it was found to be, and not what the client says of itself.
        const auto user = edge::basic_credentials(head.fields, user_room);
        fields.add({.name = "X-Forwarded-User", .value = user ? user->user : ""});
    } else if (exchange.vouched_user) {
        // What stands there has taken the place of the client's own.
        const auto user = head.fields.first(http::FieldId::x_forwarded_user);
        if (user) fields.add({.name = "X-Forwarded-User", .value = *user});
    }
    const std::string_view client_cert =
        sink == nullptr ? exchange.client_cert : std::string_view(sink->client_cert);
    if (!client_cert.empty()) fields.add({.name = "Client-Cert", .value = client_cert});
    const http::TraceContext trace = trace_sent(exchange);
    http::UpstreamRequest request{.client_address = link.address(),
                                  .scheme = scheme_of(exchange),
                                  .edge_port = link.edge_port,
                                  .trust = exchange.asked_by == edge::AskedBy::client
                                               ? http::ForwardedTrust::replace
                                               : http::ForwardedTrust::append,
                                  .body = body,
                                  .upgrade = upgrade,
                                  .expect_continue = head.expect_continue,
                                  .trace = &trace};
    if (sink != nullptr) sink->shape(request, fields);
    request.extra = fields.view();
    Buffer& out = *exchange.to_upstream;
    const auto size = http::write_request_head(head, request, {out.tail(), out.room()});
    CHECK(size);  // a buffer holds three heads of the longest kind
    if (stream == nullptr) {
        out.end += *size;
        return true;
    }
    const bool ends = exchange.request_body.complete;
    return static_cast<H2Upstream*>(stream->link)
        ->submit(*stream, {out.tail(), *size}, ends ? h2::End::stream : h2::End::open);
}

// Everything of an earlier attempt is forgotten; the request's bytes are still in client->in.
void rewind(Core& core, Exchange& exchange) {
    core.buffers.take_back(&exchange.to_upstream);
    core.buffers.take_back(&exchange.request_trailers);
    exchange.body_at = exchange.head_end;
    if (exchange.replay) exchange.replay->rewind();
    exchange.request_body.start(exchange.request_body.framing);
    exchange.request_sent = exchange.request_cut = false;
    exchange.stage = ResponseStage::head;
    exchange.heads->response_cursor = {};
}

// Before the endpoint is left: whatever happens to a connection is the endpoint's of its exchange.
void leave_upstream(Core& core, Exchange& exchange) {
    Upstream& upstream = *std::exchange(exchange.upstream, nullptr);
    upstream.exchange = nullptr;
    close_upstream(core, upstream);
}

void answer_unavailable(Core& core, Exchange& exchange, std::string_view text,
                        std::string_view error = {}) {
    answer_locally(
        core, exchange,
        {.status = 503, .text = text, .retry_after_s = edge::k_retry_after_s, .error = error});
}

std::string_view word_of(edge::HoldVerdict verdict, edge::HoldCause cause) {
    if (verdict == edge::HoldVerdict::queue_full) return edge::k_error_queue_full;
    switch (cause) {
        case edge::HoldCause::none_ready: return edge::k_error_no_instance;
        case edge::HoldCause::unreachable: return edge::k_error_unreachable;
        case edge::HoldCause::busy: return edge::k_error_busy;
    }
    return {};
}

std::string_view word_of(edge::AttemptEnd end) {
    switch (end) {
        case edge::AttemptEnd::not_connected: return edge::k_error_unreachable;
        case edge::AttemptEnd::refused: return edge::k_error_refused;
        case edge::AttemptEnd::timed_out: return edge::k_error_answer_timeout;
        case edge::AttemptEnd::stale:
        case edge::AttemptEnd::broken:
        case edge::AttemptEnd::response_begun: return edge::k_error_broken_off;
    }
    return {};
}

// Not by its name: who asks may be anybody.
void answer_timed_out(Core& core, Exchange& exchange) {
    const EdgeApp* spec = exchange.app->spec;
    const auto limit = spec == nullptr ? EdgeApp{}.answer_timeout : spec->answer_timeout;
    const auto text =
        fmt::format("the instance did not begin its answer within {} (the app's answer_timeout)",
                    format_duration(limit));
    answer_locally(core, exchange,
                   {.status = 504, .text = text, .error = edge::k_error_answer_timeout});
}

void hold(Core& core, Exchange& exchange, edge::HoldCause cause) {
    AppView& app = *exchange.app;
    if (exchange.mirrored) {
        answer_unavailable(core, exchange, "the canary has no place for it");
        return;
    }
    if (app.spec == nullptr) {
        answer_locally(core, exchange, {.status = 404, .text = "this app is no longer here"});
        return;
    }
    const auto verdict = begin_hold(core, app, exchange, cause);
    if (verdict != edge::HoldVerdict::wait) {
        answer_unavailable(core, exchange, edge::explain(verdict, cause), word_of(verdict, cause));
        return;
    }
    app.held.push_back(&exchange);
}

}  // namespace

void unhold(Exchange& exchange) {
    static_cast<edge::ListLink<ByHold>&>(exchange).unlink();
    end_hold(*exchange.app, exchange);
}

void dispatch(Core& core, Exchange& exchange) {
    const std::span tried(exchange.tried.data(), exchange.tried_count);
    if (exchange.is_new() && !exchange.app->held.empty() && core.views.is_limited(*exchange.app)) {
        hold(core, exchange, edge::HoldCause::busy);  // who came before goes before
        return;
    }
    const bool slow = exchange.app->slow_until_ms > core.now_ms;
    EndpointView* endpoint = core.views.pick(*exchange.app, tried,
                                             {.wish = exchange.wish,
                                              .canary_only = exchange.mirrored,
                                              .by = PickBy::worker,
                                              .now_ms = core.now_ms,
                                              .dice = slow ? core.random.next() : 0});
    if (endpoint == nullptr) {
        hold(core, exchange, why_none(core, *exchange.app, exchange));
        return;
    }
    ++exchange.attempts;
    if (exchange.app->panic[endpoint->canary ? 1 : 0]) core.counts.panic_requests.add(1);
    core.views.open(exchange, *endpoint, core.now_ms);
    begin_try(core, exchange);
    const auto upstream = obtain_upstream(core, exchange, *endpoint);
    if (!upstream) {
        if (upstream.error() == ErrorCode::refused) {
            end_try(core, exchange, edge::k_error_unreachable);
            core.views.close(exchange);
            answer_unavailable(core, exchange, "the edge is out of connections; try again");
            return;
        }
        fail_attempt(core, exchange, edge::AttemptEnd::not_connected);
        return;
    }
    exchange.upstream = *upstream;
    exchange.upstream->exchange = &exchange;
    if (!write_head(core, exchange)) {
        leave_upstream(core, exchange);
        end_try(core, exchange, edge::k_error_broken_off);
        core.views.close(exchange);
        answer_unavailable(core, exchange, "the edge is out of memory; try again");
    }
}

void fail_attempt(Core& core, Exchange& exchange, edge::AttemptEnd end) {
    EndpointView& endpoint = *exchange.endpoint;
    const EndpointCell* cell = endpoint.cell.get();
    end_try(core, exchange, word_of(end));
    if (exchange.upstream != nullptr) leave_upstream(core, exchange);
    if (end == edge::AttemptEnd::not_connected) core.counts.upstream_connect_failures.add(1);
    const bool timed_out = end == edge::AttemptEnd::timed_out;
    const bool broken =
        timed_out || end == edge::AttemptEnd::broken || end == edge::AttemptEnd::response_begun;
    if (broken) ++exchange.seen;
    if (exchange.mirrored) {
        core.views.close(exchange);
        answer_unavailable(core, exchange, "the canary broke off");
        return;
    }
    if (broken && !exchange.client_begun) {  // else it is counted when the exchange is dropped
        endpoint.slot->requests_total.add(1);
        endpoint.slot->errors_total.add(1);
    }
    const bool sound = end == edge::AttemptEnd::stale || end == edge::AttemptEnd::refused;
    if (!sound && core.views.note_failure(endpoint, core.now_ms)) {
        core.counts.ejections.add(1);
    }
    if (exchange.client_begun) {
        abort_exchange(core, exchange);
        return;
    }
    core.views.close(exchange);
    const auto verdict = edge::retry_verdict({.end = end,
                                              .method = exchange.heads->request.method,
                                              .mode = retry_mode(*exchange.app),
                                              .body_replayable = !exchange.replay_lost,
                                              .attempts = exchange.attempts},
                                             exchange.app->budget);
    if (verdict == edge::RetryVerdict::give_up) {
        if (end == edge::AttemptEnd::not_connected) {
            rewind(core, exchange);
            hold(core, exchange, edge::HoldCause::unreachable);
            return;
        }
        if (end == edge::AttemptEnd::refused) {
            answer_unavailable(core, exchange,
                               "the instances of this app take no more requests now; try again",
                               edge::k_error_refused);
            return;
        }
        if (timed_out) {
            answer_timed_out(core, exchange);
            return;
        }
        answer_locally(core, exchange,
                       {.status = 502,
                        .text = "the instance broke off before it answered",
                        .error = edge::k_error_broken_off});
        return;
    }
    if (verdict == edge::RetryVerdict::any_endpoint) {
        exchange.fresh_only = true;
    } else {
        exchange.tried[exchange.tried_count++] = cell;
    }
    core.counts.retries.add(1);
    ++exchange.retries;
    rewind(core, exchange);
    dispatch(core, exchange);
}

void serve_held(Core& core, AppView& app) {
    ++app.exchanges;  // keeps it until the end of this function
    std::size_t may_go = edge::hold_release(app.endpoints.size());
    for (Exchange* exchange = app.held.front(); exchange != nullptr;) {
        Exchange* next = app.held.after(exchange);
        Client& client = *exchange->client;
        const HeldStep step = held_step(core, app, *exchange);
        if (step == HeldStep::go && may_go > 0) {
            --may_go;
            unhold(*exchange);
            dispatch(core, *exchange);
            drive(core, client);
        } else if (step == HeldStep::give_up) {
            unhold(*exchange);
            constexpr auto k_waited = edge::HoldVerdict::wait;
            const auto cause = exchange->held_cause;
            answer_unavailable(core, *exchange, edge::explain(k_waited, cause),
                               word_of(k_waited, cause));
            drive(core, client);
        }
        exchange = next;
    }
    serve_held_streams(core, app);
    if (app.held.empty() && app.held_streams.empty()) {
        static_cast<edge::ListLink<ByHolding>&>(app).unlink();
    }
    core.views.release(app);
}

}  // namespace moln::edge_loop
