// Requests at the cache: looked up, made to wait, answered.
#include "runtime/edge/cache_flow.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "edge/cache/target.h"
#include "http/range.h"
#include "http/vary.h"
#include "http/write.h"
#include "runtime/edge/cache_answer.h"
#include "runtime/edge/cache_fill.h"
#include "runtime/edge/cache_slices.h"
#include "runtime/edge/cache_steps.h"
#include "runtime/edge/file_flow.h"
#include "runtime/edge/framed_buffer.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {

namespace {

// To who wants nothing else (RFC 9111 5.2.1.7).
void answer_not_cached(Core& core, Exchange& exchange) {
    answer_locally(core, exchange, {.status = 504, .text = "this is not in the cache"});
}

}  // namespace

void count_hit(Core& core, CacheVisit& visit) {
    core.counts.cache_hits.add(1);
    visit.hit = true;
}

void count_stale_hit(Core& core, CacheVisit& visit) {
    core.counts.cache_stale_hits.add(1);
    visit.stale_hit = true;
}

void end_wait(CacheVisit& visit) {
    static_cast<edge::ListLink<ByVisit>&>(visit).unlink();
    clear_timer(visit);
    visit.late = false;
}

void go_alone(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    end_wait(visit);
    visit.fetch.reset();
    visit.slices.reset();
    visit.response.reset();
    if (visit.wish.control.only_if_cached) return answer_not_cached(core, exchange);
    core.counts.cache_passes.add(1);
    exchange.stage = ResponseStage::head;
    dispatch(core, exchange);
}

void serve(Core& core, Exchange& exchange, std::shared_ptr<const CachedResponse> response) {
    exchange.visit->response = std::move(response);
    exchange.visit->fetch.reset();
    exchange.visit->stays_with.reset();
    exchange.stage = ResponseStage::cache;
    const auto put = put_stored_head(core, exchange);
    if (put == HeadPut::put) return;
    exchange.visit->response.reset();
    if (put == HeadPut::gone) {
        // Dropped since it was found, with the oldest of the disk.
        exchange.visit->status = {.forward = http::CacheForward::uri_miss};
        return go_alone(core, exchange);
    }
    answer_locally(core, exchange,
                   {.status = 503,
                    .text = "the edge is out of memory",
                    .retry_after_s = edge::k_retry_after_s});
}

bool has_credentials(const Exchange& exchange) {
    return exchange.authenticated || exchange.vouched ||
           exchange.heads->request.fields.has(http::FieldId::authorization);
}

bool looks_again(const CacheFetch& passed, const Exchange& exchange) {
    return passed.passed() == CacheFetch::Passed::credentials && !has_credentials(exchange);
}

bool suits(Core& core, const Exchange& exchange, const CachedResponse& response) {
    std::array<char, http::k_vary_key_bytes_max> room;
    const auto key = http::vary_key(response.vary_names, exchange.heads->request.fields, room);
    if (!key || *key != response.vary_key || core.cache->is_purged(response)) return false;
    // It came after this request did: what the client wants of its age is met. An app that is
    // slower than its answers are fresh is asked once all the same: on their way they have aged for
    // those who come later.
    const std::int64_t since_ms = core.now_ms - response.came_ms - response.delay_ms;
    return edge::judge_reuse(response.freshness, since_ms, {}).reuse != edge::Reuse::validate;
}

void begin_load(Core& core, CacheVisit& visit) {
    CacheFetch& fetch = *visit.fetch;
    if (core.cache->load(fetch, core.now_ms, {core.wall_ms})) {
        tell(core, fetch.waiting());
        return;
    }
    if (core.cache->load_later(visit.fetch)) return;
    visit.without_disk = true;
    tell(core, fetch.waiting());
}

void tell_failure(Core& core, Exchange& exchange, const CacheFailure& failure) {
    CacheVisit& visit = *exchange.visit;
    // The failure goes with the fetch.
    const auto fetch = std::exchange(visit.fetch, nullptr);
    end_wait(visit);
    answer_locally(core, exchange,
                   {.status = failure.status,
                    .text = failure.text,
                    .retry_after_s = failure.retry_after_s,
                    .error = failure.error});
}

namespace {

edge::ListLink<ByVisit>& news_link(CacheVisit& visit) {
    return visit;
}

void wait_for_news(Core& core, CacheVisit& visit) {
    if (!news_link(visit).linked()) core.cache_visits.push_back(&visit);
}

// Who leads waits for as long as the app takes. Who stays with another's looks now and then whether
// there is something else by now.
void limit_wait(Core& core, CacheVisit& visit) {
    if (static_cast<edge::ListLink<ByTimer>&>(visit).linked()) return;
    if (visit.fetch->from_disk()) {
        set_timer(core, visit, core.cache_load_timers, edge::k_cache_load_limit);
    } else if (!visit.leads) {
        set_timer(core, visit, core.cache_wait_timers, edge::k_cache_join_limit);
    }
}

// With one port for a scheme that says it all. Another edge passes on what its client's was.
edge::CacheEntrance entrance_of(const Core& core, const Exchange& exchange) {
    edge::CacheEntrance entrance{.scheme = scheme_of(exchange)};
    if (!core.several_ports) return entrance;
    if (exchange.asked_by == edge::AskedBy::client) {
        entrance.port = exchange.client->link().edge_port;
        return entrance;
    }
    const auto port = exchange.heads->request.fields.only(http::FieldId::x_forwarded_port);
    if (port) std::from_chars(port->data(), port->data() + port->size(), entrance.port);
    return entrance;
}

CacheEntry look_up(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    const http::RequestHead& request = exchange.heads->request;
    const http::CacheControl& wanted = visit.wish.control;
    visit.status = {.forward = http::CacheForward::request};
    if (wanted.no_store) return CacheEntry::not_taken;
    std::array<char, edge::k_cache_key_bytes_max> room;
    const auto key = edge::cache_key(entrance_of(core, exchange), request, room);
    if (!key) return CacheEntry::not_taken;
    const bool may_lead = request.method == http::Method::get && !wanted.only_if_cached &&
                          !request.fields.first(http::FieldId::range);
    const AppCell& app = *exchange.app->cell;
    auto found = core.cache->ask({.key = *key,
                                  .hash = core.cache->hash_of(*key),
                                  .scope = app.cache_scope,
                                  .app = app.app.text,
                                  .request = request,
                                  .wish = visit.wish,
                                  .now_ms = core.now_ms,
                                  .may_lead = may_lead,
                                  .from_disk = !visit.without_disk,
                                  .has_credentials = has_credentials(exchange),
                                  .joins = !visit.apart,
                                  .stays_with = visit.stays_with});
    visit.status = {.forward = found.why};
    switch (found.what) {
        case CacheFound::What::hit: {
            count_hit(core, visit);
            if (found.ttl_ms <= 0) count_stale_hit(core, visit);
            visit.status.forward = http::CacheForward::none;
            visit.hash = core.cache->hash_of(*key);
            if (found.fetch) start_fill(core, exchange, std::move(found.fetch), FillFor::refresh);
            serve(core, exchange, std::move(found.response));
            return CacheEntry::taken;
        }
        case CacheFound::What::load: {
            visit.fetch = std::move(found.fetch);
            exchange.stage = ResponseStage::cache;
            begin_load(core, visit);
            return CacheEntry::taken;
        }
        case CacheFound::What::wait: {
            if (!edge::may_wait(exchange.asked_by, found.fetch->asked_of())) break;
            if (!found.fetch->from_disk() && found.fetch != visit.stays_with) {
                core.counts.cache_collapsed.add(1);
                visit.status.collapsed = true;
            }
            visit.fetch = std::move(found.fetch);
            exchange.stage = ResponseStage::cache;
            return CacheEntry::taken;
        }
        case CacheFound::What::lead: {
            core.counts.cache_misses.add(1);
            visit.leads = true;
            visit.fetch = found.fetch;
            exchange.stage = ResponseStage::cache;
            start_fill(core, exchange, std::move(found.fetch), FillFor::leader);
            return CacheEntry::taken;
        }
        case CacheFound::What::pass: {
            const bool sliced =
                found.large || (visit.status.forward != http::CacheForward::bypass &&
                                http::range_of(request.fields));
            if (sliced && enter_slices(core, exchange, *key) == CacheEntry::taken) {
                return CacheEntry::taken;
            }
            break;
        }
    }
    if (wanted.only_if_cached) {
        answer_not_cached(core, exchange);
        return CacheEntry::taken;
    }
    core.counts.cache_passes.add(1);
    return CacheEntry::not_taken;
}

void look_anew(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    visit.fetch.reset();
    visit.leads = false;
    exchange.stage = ResponseStage::head;
    if (look_up(core, exchange) == CacheEntry::not_taken) dispatch(core, exchange);
}

void look_again(Core& core, Exchange& exchange) {
    if (++exchange.visit->rounds > k_rounds_max) {
        go_alone(core, exchange);
    } else {
        look_anew(core, exchange);
    }
}

bool has_validators(const CachedResponse& response) {
    return !response.head.first(http::FieldId::etag).empty() ||
           !response.head.first(http::FieldId::last_modified).empty();
}

void take_answer(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    const CacheFetch& fetch = *visit.fetch;
    auto response = fetch.response();
    // One that broke off by now is nothing to begin with.
    if (!visit.leads && (response->is_broken() || !suits(core, exchange, *response))) {
        // Of another variant: its own may be there. Else it is to be validated for each with his
        // own request (RFC 9111 5.2.2.4), which may say who he is in any field.
        std::array<char, http::k_vary_key_bytes_max> room;
        const auto key = http::vary_key(response->vary_names, exchange.heads->request.fields, room);
        const bool other_variant = key && *key != response->vary_key;
        const bool again =
            other_variant || core.cache->is_purged(*response) || response->is_broken();
        visit.apart = !again;
        if (again || has_validators(*response)) {
            look_again(core, exchange);
        } else {
            go_alone(core, exchange);
        }
        return;
    }
    const bool validated = fetch.base() && fetch.base()->body == response->body;
    if (validated) visit.status.forward_status = 304;
    visit.status.stored = true;
    serve(core, exchange, std::move(response));
}

// What was read from the disk lies in memory now, for a look as at any other. Fresh, it needs none.
void take_loaded(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    auto response = visit.fetch->response();
    const auto verdict =
        edge::judge_reuse(response->freshness, core.now_ms - response->came_ms, visit.wish);
    if (!suits(core, exchange, *response) || verdict.reuse != edge::Reuse::fresh) {
        look_again(core, exchange);
        return;
    }
    count_hit(core, visit);
    visit.status = {};
    serve(core, exchange, std::move(response));
}

void take_failure(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    const auto fetch = visit.fetch;
    const auto& base = fetch->base();
    if (base && !base->is_broken() &&
        edge::serves_on_error(base->freshness, core.now_ms - base->came_ms, visit.wish)) {
        count_stale_hit(core, visit);
        visit.status = {.detail = k_stale_if_error};
        serve(core, exchange, base);
        return;
    }
    tell_failure(core, exchange, fetch->failure());
}

// That fetch may hang for as long as an app may. Of all who wait for it one begins another, for
// which the others wait in turn: they are no herd. The second may do so, too; whoever waits for it
// is told what its leader is, or the app would have one more to answer each time. Those who want
// the head alone can begin none, and would all go to the app.
Flow give_up_wait(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    end_wait(visit);
    const bool head = exchange.heads->request.method == http::Method::head;
    if (visit.fetch->from_disk()) {
        visit.without_disk = true;
    } else if (std::exchange(visit.moved, true) || head) {
        visit.stays_with = visit.fetch;
    }
    if (visit.slices) return ask_slice_anew(core, exchange);
    look_anew(core, exchange);
    return Flow::progress;
}

// wait: no news yet; anything else: the exchange has been moved on.
Flow wait_for_fetch(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    if (visit.fetch->state() == CacheFetch::State::asking) {
        visit.fetch->waiting().add(core.index);
        if (visit.fetch->state() == CacheFetch::State::asking) {
            if (visit.late) return give_up_wait(core, exchange);
            wait_for_news(core, visit);
            limit_wait(core, visit);
            return Flow::wait;
        }
    }
    end_wait(visit);
    visit.stays_with.reset();
    if (visit.slices) return take_slice_news(core, exchange);
    switch (visit.fetch->state()) {
        case CacheFetch::State::asking: return Flow::wait;
        case CacheFetch::State::answered:
            visit.fetch->from_disk() ? take_loaded(core, exchange) : take_answer(core, exchange);
            break;
        case CacheFetch::State::missed: look_again(core, exchange); break;
        case CacheFetch::State::passed:
            if (visit.fetch->passed() == CacheFetch::Passed::large ||
                looks_again(*visit.fetch, exchange)) {
                look_again(core, exchange);
            } else {
                go_alone(core, exchange);
            }
            break;
        case CacheFetch::State::failed: take_failure(core, exchange); break;
    }
    return Flow::progress;
}

void note_sent(Core& core, Exchange& exchange, std::size_t bytes) {
    bytes = consume_ahead(core.buffers, &exchange.to_client, bytes);
    CacheVisit& visit = *exchange.visit;
    visit.body->advance(visit.cursor, bytes);
    exchange.body_bytes_sent += bytes;
}

// Moves what is published into to_client as chunks, as far as there is room.
bool frame_chunks(Core& core, Exchange& exchange, CacheBody::Seen seen) {
    CacheVisit& visit = *exchange.visit;
    const CacheBody& body = *visit.body;
    while (!visit.ended) {
        if (exchange.to_client == nullptr) exchange.to_client = core.buffers.lend();
        if (exchange.to_client == nullptr) return false;
        Buffer& out = *exchange.to_client;
        if (out.room() < 2 * http::k_chunk_framing_bytes_max) return true;
        const auto piece =
            body.look(visit.cursor).substr(0, out.room() - 2 * http::k_chunk_framing_bytes_max);
        if (piece.empty()) {
            const bool all =
                seen.state == CacheBody::State::complete && visit.cursor.at() == seen.bytes;
            if (all) {
                out.append(http::k_last_chunk);
                visit.ended = true;
            } else if (out.empty()) {
                core.buffers.take_back(&exchange.to_client);
            }
            return true;
        }
        append_chunk(out, piece);
        body.advance(visit.cursor, piece.size());
        exchange.body_bytes_sent += piece.size();
    }
    return true;
}

bool all_read(const CacheVisit& visit, CacheBody::Seen seen, std::uint64_t at) {
    if (visit.end != CacheVisit::k_to_the_end) return at == visit.end;
    return seen.state == CacheBody::State::complete && at == seen.bytes;
}

// What can be sent from where it lies.
std::string_view sendable(const Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    const CacheBody& body = *visit.body;
    if (visit.end == 0 || exchange.client_body == http::BodyKind::chunked) return {};
    if (visit.cursor.at() < visit.begin)
        body.advance(visit.cursor, visit.begin - visit.cursor.at());
    if (visit.cursor.at() < visit.begin) return {};
    return body.look(visit.cursor).substr(0, visit.end - visit.cursor.at());
}

// Everything that is here was sent.
Flow wait_for_bytes(Core& core, Exchange& exchange, CacheBody::Seen seen) {
    CacheVisit& visit = *exchange.visit;
    CacheBody& body = *visit.body;
    if (seen.state != CacheBody::State::growing) {  // it broke off
        return visit.slices ? resume_slice(core, exchange) : Flow::gone;
    }
    body.waiting().add(core.index);
    const auto now = body.seen();
    if (now.bytes != seen.bytes || now.state != seen.state) return Flow::progress;
    wait_for_news(core, visit);
    return Flow::wait;
}

Flow send_stored(Core& core, Exchange& exchange) {
    Client& client = *exchange.client;
    CacheVisit& visit = *exchange.visit;
    const auto seen = visit.body->seen();
    const bool chunked = exchange.client_body == http::BodyKind::chunked;
    if (chunked && !frame_chunks(core, exchange, seen)) return Flow::gone;
    const std::string_view head =
        exchange.to_client == nullptr ? std::string_view() : exchange.to_client->view();
    const std::string_view body = sendable(exchange);
    const bool all = chunked
                         ? visit.ended
                         : all_read(visit, seen, visit.cursor.at() + body.size()) || visit.end == 0;
    const bool last = all && !has_more_slices(visit);
    if (head.empty() && body.empty()) {
        if (all && !last) return next_slice(core, exchange);
        if (!last) return wait_for_bytes(core, exchange, seen);
        if (client.stream != nullptr) end_output(client);
        return Flow::done;
    }
    if (!client.ready.writable) return Flow::wait;
    const IoResult put = answer(client, head, body, last ? h2::End::stream : h2::End::open);
    if (put.end == IoEnd::would_block) return Flow::wait;
    if (put.end == IoEnd::broken) return Flow::gone;
    note_sent(core, exchange, put.bytes);
    return last && put.bytes == head.size() + body.size() ? Flow::done : Flow::progress;
}

// What was found on the disk cannot be read after all, and nobody has been told of it.
void look_elsewhere(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    if (std::exchange(visit.hit, false)) core.counts.cache_hits.add(-1);
    if (std::exchange(visit.stale_hit, false)) core.counts.cache_stale_hits.add(-1);
    visit.response.reset();
    visit.body = nullptr;
    visit.hash.reset();
    visit.without_disk = true;
    if (visit.slices) {
        go_alone(core, exchange);
    } else {
        look_again(core, exchange);
    }
}

// A slice that cannot be read any more is fetched: what the client has of it stays true, or it is
// cut (see take_slice).
Flow resume_file_slice(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    visit.begin = exchange.file_body->at - visit.body->extent()->at;
    visit.cursor = {};
    visit.without_disk = true;
    leave_file(core, exchange);
    return resume_slice(core, exchange);
}

// From the cache's disk.
Flow send_file_stored(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    const Flow flow = pump_file(core, exchange);
    if (flow == Flow::gone && exchange.file_body->unreadable) {
        visit.body->spoil();
        if (withdraw_file(core, exchange)) {
            look_elsewhere(core, exchange);
            return Flow::progress;
        }
        return visit.slices ? resume_file_slice(core, exchange) : flow;
    }
    if (flow != Flow::done) return flow;
    const bool more = exchange.file_body->more;
    leave_file(core, exchange);
    return more ? next_slice(core, exchange) : Flow::done;
}

// What was true before an unsafe request succeeded (RFC 9111 4.4).
void invalidate(Core& core, const Exchange& exchange) {
    const auto base = edge::CacheTarget::of(exchange.heads->request);
    if (!base) return;
    const auto purge = [&](const edge::CacheTarget& target) {
        core.cache->purge(edge::purge_mark(edge::PurgeScope::url, {}, target.url()));
    };
    purge(*base);
    for (const http::Field field : exchange.heads->response.fields) {
        const bool names =
            field.id == http::FieldId::location || field.id == http::FieldId::content_location;
        if (!names) continue;
        if (const auto target = edge::CacheTarget::of(field.value, *base)) purge(*target);
    }
}

}  // namespace

CacheEntry enter_cache(Core& core, Exchange& exchange, const CacheSpec& rules) {
    if (core.cache == nullptr) return CacheEntry::not_taken;
    const auto role = edge::cache_role(exchange.heads->request);
    if (role == edge::CacheRole::pass) return CacheEntry::not_taken;
    CacheVisit& visit = *core.visits.make();
    exchange.visit = &visit;
    visit.exchange = &exchange;
    visit.rules = rules;
    visit.role = role;
    visit.status = {.forward = http::CacheForward::method};
    if (role == edge::CacheRole::invalidate) return CacheEntry::not_taken;
    visit.wish = edge::reuse_wish(exchange.heads->request.fields);
    return look_up(core, exchange);
}

Flow pump_cached(Core& core, Exchange& exchange) {
    if (exchange.visit->fetch) {
        if (exchange.to_client != nullptr) return flush_interim(core, exchange);
        return wait_for_fetch(core, exchange);
    }
    return exchange.file_body != nullptr ? send_file_stored(core, exchange)
                                         : send_stored(core, exchange);
}

void serve_cache_news(Core& core) {
    if (!core.cache_news) return;
    core.cache_news = false;
    edge::List<CacheVisit, ByVisit> batch;
    while (CacheVisit* visit = core.cache_visits.pop_front()) batch.push_back(visit);
    while (CacheVisit* visit = batch.pop_front()) drive(core, *visit->exchange->client);
}

void on_cache_timer(Core& core, CacheVisit& visit) {
    visit.late = true;
    drive(core, *visit.exchange->client);
}

void leave_cache(Core& core, Exchange& exchange) {
    CacheVisit* visit = std::exchange(exchange.visit, nullptr);
    if (visit == nullptr) return;
    if (visit->fill != nullptr) visit->fill->leader = nullptr;
    core.visits.drop(visit);
}

std::string_view note_answer(Core& core, Exchange& exchange,
                             std::span<char, http::k_cache_status_bytes_max> room) {
    const CacheVisit* visit = exchange.visit;
    if (visit == nullptr) return {};
    const std::uint16_t status = exchange.heads->response.status;
    const bool succeeded = status >= 200 && status < 400;
    if (visit->role == edge::CacheRole::invalidate && succeeded) invalidate(core, exchange);
    return http::format_cache_status(visit->status, room);
}

}  // namespace moln::edge_loop
