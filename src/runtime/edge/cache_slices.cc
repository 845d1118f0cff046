#include "runtime/edge/cache_slices.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "edge/cache/slices.h"
#include "edge/cache/target.h"
#include "runtime/edge/cache_answer.h"
#include "runtime/edge/cache_fill.h"
#include "runtime/edge/cache_steps.h"

namespace moln::edge_loop {
namespace {

enum class SliceStep : std::uint8_t {
    taken,
    pass,  // it cannot be had
    cut,   // nor can what was begun be ended
};

CacheAsk ask_for(const Core& core, const Exchange& exchange, std::string_view key, bool anything) {
    const CacheVisit& visit = *exchange.visit;
    const AppCell& app = *exchange.app->cell;
    return {.key = key,
            .hash = core.cache->hash_of(key),
            .scope = app.cache_scope,
            .app = app.app.text,
            .request = exchange.heads->request,
            .wish = visit.wish,
            .now_ms = core.now_ms,
            // What has begun is better ended than cut.
            .may_lead = anything && (!visit.wish.control.only_if_cached || exchange.client_begun),
            .from_disk = anything && !visit.without_disk,
            .has_credentials = has_credentials(exchange),
            .stays_with = anything ? visit.stays_with : nullptr};
}

// Who wants only what is cached is given all of it or nothing (RFC 9111 5.2.1.7).
bool is_all_here(Core& core, const Exchange& exchange) {
    const SliceVisit& slices = *exchange.visit->slices;
    const auto wanted = edge::slices_of(exchange.heads->request.fields, slices.total);
    if (wanted.size() > edge::k_slices_looked_for_max) return false;
    for (auto number = wanted.first; number <= wanted.last; ++number) {
        std::array<char, edge::k_cache_key_bytes_max> room;
        const auto key = edge::slice_key(slices.key, number, room);
        if (!key || !core.cache->has(ask_for(core, exchange, *key, true))) return false;
    }
    return true;
}

// Its app does not give slices, as was found not long ago.
bool is_unsliced(Core& core, const Exchange& exchange, std::string_view key) {
    std::array<char, edge::k_cache_key_bytes_max> room;
    const auto noted = edge::unsliced_key(key, room);
    return !noted || core.cache->ask(ask_for(core, exchange, *noted, false)).why ==
                         http::CacheForward::bypass;
}

// Nothing can be asked for by another way once an answer has begun.
Flow give_up(Core& core, Exchange& exchange) {
    if (exchange.client_begun) return Flow::gone;
    go_alone(core, exchange);
    return Flow::progress;
}

SliceStep ask_slice(Core& core, Exchange& exchange);

Flow flow_of(Core& core, Exchange& exchange, SliceStep step) {
    switch (step) {
        case SliceStep::taken: return Flow::progress;
        case SliceStep::pass: return give_up(core, exchange);
        case SliceStep::cut: break;
    }
    return Flow::gone;
}

// The first bytes of the answer, or its head alone.
SliceStep begin_answer(Core& core, Exchange& exchange) {
    SliceVisit& slices = *exchange.visit->slices;
    switch (put_stored_head(core, exchange)) {
        case HeadPut::put: return SliceStep::taken;
        case HeadPut::elsewhere: exchange.visit->response.reset(); return ask_slice(core, exchange);
        case HeadPut::gone:
        case HeadPut::failed: break;
    }
    slices.until = 0;
    exchange.visit->response.reset();
    return SliceStep::pass;
}

// Another representation than that of the slice before. All that is kept of the URL goes: some of
// it is of the older one. Asked for anew it may be the one that the client was told of.
SliceStep drop_all(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    SliceVisit& slices = *visit.slices;
    if (const auto target = edge::CacheTarget::of(exchange.heads->request)) {
        core.cache->purge(edge::purge_mark(edge::PurgeScope::url, {}, target->url()));
    }
    if (std::exchange(slices.retried, true)) return SliceStep::pass;
    visit.fetch.reset();
    if (!exchange.client_begun) {
        slices.validator.clear();
        slices.number = edge::first_slice(http::range_of(exchange.heads->request.fields));
    }
    return ask_slice(core, exchange);
}

SliceStep take_slice(Core& core, Exchange& exchange,
                     std::shared_ptr<const CachedResponse> response) {
    CacheVisit& visit = *exchange.visit;
    SliceVisit& slices = *visit.slices;
    visit.stays_with.reset();
    if (response->head.status() != 206) {
        // The app gave the whole instead.
        if (exchange.client_begun) return SliceStep::pass;
        visit.slices.reset();
        serve(core, exchange, std::move(response));
        return SliceStep::taken;
    }
    http::ResponseHead& head = exchange.heads->response;
    response->head.show(head);
    const auto facts = edge::slice_facts(head, slices.number, {core.wall_ms});
    if (!facts) return SliceStep::pass;  // read from a disk that has something else
    if (slices.validator.empty()) {
        slices.validator = facts->validator;
        slices.total = facts->total;
    } else if (slices.validator != facts->validator || slices.total != facts->total) {
        return drop_all(core, exchange);
    }
    slices.first = facts->first;
    slices.size = facts->size;
    if (!exchange.client_begun && visit.wish.control.only_if_cached &&
        !is_all_here(core, exchange)) {
        return SliceStep::pass;
    }
    visit.response = std::move(response);
    visit.fetch.reset();
    exchange.stage = ResponseStage::cache;
    if (!exchange.client_begun) return begin_answer(core, exchange);
    visit.body = visit.response->body.get();
    visit.cursor = {};
    visit.end = std::min(slices.first + slices.size, slices.until) - slices.first;
    if (visit.body->extent() == nullptr) return SliceStep::taken;
    auto file = visit.body->pin();
    if (!file) return ++visit.rounds > k_rounds_max ? SliceStep::pass : ask_slice(core, exchange);
    begin_stored_file(core, exchange, std::move(file));
    return SliceStep::taken;
}

void note_found(Core& core, Exchange& exchange, const CacheFound& found) {
    CacheVisit& visit = *exchange.visit;
    if (exchange.client_begun) return;  // a request is counted once
    visit.status = {.forward = found.why};
    if (found.what == CacheFound::What::hit) {
        count_hit(core, visit);
        if (found.ttl_ms <= 0) count_stale_hit(core, visit);
        visit.status.forward = http::CacheForward::none;
    } else if (found.what == CacheFound::What::wait && !found.fetch->from_disk() &&
               found.fetch != visit.stays_with) {
        core.counts.cache_collapsed.add(1);
        visit.status.collapsed = true;
    } else if (found.what == CacheFound::What::lead) {
        core.counts.cache_misses.add(1);
    }
}

SliceStep ask_slice(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    std::array<char, edge::k_cache_key_bytes_max> room;
    const auto key = edge::slice_key(visit.slices->key, visit.slices->number, room);
    if (!key) return SliceStep::pass;
    auto found = core.cache->ask(ask_for(core, exchange, *key, true));
    note_found(core, exchange, found);
    visit.leads = false;
    switch (found.what) {
        case CacheFound::What::hit:
            if (found.fetch) start_fill(core, exchange, std::move(found.fetch), FillFor::refresh);
            return take_slice(core, exchange, std::move(found.response));
        case CacheFound::What::load:
            visit.fetch = std::move(found.fetch);
            exchange.stage = ResponseStage::cache;
            begin_load(core, visit);
            return SliceStep::taken;
        case CacheFound::What::wait:
            if (!edge::may_wait(exchange.asked_by, found.fetch->asked_of())) break;
            visit.fetch = std::move(found.fetch);
            exchange.stage = ResponseStage::cache;
            return SliceStep::taken;
        case CacheFound::What::lead:
            visit.leads = true;
            visit.fetch = found.fetch;
            exchange.stage = ResponseStage::cache;
            // Once it has begun, no other answer than a slice can be handed to it.
            start_fill(core, exchange, std::move(found.fetch),
                       exchange.client_begun ? FillFor::refresh : FillFor::leader);
            return SliceStep::taken;
        case CacheFound::What::pass: break;
    }
    return SliceStep::pass;
}

Flow ask_again(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    visit.fetch.reset();
    if (++visit.rounds > k_rounds_max) return give_up(core, exchange);
    return flow_of(core, exchange, ask_slice(core, exchange));
}

Flow take_answered(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    const CacheFetch& fetch = *visit.fetch;
    auto response = fetch.response();
    const bool loaded = fetch.from_disk();
    const auto verdict =
        edge::judge_reuse(response->freshness, core.now_ms - response->came_ms, visit.wish);
    const bool good = visit.leads || (suits(core, exchange, *response) &&
                                      (!loaded || verdict.reuse == edge::Reuse::fresh));
    if (!good || response->is_broken()) return ask_again(core, exchange);
    if (!exchange.client_begun && loaded) {
        count_hit(core, visit);
        visit.status = {};
    } else if (!exchange.client_begun) {
        const bool validated = fetch.base() && fetch.base()->body == response->body;
        if (validated) visit.status.forward_status = 304;
        visit.status.stored = true;
    }
    return flow_of(core, exchange, take_slice(core, exchange, std::move(response)));
}

Flow take_failed(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    const auto fetch = visit.fetch;
    const auto& base = fetch->base();
    if (base && !base->is_broken() &&
        edge::serves_on_error(base->freshness, core.now_ms - base->came_ms, visit.wish)) {
        if (!exchange.client_begun) {
            count_stale_hit(core, visit);
            visit.status = {.detail = k_stale_if_error};
        }
        return flow_of(core, exchange, take_slice(core, exchange, base));
    }
    if (exchange.client_begun) return Flow::gone;
    tell_failure(core, exchange, fetch->failure());
    return Flow::progress;
}

}  // namespace

CacheEntry enter_slices(Core& core, Exchange& exchange, std::string_view key) {
    CacheVisit& visit = *exchange.visit;
    const bool can = exchange.heads->request.method == http::Method::get &&
                     core.cache->object_bytes_max() >= edge::k_slice_bytes;
    if (!can || is_unsliced(core, exchange, key)) return CacheEntry::not_taken;
    visit.slices = std::make_unique<SliceVisit>();
    visit.slices->key = key;
    visit.slices->number = edge::first_slice(http::range_of(exchange.heads->request.fields));
    if (ask_slice(core, exchange) == SliceStep::taken) return CacheEntry::taken;
    visit.slices.reset();
    visit.response.reset();
    exchange.stage = ResponseStage::head;
    return CacheEntry::not_taken;
}

Flow take_slice_news(Core& core, Exchange& exchange) {
    switch (exchange.visit->fetch->state()) {
        case CacheFetch::State::asking: return Flow::wait;
        case CacheFetch::State::answered: return take_answered(core, exchange);
        case CacheFetch::State::missed: return ask_again(core, exchange);
        case CacheFetch::State::passed:
            return looks_again(*exchange.visit->fetch, exchange) ? ask_again(core, exchange)
                                                                 : give_up(core, exchange);
        case CacheFetch::State::failed: break;
    }
    return take_failed(core, exchange);
}

Flow ask_slice_anew(Core& core, Exchange& exchange) {
    exchange.visit->fetch.reset();
    return flow_of(core, exchange, ask_slice(core, exchange));
}

Flow resume_slice(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    visit.begin = std::max(visit.begin, visit.cursor.at());
    visit.response.reset();
    visit.body = nullptr;
    return ask_again(core, exchange);
}

bool has_more_slices(const CacheVisit& visit) {
    return visit.slices && visit.slices->first + visit.end < visit.slices->until;
}

Flow next_slice(Core& core, Exchange& exchange) {
    CacheVisit& visit = *exchange.visit;
    ++visit.slices->number;
    visit.slices->retried = false;
    visit.response.reset();
    visit.body = nullptr;
    visit.begin = 0;
    visit.rounds = 0;
    visit.moved = false;
    return flow_of(core, exchange, ask_slice(core, exchange));
}

}  // namespace moln::edge_loop
