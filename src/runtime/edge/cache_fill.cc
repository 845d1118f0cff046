#include "runtime/edge/cache_fill.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "edge/access_line.h"
#include "edge/cache/compressing.h"
#include "edge/cache/resuming.h"
#include "edge/cache/slices.h"
#include "edge/cache/stored_head.h"
#include "http/conditional.h"
#include "http/range.h"
#include "http/vary.h"
#include "http/write.h"
#include "runtime/edge/cache_peers.h"
#include "runtime/edge/cache_steps.h"
#include "runtime/edge/inner_client.h"
#include "runtime/edge/peer_flow.h"

namespace moln::edge_loop {
namespace {

CacheFill& fill_of(const Exchange& exchange) {
    return static_cast<CacheFill&>(*exchange.client->sink);
}

// It is not led any more: who led goes to the app.
void leave(CacheFill& fill, Exchange& leader) {
    fill.leader = nullptr;
    CacheVisit& visit = *leader.visit;
    visit.fill = nullptr;
    visit.fetch.reset();
    visit.slices.reset();
    end_wait(visit);
}

// Is what came an answer to who led? That what is stored here has not changed is none, as it may
// have nothing; a part that it did not ask for is none, nor that the slice of which it asked for no
// range lies beyond the end.
bool answers_leader(const Exchange& exchange, const Exchange& leader) {
    const CacheFill& fill = fill_of(exchange);
    const std::uint16_t status = exchange.heads->response.status;
    if (status == 304 && fill.fetch->base()) return false;
    if (fill.slice == nullptr) return true;
    if (status == 416) {
        const auto wish = http::range_of(leader.heads->request.fields);
        return wish && wish->first;
    }
    return status != 206;
}

// What it says of other requests.
CacheStore::Passed passed_as(const Exchange& exchange, edge::StoreRefusal why,
                             CacheStore::Passed as) {
    if (why == edge::StoreRefusal::authorization) return CacheStore::Passed::credentials;
    const bool failed = edge::is_error_to_hide(exchange.heads->response.status);
    return failed && fill_of(exchange).fetch->base() ? CacheStore::Passed::error : as;
}

// Not for others: who led gets it, the others ask for themselves.
Flow pass_on(Core& core, Exchange& exchange, edge::StoreRefusal why,
             CacheStore::Passed as = CacheStore::Passed::as_it_is) {
    CacheFill& fill = fill_of(exchange);
    core.cache->pass(*fill.fetch, core.now_ms, passed_as(exchange, why, as));
    tell(core, fill.fetch->waiting());
    if (Exchange* leader = fill.leader) {
        leader->visit->status.detail = word(why);
        // Else it is told, as the others are.
        if (answers_leader(exchange, *leader)) {
            leave(fill, *leader);
            hand_over(core, exchange, *leader);
        }
    }
    return Flow::gone;
}

// Its ranges are not asked for in slices for a while.
void forbid_slices(Core& core, const CacheFill& fill, Milliseconds time) {
    std::array<char, edge::k_cache_key_bytes_max> room;
    const auto key = edge::unsliced_key(fill.slice->key, room);
    if (key) core.cache->forbid(*key, core.now_ms + time.count);
}

// What purges it, each once: its URL, its tags (another edge has made marks of them already), and
// what purged the one that it takes the place of.
std::vector<edge::PurgeMark> marks_of(const CacheFill& fill, const http::FieldTable& response,
                                      std::span<const edge::PurgeMark> before) {
    const auto own = fill.fetch->marks();
    std::vector<edge::PurgeMark> marks(own.begin(), own.end());
    const auto add = [&](edge::PurgeMark mark) {
        if (std::ranges::find(marks, mark) == marks.end()) marks.push_back(mark);
    };
    edge::for_each_tag(response, [&](std::string_view tag) {
        const auto project = edge::project_part(fill.app->cell->app.text);
        add(edge::purge_mark(edge::PurgeScope::tag, project, tag));
    });
    if (fill.told) std::ranges::for_each(fill.told->marks.view(), add);
    std::ranges::for_each(before, add);
    marks.shrink_to_fit();
    return marks;
}

// All but head and body. Null: it cannot be found again, or is under too many names.
std::shared_ptr<CachedResponse> begin_response(const Core& core, const Exchange& exchange,
                                               const http::ResponseHead& head,
                                               const edge::Freshness& freshness,
                                               std::span<const edge::PurgeMark> before = {}) {
    const CacheFill& fill = fill_of(exchange);
    auto response = std::make_shared<CachedResponse>();
    std::array<char, http::k_vary_bytes_max> names_room;
    std::array<char, http::k_vary_key_bytes_max> key_room;
    const auto names = http::vary_names(head.fields, names_room);
    if (!names) return nullptr;
    const auto key = http::vary_key(*names, exchange.heads->request.fields, key_room);
    if (!key) return nullptr;
    response->vary_names = *names;
    response->vary_key = *key;
    response->scope = fill.app->cell->cache_scope;
    response->freshness = freshness;
    response->came_ms = core.now_ms;
    response->came = {core.wall_ms};
    response->delay_ms = std::max<std::int64_t>(core.wall_ms - fill.asked.ms, 0);
    response->born = fill.fetch->born();
    // What is merged with a 304 has lost its tags.
    response->marks = marks_of(fill, exchange.heads->response.fields, before);
    if (response->marks.size() > edge::k_purge_marks_max) return nullptr;
    return response;
}

bool compresses(const Exchange& exchange, const http::ResponseHead& head,
                const CachedResponse& response, std::optional<std::uint64_t> length) {
    return edge::is_compressible_length(length) &&
           edge::may_be_compressed(exchange.heads->request, head, response.vary_names);
}

bool has_too_many_tags(const http::FieldTable& fields) {
    std::size_t count = 0;
    edge::for_each_tag(fields, [&](std::string_view) { ++count; });
    return count > edge::k_cache_tags_max;
}

edge::ResponseTimes times_of(const Core& core, const CacheFill& fill) {
    return {.asked = fill.asked, .came = {core.wall_ms}};
}

edge::Identity identity_of(const Exchange& exchange) {
    if (exchange.authenticated) return edge::Identity::password;
    return exchange.vouched ? edge::Identity::vouched : edge::Identity::by_head;
}

// May it be stored, and for how long is it fresh? Of what another edge keeps that one has judged:
// it may have read what it did not pass on.
edge::StoreVerdict judge(const Core& core, const Exchange& exchange, const http::ResponseHead& head,
                         edge::Judged judged = edge::Judged::anew) {
    const CacheFill& fill = fill_of(exchange);
    if (fill.told) {
        edge::StoreVerdict verdict{.freshness = fill.told->freshness};
        // As if it had spent the whole time on its way (RFC 9111 4.2.3).
        verdict.freshness.age_ms += std::max<std::int64_t>(core.wall_ms - fill.asked.ms, 0);
        return verdict;
    }
    const auto part = fill.slice ? edge::PartAsked::yes : edge::PartAsked::no;
    return edge::judge_store(exchange.heads->request, head, times_of(core, fill), fill.rules, part,
                             identity_of(exchange), judged);
}

// Does a 304 speak of what is stored here (RFC 9111 4.3.4)? One of another tag may speak of
// something that is not, by the date that it was asked with as well.
bool is_of(const http::ResponseHead& not_modified, const CachedResponse& base) {
    const auto said = not_modified.fields.first(http::FieldId::etag);
    const auto held = base.head.first(http::FieldId::etag);
    const bool by_date = !base.head.first(http::FieldId::last_modified).empty();
    return !said || held.empty() || !by_date || http::equals_weakly(*said, held);
}

// 304: what is stored is still good, unless it is no longer for all.
Flow take_not_modified(Core& core, Exchange& exchange) {
    CacheFill& fill = fill_of(exchange);
    const CachedResponse& base = *fill.fetch->base();
    if (base.is_broken()) {
        core.cache->miss(*fill.fetch);
        tell(core, fill.fetch->waiting());
        return Flow::gone;
    }
    if (!is_of(exchange.heads->response, base)) {
        return pass_on(core, exchange, edge::StoreRefusal::stale);
    }
    edge::StoredHead merged = base.head.merged(exchange.heads->response, {core.wall_ms});
    http::ResponseHead shown;
    merged.show(shown, edge::HeadForm::judged);
    auto verdict = judge(core, exchange, shown, edge::Judged::validated);
    if (verdict.refusal != edge::StoreRefusal::none) {
        return pass_on(core, exchange, verdict.refusal);
    }
    // Its Age is not kept.
    const auto own = judge(core, exchange, exchange.heads->response);
    verdict.freshness.age_ms = std::max(verdict.freshness.age_ms, own.freshness.age_ms);
    // The tags of the 304 and those that it was stored with.
    auto response = begin_response(core, exchange, shown, verdict.freshness, base.marks);
    if (!response) return pass_on(core, exchange, edge::StoreRefusal::vary);
    if (compresses(exchange, shown, *response, base.body->whole_length())) {
        response->coded = base.coded ? base.coded : std::make_shared<CodedForms>();
    }
    response->head = std::move(merged);
    response->body = base.body;
    core.counts.cache_revalidations.add(1);
    core.cache->answer(*fill.fetch, std::move(response));
    tell(core, fill.fetch->waiting());
    return Flow::progress;
}

// Is it the slice that was asked for?
bool is_wanted_slice(const Core& core, const CacheFill& fill, const http::ResponseHead& head,
                     const http::BodyFraming& framing) {
    const auto facts = edge::slice_facts(head, fill.slice->number, {core.wall_ms});
    return facts && framing.kind == http::BodyKind::length && framing.length == facts->size;
}

// A slice is short, and may be what somebody's answer goes on with.
bool has_memory(const Core& core, const http::ResponseHead& head,
                const http::BodyFraming& framing) {
    if (framing.kind == http::BodyKind::none || head.status == 206) return true;
    // Of an unknown length it may become the longest.
    const bool known = framing.kind == http::BodyKind::length;
    return core.cache->may_begin(known ? framing.length : core.cache->object_bytes_max());
}

edge::StoreRefusal refusal_of(const Core& core, const CacheFill& fill,
                              const http::ResponseHead& head, const http::BodyFraming& framing,
                              edge::StoreRefusal judged) {
    const bool too_long = framing.kind == http::BodyKind::length && framing.length > fill.bytes_max;
    if (too_long || has_too_many_tags(head.fields)) return edge::StoreRefusal::too_large;
    if (judged == edge::StoreRefusal::none && !has_memory(core, head, framing)) {
        return edge::StoreRefusal::no_memory;
    }
    const bool odd =
        head.status == 206 && (!fill.slice || !is_wanted_slice(core, fill, head, framing));
    return judged == edge::StoreRefusal::none && odd ? edge::StoreRefusal::status : judged;
}

// Of a 200 or 206. What comes of it for those who ask for ranges, or for more than may be kept in
// one piece.
Flow refuse(Core& core, Exchange& exchange, edge::StoreRefusal refusal, edge::StoreRefusal judged) {
    const CacheFill& fill = fill_of(exchange);
    const http::ResponseHead& head = exchange.heads->response;
    // It says nothing of what others would be given.
    if (judged == edge::StoreRefusal::authorization) return pass_on(core, exchange, judged);
    const bool too_large = judged == edge::StoreRefusal::none &&
                           refusal == edge::StoreRefusal::too_large &&
                           !has_too_many_tags(head.fields);
    if (fill.slice) {
        forbid_slices(core, fill,
                      too_large ? edge::k_cache_too_long_time : edge::k_cache_pass_time);
    } else if (too_large && edge::may_have_slices(head, {core.wall_ms}) &&
               fill.bytes_max >= edge::k_slice_bytes) {
        return pass_on(core, exchange, refusal, CacheStore::Passed::large);
    }
    return pass_on(core, exchange, refusal);
}

// From now on until more of its body comes.
void watch_peer(Core& core, const Exchange& exchange) {
    if (exchange.upstream == nullptr) return;
    set_timer(core, *exchange.upstream, core.peer_stall_timers, edge::k_peer_stall_limit);
}

Flow take_response(Core& core, Exchange& exchange, const http::BodyFraming& framing) {
    CacheFill& fill = fill_of(exchange);
    const http::ResponseHead& head = exchange.heads->response;
    const auto verdict = judge(core, exchange, head);
    const bool of_range = head.status == 200 || head.status == 206;
    // That a slice is not there says nothing of the others, nor does an error.
    if (fill.slice && !of_range) return pass_on(core, exchange, edge::StoreRefusal::status);
    const auto refusal = refusal_of(core, fill, head, framing, verdict.refusal);
    if (refusal != edge::StoreRefusal::none) {
        return refuse(core, exchange, refusal, verdict.refusal);
    }
    auto response = begin_response(core, exchange, head, verdict.freshness);
    if (!response) return pass_on(core, exchange, edge::StoreRefusal::vary);
    if (fill.slice && head.status == 200) core.cache->become(*fill.fetch, fill.slice->key);
    std::optional<std::uint64_t> length;
    if (framing.kind == http::BodyKind::length) length = framing.length;
    if (framing.kind == http::BodyKind::none) length = 0;
    response->head = edge::StoredHead::of(head, {core.wall_ms});
    response->body = std::make_shared<CacheBody>(length);
    response->body->note_growth(core.now_ms);
    if (compresses(exchange, head, *response, length)) {
        response->coded = std::make_shared<CodedForms>();
    }
    const bool lists = http::cache_control_of(head.fields).no_cache_list_count > 0;
    if (lists && fill.leader != nullptr && !fill.slice) {
        fill.leader->visit->own_head = std::make_unique<edge::StoredHead>(
            edge::StoredHead::of(head, {core.wall_ms}, edge::StoredHead::Listed::kept));
    }
    if (fill.peer) watch_peer(core, exchange);
    fill.body = response->body.get();
    fill.response = response;
    core.cache->answer(*fill.fetch, std::move(response));
    tell(core, fill.fetch->waiting());
    return Flow::progress;
}

// An error that what is stored hides (RFC 5861 4).
bool is_hidden(const Core& core, const Exchange& exchange) {
    const auto& base = fill_of(exchange).fetch->base();
    return base && !base->is_broken() && edge::is_error_to_hide(exchange.heads->response.status) &&
           edge::serves_on_error(base->freshness, core.now_ms - base->came_ms, {});
}

// The head as the client sent it.
Buffer* copy_of_head(Core& core, const Exchange& asker) {
    Buffer* in = core.buffers.lend();
    const Buffer& head = *asker.client->in;
    if (in != nullptr) in->append({head.bytes + head.begin, asker.head_end - head.begin});
    return in;
}

// Of another edge, or of the app.
void ask(Core& core, const Exchange& asker, CacheFill& fill) {
    fill.asked = {core.wall_ms};
    fill.asked_ms = core.now_ms;
    AppView& source = next_source(core, asker, fill);
    start_inner(
        core, asker, fill,
        {.in = copy_of_head(core, asker), .app = &source, .wish = {.kind = InnerKind::fetch}});
}

// The one that it led before, if that is not over, goes on without it: of the last bytes the first
// slice may still come when theirs is asked for.
void set_leader(CacheFill& fill, Exchange* leader) {
    fill.leader = leader;
    if (leader == nullptr) return;
    CacheFill*& led = leader->visit->fill;
    if (led != nullptr) led->leader = nullptr;
    led = &fill;
}

// It came to nothing with another edge: the next one is asked, or the app.
void ask_next(Core& core, const Exchange& exchange) {
    CacheFill& before = fill_of(exchange);
    CacheFill* fill = core.fills.make();
    set_leader(*fill, before.leader);
    static_cast<FillJob&>(*fill) = std::move(before);
    ask(core, exchange, *fill);
}

// Something stale of another edge is better than nothing, unless what is stored here is as good.
bool asks_resort(Core& core, const Exchange& exchange) {
    CacheFill& fill = fill_of(exchange);
    const auto& base = fill.fetch->base();
    const bool hidden = base && !base->is_broken() &&
                        edge::serves_on_error(base->freshness, core.now_ms - base->came_ms, {});
    if (!fill.resort || hidden) return false;
    fill.peers[1] = std::exchange(fill.resort, nullptr);
    fill.takes_stale = true;
    ask_next(core, exchange);
    return true;
}

// It keeps something that was purged here since: it has not heard of that, or never will.
bool is_purged_here(const Core& core, const CacheFill& fill) {
    const std::int64_t born_ms = fill.asked_ms - fill.told->freshness.age_ms;
    return core.cache->was_purged_since(fill.fetch->marks(), born_ms) ||
           core.cache->was_purged_since(fill.told->marks.view(), born_ms);
}

// What purges an answer says whose it is.
bool is_of_url(const Exchange& exchange, const edge::PeerAnswer& answer) {
    const auto target = edge::CacheTarget::of(exchange.heads->request);
    if (!target) return false;
    const auto mark = edge::purge_mark(edge::PurgeScope::url, {}, target->url());
    return std::ranges::find(answer.marks.view(), mark) != answer.marks.view().end();
}

edge::PeerStep judge_peers_word(Core& core, const Exchange& exchange) {
    CacheFill& fill = fill_of(exchange);
    const http::ResponseHead& head = exchange.heads->response;
    const auto word = head.fields.first(http::FieldId::moln_peer).value_or("");
    const auto part = fill.slice ? edge::PartAsked::yes : edge::PartAsked::no;
    fill.told = edge::parse_answer(word);
    if (!fill.told) return edge::peer_step(word, head.status, part);
    if (!is_of_url(exchange, *fill.told)) return edge::PeerStep::give_up;
    if (is_purged_here(core, fill)) return edge::PeerStep::next;
    const bool stale = fill.told->given == edge::GivenAs::stale_on_error;
    if (stale && !fill.takes_stale && !fill.app->endpoints.empty()) {
        if (!fill.resort) fill.resort = fill.peer;
        return edge::PeerStep::next;
    }
    return edge::peer_step(word, head.status, part);
}

edge::PeerStep take_peers_word(Core& core, const Exchange& exchange) {
    CacheFill& fill = fill_of(exchange);
    const auto step = judge_peers_word(core, exchange);
    if (step == edge::PeerStep::give_up) {
        note_peer_failure(core, fill);
        return step;
    }
    // Of what it has begun to send CacheFill::end() tells how it went.
    if (step != edge::PeerStep::take) note_peer_success(core, fill);
    if (step != edge::PeerStep::next && fill.leader != nullptr) {
        fill.leader->visit->status.detail = edge::word_of(fill.peer->spec.kind);
    }
    return step;
}

}  // namespace

void tell(Core& core, WorkerSet& waiting) {
    const std::uint64_t bits = waiting.take();
    if (bits == 0) return;
    for (std::size_t i = 0; i < core.workers->size(); ++i) {
        if ((bits & WorkerSet::bit(i)) == 0) continue;
        if (i == core.index) {
            core.cache_news = true;
            continue;
        }
        WorkerPort& port = *(*core.workers)[i];
        if (!port.cache_news.exchange(true)) port.wake.ring();
    }
}

void start_fill(Core& core, Exchange& asker, std::shared_ptr<CacheFetch> fetch, FillFor why) {
    CacheFill* fill = core.fills.make();
    fill->fetch = std::move(fetch);
    fill->rules = asker.visit->rules;
    fill->bytes_max = core.cache->object_bytes_max();
    if (const auto& slices = asker.visit->slices) {
        fill->slice = std::make_unique<SliceAsk>();
        fill->slice->number = slices->number;
        fill->slice->key = slices->key;
        http::ByteWriter text(fill->slice->range);
        const auto range = edge::slice_range(slices->number);
        text.text("bytes=");
        text.number(range.first);
        text.text("-");
        text.number(range.last);
        fill->slice->range_size = text.size();
    }
    if (why == FillFor::leader) set_leader(*fill, &asker);
    fill->app = asker.app;
    ++fill->app->exchanges;
    plan_peers(core, asker, *fill);
    ask(core, asker, *fill);
}

namespace {

std::string_view tag_of(const CachedResponse& response) {
    return response.head.first(http::FieldId::etag);
}

bool is_rest(const Exchange& exchange, const CacheFill& fill, const http::BodyFraming& framing) {
    std::optional<std::uint64_t> bytes;
    if (framing.kind == http::BodyKind::length) bytes = framing.length;
    return edge::is_rest_of({.tag = tag_of(*fill.response),
                             .have = fill.body->seen().bytes,
                             .length = fill.body->length().value_or(0)},
                            exchange.heads->response, bytes);
}

}  // namespace

// Validators of what is stored.
void CacheFill::shape(http::UpstreamRequest& request, InnerFields& fields) const {
    request.for_cache = true;
    if (peer) {
        fields.add({.name = edge::k_peer_field, .value = question});
    } else {
        fields.add({.name = "Surrogate-Capability", .value = "moln=\"Surrogate/1.0\""});
    }
    if (slice) fields.add({.name = "Range", .value = {slice->range.data(), slice->range_size}});
    if (resumes > 0) {
        fields.add({.name = "Range", .value = rest});
        fields.add({.name = "If-Range", .value = tag_of(*response)});
        return;
    }
    const auto& base = fetch->base();
    if (!base) return;
    const auto etag = base->head.first(http::FieldId::etag);
    const auto modified = base->head.first(http::FieldId::last_modified);
    if (!etag.empty()) fields.add({.name = "If-None-Match", .value = etag});
    if (!modified.empty()) fields.add({.name = "If-Modified-Since", .value = modified});
}

Flow CacheFill::take_head(Core& core, Exchange& exchange, const http::BodyFraming& framing) {
    if (resumes > 0) {
        cut = !is_rest(exchange, *this, framing);
        return cut ? Flow::gone : Flow::progress;
    }
    auto step = edge::PeerStep::take;
    if (peer) {
        step = take_peers_word(core, exchange);
        if (step == edge::PeerStep::next || step == edge::PeerStep::give_up) {
            ask_next(core, exchange);
            return Flow::gone;
        }
    }
    if (is_hidden(core, exchange)) {
        core.counts.cache_fetch_failures.add(1);
        core.cache->fail(*fetch, {.text = "the app failed"});
        tell(core, fetch->waiting());
        // Who does not take what is stored instead is told what the app says.
        const CachedResponse& base = *fetch->base();
        if (leader != nullptr && !edge::serves_on_error(base.freshness, core.now_ms - base.came_ms,
                                                        leader->visit->wish)) {
            Exchange& asker = *leader;
            leave(*this, asker);
            hand_over(core, exchange, asker);
        }
        return Flow::gone;
    }
    if (step == edge::PeerStep::pass_on) {
        return pass_on(core, exchange, edge::StoreRefusal::peer);
    }
    const bool failed = edge::is_error_to_hide(exchange.heads->response.status);
    if (!peer && failed && asks_resort(core, exchange)) return Flow::gone;
    const bool not_modified = exchange.heads->response.status == 304 && fetch->base();
    return not_modified ? take_not_modified(core, exchange)
                        : take_response(core, exchange, framing);
}

void CacheFill::take_refusal(Core& core, Exchange& exchange, const LocalAnswer& answer) {
    if (!fetch) return;
    if (peer && fetch->state() == CacheFetch::State::asking) {
        note_peer_failure(core, *this);
        ask_next(core, exchange);
        return;
    }
    const bool asking = fetch->state() == CacheFetch::State::asking;
    if (asking && asks_resort(core, exchange)) return;
    core.counts.cache_fetch_failures.add(1);
    if (!asking) return;
    core.cache->fail(*fetch, {.status = answer.status,
                              .text = std::string(answer.text),
                              .retry_after_s = answer.retry_after_s,
                              .error = answer.error});
    tell(core, fetch->waiting());
}

bool CacheFill::take_body(Core& core, std::string_view data) {
    if (body == nullptr) return true;  // of a 304 there is none
    // Of unknown length and longer than one may be: who reads it gets it all the same.
    cut = body->seen().bytes + data.size() > core.cache->stream_bytes_max() ||
          (!body->length() && !core.cache->may_grow()) || !body->append(data);
    if (cut) return false;
    if (peer) watch_peer(core, *client->exchange);
    body->note_growth(core.now_ms);
    tell(core, body->waiting());
    return true;
}

// Who reads it waits for the rest, which its app is asked for: neither an instance that dies nor
// another edge that does cuts them.
void CacheFill::take_break(Core& core, const Exchange& exchange) {
    const bool begun = fetch && body != nullptr && ending != CacheBody::State::complete;
    if (!begun || slice || cut || core.stopping || resumes == edge::k_resumes_max) return;
    if (!edge::may_resume(response->head.status(), tag_of(*response), body->length())) return;
    if (peer) note_peer_end(core, *this);
    CacheFill* next = core.fills.make();
    set_leader(*next, leader);
    static_cast<FillJob&>(*next) = std::move(*this);
    next->body = std::exchange(body, nullptr);
    next->peers = {};
    next->resort.reset();
    next->rest = fmt::format("bytes={}-", next->body->seen().bytes);
    ++next->resumes;
    ask(core, exchange, *next);
}

void CacheFill::end(Core& core) {
    if (!fetch) {
        core.fills.drop(this);
        return;
    }
    core.views.release(*app);
    if (leader != nullptr) leader->visit->fill = nullptr;
    if (peer) note_peer_end(core, *this);
    if (fetch->state() == CacheFetch::State::asking) {
        core.cache->fail(*fetch, {.text = "the instance broke off before it answered",
                                  .error = edge::k_error_broken_off});
    }
    tell(core, fetch->waiting());
    if (body != nullptr) {
        body->end(ending);
        core.cache->settle(*fetch, *response, core.now_ms);
        tell(core, body->waiting());
    }
    core.fills.drop(this);
}

}  // namespace moln::edge_loop
