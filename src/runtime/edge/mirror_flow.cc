#include "runtime/edge/mirror_flow.h"

#include <memory>
#include <utility>

#include "edge/mirror.h"
#include "runtime/edge/inner_client.h"
#include "runtime/edge/mirror_sink.h"

namespace moln::edge_loop {

void MirrorSink::shape(http::UpstreamRequest&, InnerFields& fields) const {
    fields.add({.name = "X-Moln-Mirror", .value = "1"});
}

Flow MirrorSink::take_head(Core&, Exchange& exchange, const http::BodyFraming&) {
    answered_ = true;
    failed_ = exchange.heads->response.status >= 500;
    return Flow::progress;
}

bool MirrorSink::take_body(Core&, std::string_view data) {
    body_bytes_ += data.size();
    return body_bytes_ <= edge::k_mirror_answer_max;
}

// Without an attempt: there was no place for it.
void MirrorSink::take_refusal(Core&, Exchange& exchange, const LocalAnswer&) {
    answered_ = true;
    (exchange.attempts == 0 ? dropped_ : failed_) = true;
}

void MirrorSink::end(Core& core) {
    AppSlot& slot = cell_->slots[core.index];
    if (dropped_) {
        slot.mirrors_dropped_total.add(1);
    } else {
        slot.mirrors_total.add(1);
        if (failed_ || !answered_) slot.mirror_errors_total.add(1);
    }
    --core.mirrors_open;
    unlink();
    delete this;
}

namespace {

// No place in memory for it, or too many are open.
bool has_room(const Core& core, const Exchange& exchange) {
    return core.mirrors_open < edge::k_mirrors_open_max && exchange.replay == nullptr &&
           !exchange.replay_lost;
}

}  // namespace

void begin_mirror(Core& core, Exchange& exchange) {
    exchange.mirror = false;
    AppView& app = *exchange.app;
    const bool may = app.spec != nullptr && exchange.upgrade.kind == http::UpgradeKind::none &&
                     edge::may_mirror(exchange.heads->request.method, app.spec->retry);
    if (!may) return;
    Buffer* copy = has_room(core, exchange) ? core.buffers.lend() : nullptr;
    if (copy == nullptr) {
        app.slot->mirrors_dropped_total.add(1);
        return;
    }
    const Buffer& in = *exchange.client->in;
    copy->append({in.bytes + in.begin, exchange.body_at - in.begin});
    InnerWish wish{.kind = InnerKind::copy};
    if (exchange.request_body.framing.kind == http::BodyKind::until_close) {
        wish.body = http::BodyFraming{http::BodyKind::length, exchange.body_at - exchange.head_end};
    }
    const auto limit = core.stopping ? edge::k_mirror_stop_limit : edge::k_mirror_limit;
    auto* sink = new MirrorSink(app.cell, core.now_ms + limit.count);
    ++core.mirrors_open;
    core.mirrors.push_back(sink);
    start_inner(core, exchange, *sink, {.in = copy, .app = &app, .wish = wish});
}

void fire_mirror_timers(Core& core) {
    while (MirrorSink* sink = core.mirrors.front()) {
        if (sink->deadline_ms() > core.now_ms) return;
        close_client(core, *sink->client);
    }
}

void hurry_mirrors(Core& core) {
    const auto deadline_ms = core.now_ms + edge::k_mirror_stop_limit.count;
    for (MirrorSink* sink = core.mirrors.front(); sink != nullptr;
         sink = core.mirrors.after(sink)) {
        sink->end_by(deadline_ms);
    }
}

std::int64_t next_mirror_deadline_ms(Core& core) {
    return core.mirrors.front()->deadline_ms();
}

}  // namespace moln::edge_loop
