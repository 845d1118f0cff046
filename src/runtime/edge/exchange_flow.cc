// One request from its head to its line in the access log.
#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "edge/access_line.h"
#include "edge/histogram.h"
#include "http/url.h"
#include "http/write.h"
#include "io/net/socket.h"
#include "runtime/edge/acme_challenge.h"
#include "runtime/edge/admission_flow.h"
#include "runtime/edge/cache_flow.h"
#include "runtime/edge/client_cert_flow.h"
#include "runtime/edge/file_flow.h"
#include "runtime/edge/flow.h"
#include "runtime/edge/forward_auth.h"
#include "runtime/edge/inner_sink.h"
#include "runtime/edge/peer_flow.h"
#include "runtime/edge/site_flow.h"
#include "runtime/edge/span_flow.h"

namespace moln::edge_loop {
namespace {

constexpr std::string_view k_head_end = "\r\n\r\n";
constexpr http::HeadLimits k_request_limits{.head_bytes_max = edge::k_head_bytes_max};

Exchange& exchange_of(Core& core, Client& client) {
    if (client.exchange == nullptr) {
        client.exchange = core.exchanges.make();
        client.exchange->client = &client;
        client.exchange->heads = core.heads.make();
    }
    return *client.exchange;
}

}  // namespace

Views::Routed route_of(Core& core, const http::RequestHead& head) {
    std::array<char, http::k_host_bytes_max> host_room;
    const auto host = http::normalise_host(head.host(), host_room);
    if (head.path_is_plain) return core.views.route(host, head.path());
    std::array<char, http::HeadLimits{}.target_bytes_max> path_room;
    const auto path = http::normalise_path(head.path(), path_room);
    if (!path) return {};
    const auto routed = core.views.route(host, *path);
    const auto loose = http::normalise_path_loosely(head.path(), path_room);
    if (!loose || core.views.route(host, *loose).target != routed.target) return {};
    return routed;
}

namespace {

// In HTTP/2 a body needs no length: the stream's end ends it.
http::BodyFraming body_of(const Exchange& exchange) {
    const auto framing = http::request_body(exchange.heads->request);
    const H2Stream* stream = exchange.client->stream;
    const bool follows = stream != nullptr && !stream->websocket && stream->body_follows;
    if (!follows || exchange.heads->request.facts.content_length) return framing;
    return {http::BodyKind::until_close, 0};
}

void begin_request(Core& core, Exchange& exchange, std::size_t head_bytes) {
    Client& client = *exchange.client;
    const http::RequestHead& head = exchange.heads->request;
    client.state = ClientState::exchange;
    clear_timer(client);
    client.fresh = false;
    exchange.head_end = exchange.body_at = client.in->begin + head_bytes;
    exchange.request_body.start(body_of(exchange));
    exchange.version = head.version;
    exchange.keep_client =
        http::request_persistence(head) == http::Persistence::keep_alive && !core.stopping;
    exchange.begun_us = core.now_us;
    exchange.begun_wall_ms = core.wall_ms;
    // Room behind the head for a body to replay; a pipelined head may stand far back.
    if (!exchange.request_body.complete &&
        Buffer::capacity() - exchange.head_end < edge::k_replay_memory_max) {
        client.in->compact();
        exchange.head_end = exchange.body_at = head_bytes;
        exchange.heads->request.rebase(client.in->bytes);
    }
    exchange.upgrade = http::upgrade_wish(head);
    begin_trace(core, exchange);
}

// Once its app is known.
void note_replay(Exchange& exchange) {
    const EdgeApp* app = exchange.app->spec;
    if (app == nullptr || exchange.request_body.complete) return;
    const auto& framing = exchange.request_body.framing;
    edge::ReplayWish wish{
        .replay = app->replay, .mode = app->retry, .method = exchange.heads->request.method};
    if (framing.kind == http::BodyKind::length) wish.length = framing.length;
    exchange.replay_max = edge::replay_limit(wish);
}

// One of the requests of which the canary gets a copy?
bool draw_mirror(Core& core, const EdgeApp& app) {
    constexpr std::uint64_t k_whole = 100;
    const auto share = static_cast<std::uint64_t>(app.canary.mirror);
    return share != 0 && core.random.next() % k_whole < share;
}

void note_wish(Core& core, Exchange& exchange) {
    const EdgeApp* app = exchange.app->spec;
    if (app == nullptr) return;
    const bool asks =
        app->affinity || app->balance.by != BalanceBy::least || app->canary_release != 0;
    if (!asks) return;
    exchange.wish =
        edge::preference(*app, exchange.heads->request, exchange.client->link().address());
    if (app->canary_release != 0 && !exchange.wish.canary) {
        exchange.mirror = draw_mirror(core, *app);
    }
}

// A name that the handshake proved is the only one asked for here (RFC 9110 7.4): what a route asks
// of its clients cannot be passed by under another host's name.
bool is_misdirected(const Client& client, const http::RequestHead& head) {
    const Client& link = client.link();
    if (!link.tls) return false;
    const auto name = link.tls->server_name();
    return !name.empty() && !http::equals_ignoring_case(name, head.host());
}

// 308: the method and the body stay (RFC 9110 15.4.9).
void redirect_to_tls(Core& core, Exchange& exchange) {
    const http::RequestHead& head = exchange.heads->request;
    constexpr std::size_t k_around = 32;  // scheme, port, '?'
    std::array<char, http::HeadLimits{}.target_bytes_max + http::k_host_bytes_max + k_around> room;
    http::ByteWriter place(room);
    place.text("https://");
    place.text(head.host());
    if (constexpr std::uint16_t k_https = 443; core.tls_port != k_https) {
        place.text(":");
        place.number(core.tls_port);
    }
    place.text(head.path() == "*" ? "/" : head.path());
    if (head.has_query) {
        place.text("?");
        place.text(head.query());
    }
    answer_locally(core, exchange,
                   {.status = 308,
                    .text = "this is served over TLS",
                    .extra = {.name = "Location", .value = place.written()}});
}

void unrouted(Core& core, Exchange& exchange) {
    core.counts.unrouted.add(1);
    if (core.views.tables() == nullptr) {
        answer_locally(core, exchange,
                       {.status = 503,
                        .text = "this edge does not know its routes yet; try again",
                        .retry_after_s = edge::k_retry_after_s});
        return;
    }
    const http::RequestHead& head = exchange.heads->request;
    std::array<char, http::k_host_bytes_max + 64> text;
    http::ByteWriter out(text);
    out.text("no app answers for host ");
    out.text(head.host());
    if (!head.path_is_plain) out.text(" and this spelling of a path");
    answer_locally(core, exchange,
                   {.status = 404, .text = out.fits() ? out.written() : "no app answers here"});
}

std::string_view version_of(const Exchange& exchange) {
    if (exchange.head_end == 0) return {};
    if (exchange.client->stream != nullptr) return "2";
    return exchange.version == http::Version::http_1_0 ? "1.0" : "1.1";
}

// Of an HTTP/1 head that is still there; "" when it is not, or has no such field.
std::string_view text_of(const Exchange& exchange, http::FieldId field) {
    if (exchange.tunnel_name != nullptr || exchange.head_end == 0) return {};
    return exchange.heads->request.fields.first(field).value_or(std::string_view());
}

void log_exchange(Core& core, const Exchange& exchange, std::int64_t duration_us) {
    const auto room = core.log_room();
    if (room.empty()) return;
    edge::AccessRecord record{.time = WallTime{exchange.begun_wall_ms},
                              .status = exchange.status,
                              .bytes = exchange.body_bytes_sent,
                              .duration_us = duration_us,
                              .queue_us = exchange.queue_us,
                              .retries = exchange.retries,
                              .error = exchange.error};
    if (exchange.tunnel_name != nullptr) {
        record.method = exchange.tunnel_name->method;
        record.host = exchange.tunnel_name->host;
        record.path = exchange.tunnel_name->path;
    } else if (exchange.head_end != 0) {
        record.method = exchange.heads->request.method_name();
        record.host = exchange.heads->request.authority();
        record.path = exchange.heads->request.path();
    }
    const Client& link = exchange.client->link();
    record.client = link.address();
    record.http = version_of(exchange);
    if (link.tls) record.tls = link.tls->tls_1_3() ? "1.3" : "1.2";
    if (exchange.head_end != 0) record.trace_id = exchange.trace.trace_id;
    if (exchange.app != nullptr) {
        record.app = exchange.app->cell->app.text;
        record.process = exchange.app->cell->process;
    }
    if (exchange.endpoint != nullptr) record.instance = exchange.endpoint->cell->instance.text;
    if (core.port.log_wish == LogWish::combined) {
        record.referer = text_of(exchange, http::FieldId::referer);
        record.user_agent = text_of(exchange, http::FieldId::user_agent);
        core.commit_log(edge::format_combined_line(record, room));
    } else {
        core.commit_log(edge::format_access_line(record, room));
    }
}

http::HeadResult parse_head(const Client& client, Heads& heads) {
    const bool refused = client.stream && client.stream->refusal != http::Violation::none;
    if (refused) return {http::Progress::refused, client.stream->refusal, 0};
    return http::parse_request_head(client.in->view(), k_request_limits, heads.request_cursor,
                                    heads.request);
}

// Of so many bytes at to_client's tail, an answer's first, how many are left without those that the
// client has.
std::size_t skip_said(Exchange& exchange, std::size_t bytes) {
    if (!std::exchange(exchange.begin_said, false)) return bytes;
    char* const at = exchange.to_client->tail();
    CHECK(std::string_view(at, bytes).starts_with(k_answer_begin));
    std::copy(at + k_answer_begin.size(), at + bytes, at);
    return bytes - k_answer_begin.size();
}

// An answer of ours stands at to_client's tail: a head, and maybe a body.
void put_local(Exchange& exchange, std::size_t bytes) {
    Buffer& out = *exchange.to_client;
    bytes = skip_said(exchange, bytes);
    const std::string_view answer(out.tail(), bytes);
    const std::size_t head_bytes = answer.find(k_head_end) + k_head_end.size();
    if (H2Stream* stream = exchange.client->stream) {
        const auto end = head_bytes < bytes ? h2::End::open : h2::End::stream;
        connection_of(*exchange.client).respond(*stream, answer.substr(0, head_bytes), end);
        out.begin = out.end + head_bytes;
    } else {
        exchange.local_head = out.size() + head_bytes;
    }
    out.end += bytes;
}

void count_for_route(Core& core, const Exchange& exchange, bool error, std::size_t bucket) {
    RouteSlot& slot = core.port.routes.slot(exchange.route_slot);
    slot.requests_total.add(1);
    if (error) slot.errors_total.add(1);
    slot.latency[bucket].add(1);
    slot.bytes_out.add(static_cast<std::int64_t>(exchange.body_bytes_sent));
    if (exchange.visit == nullptr) return;
    const auto& status = exchange.visit->status;
    if (status.forward == http::CacheForward::none) {
        slot.cache_hits.add(1);
    } else if (status.stored || status.collapsed) {
        slot.cache_misses.add(1);
    } else {
        slot.cache_passes.add(1);
    }
}

// Counts, logs and leaves the endpoint; the connection upstream is gone or given back already.
void account(Core& core, Exchange& exchange, bool broken) {
    const std::int64_t duration_us = clock_now(Clock::mono_us) - exchange.begun_us;
    const InnerSink* sink = exchange.client->sink;  // the requests that it is for are told
    if (sink == nullptr) log_exchange(core, exchange, duration_us);
    if (exchange.attempt.open) {
        const bool left = exchange.status == 0;
        end_try(core, exchange, broken ? edge::k_error_broken_off : left ? "client_left" : "");
    }
    if (exchange.recorded) {
        record_span(core, exchange, {.duration_us = duration_us, .broken = broken});
    }
    const bool error = broken || exchange.status >= 500;
    if (exchange.app != nullptr && (sink == nullptr || sink->counts())) {
        AppSlot& slot = *exchange.app->slot;
        slot.requests_total.add(1);
        if (error) slot.errors_total.add(1);
        const std::size_t bucket = edge::latency_bucket(duration_us);
        slot.latency[bucket].add(1);
        if (sink == nullptr) count_for_route(core, exchange, error, bucket);
    }
    if (!exchange.mirrored) {
        core.counts.bytes_out.add(static_cast<std::int64_t>(exchange.body_bytes_sent));
    }
    if (exchange.endpoint == nullptr) return;
    if (!exchange.mirrored) {
        exchange.endpoint->slot->requests_total.add(1);
        if (error) exchange.endpoint->slot->errors_total.add(1);
    }
    core.views.close(exchange);
}

// The client has some of an answer and will not have the rest; and it is not the client that left.
bool breaks_off(const Exchange& exchange) {
    const Client& client = *exchange.client;
    const bool left = client.ready.broken || (client.ended && !exchange.request_body.complete);
    return exchange.client_begun && !left;
}

bool reusable(const Core& core, const Exchange& exchange) {
    const Upstream& upstream = *exchange.upstream;
    const EndpointView& endpoint = *upstream.endpoint;
    if (!exchange.request_sent || exchange.request_cut || core.stopping) return false;
    if (upstream.ended || upstream.ready.broken || upstream.ready.hung_up) return false;
    const auto& response = exchange.heads->response;
    if (http::withholds_body(response, exchange.heads->request.method)) return false;
    if (upstream.in != nullptr && !upstream.in->empty()) return false;
    if (!endpoint.current || endpoint.state != EndpointState::active) return false;
    return http::response_persistence(response, exchange.response_body.framing) ==
           http::Persistence::keep_alive;
}

}  // namespace

bool put_head(Exchange& exchange, std::size_t bytes, h2::End end) {
    Buffer& out = *exchange.to_client;
    H2Stream* stream = exchange.client->stream;
    if (stream == nullptr) {
        out.end += skip_said(exchange, bytes);
        return true;
    }
    return connection_of(*exchange.client).respond(*stream, {out.tail(), bytes}, end);
}

Flow begin_exchange(Core& core, Client& client) {
    Exchange& exchange = exchange_of(core, client);
    if (client.state == ClientState::idle) {
        client.state = ClientState::head;
        set_timer(core, client, core.head_timers, core.limits.head);
    }
    Heads& heads = *exchange.heads;
    const auto parsed = parse_head(client, heads);
    if (parsed.progress == http::Progress::need_more) return Flow::wait;
    if (parsed.progress == http::Progress::refused) {
        core.counts.bad_requests.add(1);
        exchange.begun_us = core.now_us;
        exchange.begun_wall_ms = core.wall_ms;
        answer_locally(
            core, exchange,
            {.status = http::status_of(parsed.violation), .text = http::explain(parsed.violation)});
        return Flow::progress;
    }
    heads.request.rebase(client.in->bytes + client.in->begin);
    begin_request(core, exchange, parsed.consumed);
    if (answer_challenge(core, exchange)) return Flow::progress;
    hear_peer(core, exchange);
    const bool of_peer = exchange.asked_by != edge::AskedBy::client;
    if (!of_peer && is_misdirected(client, heads.request)) {
        answer_locally(core, exchange,
                       {.status = 421, .text = "this connection was made for another host"});
        return Flow::progress;
    }
    const auto routed = route_of(core, heads.request);
    if (routed.app == nullptr) {
        unrouted(core, exchange);
        return Flow::progress;
    }
    if (of_peer) {
        // The edge that asks has let its client in.
        exchange.app = routed.app;
        exchange.route_slot = routed.slot;
        exchange.route_path_bytes = routed.target->path_bytes;
        ++exchange.app->exchanges;
        enter(core, exchange, routed.target->cache);
        return Flow::progress;
    }
    const bool over_tls = client.link().tls != nullptr;
    const bool redirect = routed.target->redirect || routed.target->client_cert;
    if (redirect && !over_tls && core.tls_port != 0) {
        redirect_to_tls(core, exchange);
        return Flow::progress;
    }
    if (over_tls) exchange.hsts_s = routed.target->hsts_s;
    exchange.app = routed.app;
    exchange.route_slot = routed.slot;
    exchange.route_path_bytes = routed.target->path_bytes;
    ++exchange.app->exchanges;
    if (routed.target->client_cert && !admit_client_cert(core, exchange, *routed.target)) {
        return Flow::progress;
    }
    const auto admission = admit(core, exchange, *routed.target);
    if (admission == Admission::in) enter(core, exchange, routed.target->cache);
    return Flow::progress;
}

std::string_view scheme_of(const Exchange& exchange) {
    const Client& link = exchange.client->link();
    if (link.sink != nullptr) return link.sink->scheme;
    if (exchange.asked_by != edge::AskedBy::client) return exchange.peer_scheme;
    return link.tls ? "https" : "http";
}

void enter(Core& core, Exchange& exchange, const std::optional<CacheSpec>& cache) {
    if (exchange.app->spec != nullptr && exchange.app->spec->site) {
        enter_site(core, exchange);
        return;
    }
    exchange.app->budget.note_request();
    note_replay(exchange);
    note_wish(core, exchange);
    if (exchange.asked_by != edge::AskedBy::client) exchange.wish.canary = exchange.mirror = false;
    // What the canary answers, or an app that is being worked on, or who shows a certificate gets,
    // or who keeps some of the request from the app, is not what others are to get. What it changes
    // is no longer true for them either.
    const bool for_all = !exchange.wish.canary && !is_in_maintenance(*exchange.app) &&
                         exchange.client_cert.empty() &&
                         !http::keeps_fields_back(exchange.heads->request);
    const auto changes = [&] {
        return edge::cache_role(exchange.heads->request) == edge::CacheRole::invalidate;
    };
    if (cache && (for_all || changes()) &&
        enter_cache(core, exchange, *cache) == CacheEntry::taken) {
        return;
    }
    dispatch(core, exchange);
}

void begin_inner_exchange(Core& core, Client& client, const Exchange& asker, AppView& app,
                          const InnerWish& wish) {
    Exchange& exchange = exchange_of(core, client);
    exchange.authenticated = asker.authenticated;
    exchange.vouched = asker.vouched;
    exchange.vouched_user = asker.vouched_user;
    exchange.asked_by = asker.asked_by;
    exchange.peer_scheme = asker.peer_scheme;
    exchange.app = &app;
    ++app.exchanges;
    if (wish.kind != InnerKind::copy) app.budget.note_request();
    Heads& heads = *exchange.heads;
    const auto parsed = parse_head(client, heads);
    CHECK(parsed.progress == http::Progress::done);  // it was, where these bytes come from
    heads.request.rebase(client.in->bytes + client.in->begin);
    begin_request(core, exchange, parsed.consumed);
    exchange.trace = asker.trace;  // it is a part of what that one does
    exchange.tries_recorded = asker.tries_recorded;
    if (wish.body) exchange.request_body.start(*wish.body);
    note_wish(core, exchange);
    exchange.mirrored = wish.kind == InnerKind::copy;
    if (wish.kind != InnerKind::fetch) exchange.mirror = false;
    // What the canary answers is not for the cache; of a copy it is all that it is for.
    if (wish.kind != InnerKind::question) exchange.wish.canary = exchange.mirrored;
    dispatch(core, exchange);
}

void answer_locally(Core& core, Exchange& exchange, const LocalAnswer& answer) {
    Client& client = *exchange.client;
    exchange.error = answer.error;
    if (client.sink != nullptr) {
        exchange.status = answer.status;
        client.sink->take_refusal(core, exchange, answer);
        exchange.stage = ResponseStage::local;
        return;
    }
    const bool has_head = exchange.head_end != 0;  // else it was refused or never came
    client.state = ClientState::exchange;
    clear_timer(client);
    exchange.stage = ResponseStage::local;
    exchange.status = answer.status;
    if (!has_head || !exchange.request_body.complete) exchange.keep_client = false;
    if (exchange.begun_us == 0) exchange.begun_us = core.now_us;
    if (exchange.to_client == nullptr) exchange.to_client = core.buffers.lend();
    if (exchange.to_client == nullptr) {
        abort_exchange(core, exchange);
        return;
    }
    const auto& head = exchange.heads->request;
    http::ErrorResponse error{.status = answer.status,
                              .text = answer.text,
                              .retry_after_s = std::nullopt,
                              .request_method = has_head ? head.method : http::Method::get,
                              .client_version = has_head ? head.version : http::Version::http_1_1,
                              .persistence = exchange.keep_client ? http::Persistence::keep_alive
                                                                  : http::Persistence::close,
                              .date = core.date_text(),
                              .extra = {}};
    if (answer.retry_after_s != 0) error.retry_after_s = answer.retry_after_s;
    error.content_type = answer.content_type;
    const http::ExtraField failed{.name = edge::k_peer_field, .value = edge::k_peer_failed};
    if (!answer.extra.name.empty()) {
        error.extra = {&answer.extra, 1};
    } else if (exchange.asked_by != edge::AskedBy::client) {
        error.extra = {&failed, 1};
    }
    Buffer& out = *exchange.to_client;
    const auto size = http::write_error_response(error, {out.tail(), out.room()});
    CHECK(size);  // a text of ours always fits into an almost empty buffer
    put_local(exchange, *size);
}

void finish_exchange(Core& core, Exchange& exchange) {
    const bool ours = exchange.stage == ResponseStage::local;
    if (exchange.endpoint != nullptr && !ours && !exchange.mirrored)
        core.views.note_success(*exchange.endpoint);
    if (exchange.upstream != nullptr) {
        const bool keep = !ours && exchange.upstream->stream == nullptr && reusable(core, exchange);
        Upstream& upstream = *std::exchange(exchange.upstream, nullptr);
        upstream.exchange = nullptr;
        if (keep) {
            release_upstream(core, upstream);
        } else {
            close_upstream(core, upstream);
        }
    }
    account(core, exchange, false);
    exchange.stage = ResponseStage::done;
}

void abort_exchange(Core& core, Exchange& exchange) {
    Client& client = *exchange.client;
    // Without a length or chunks the client could take a cut body for a whole one.
    const bool ends_by_closing = exchange.client_body == http::BodyKind::until_close;
    if (exchange.client_begun && ends_by_closing && client.stream == nullptr) {
        if (client.tls) client.tls->abandon();
        net::abort_on_close(client.fd.get());
    }
    if (client.sink != nullptr) client.sink->take_break(core, exchange);
    close_client(core, client);
}

void drop_exchange(Core& core, Exchange& exchange) {
    if (exchange.upstream != nullptr) {
        Upstream* upstream = std::exchange(exchange.upstream, nullptr);
        upstream->exchange = nullptr;
        close_upstream(core, *upstream);
    }
    if (static_cast<edge::ListLink<ByHold>&>(exchange).linked()) unhold(exchange);
    const bool logged = exchange.stage == ResponseStage::done;
    if (!logged && exchange.begun_us != 0) {
        const bool broken = breaks_off(exchange);
        if (broken) exchange.error = edge::k_error_broken_off;
        account(core, exchange, broken);
    }
    leave_cache(core, exchange);
    leave_file(core, exchange);
    leave_auth(core, exchange);
    if (exchange.app != nullptr) core.views.release(*exchange.app);
    core.buffers.take_back(&exchange.to_upstream);
    core.buffers.take_back(&exchange.to_client);
    core.buffers.take_back(&exchange.request_trailers);
    core.buffers.take_back(&exchange.response_trailers);
    core.pipes.take_back(&exchange.pipe);
    if (exchange.heads != nullptr) core.heads.drop(exchange.heads);
    delete exchange.tunnel_name;
    exchange.client->exchange = nullptr;
    core.exchanges.drop(&exchange);
}

}  // namespace moln::edge_loop
