#include "runtime/edge/peer_flow.h"

#include <array>
#include <utility>
#include <vector>

#include "edge/cache/target.h"
#include "edge/limits.h"
#include "runtime/edge/cache_peers.h"

namespace moln::edge_loop {
namespace {

// To be connected to, and to answer.
constexpr Milliseconds k_trial{edge::k_connect_limit.count + edge::k_peer_answer_limit.count};

std::vector<edge::PeerStanding> standings(Core& core) {
    std::vector<edge::PeerStanding> all;
    for (const PeerView& one : core.views.peers()) {
        all.push_back({.kind = one.link->spec.kind,
                       .place = one.link->place,
                       .away = !one.patience.is_over(core.now_ms)});
    }
    return all;
}

// Null: it is no peer any more.
PeerView* find_peer(Core& core, const PeerLink* link) {
    for (PeerView& one : core.views.peers()) {
        if (one.link.get() == link) return &one;
    }
    return nullptr;
}

}  // namespace

void hear_peer(Core& core, Exchange& exchange) {
    const CachePeers* peers = core.views.peering();
    if (peers == nullptr) return;
    const auto question = edge::read_question(exchange.heads->request, peers->key, {core.wall_ms});
    if (!question) return;
    core.counts.cache_peer_questions.add(1);
    exchange.peer_scheme = question->scheme;
    exchange.asked_by =
        question->as == CachePeerKind::sibling ? edge::AskedBy::sibling : edge::AskedBy::child;
}

void plan_peers(Core& core, const Exchange& asker, CacheFill& fill) {
    const CachePeers* peers = core.views.peering();
    if (peers == nullptr) return;
    // What is asked in somebody's name is between him and the app, as is where a client stays.
    const http::RequestHead& request = asker.heads->request;
    const bool personal = asker.authenticated || asker.vouched || !asker.client_cert.empty() ||
                          request.fields.first(http::FieldId::authorization);
    if (personal || fill.app->spec == nullptr || fill.app->spec->affinity) return;
    std::array<char, edge::k_cache_key_bytes_max> room;
    const auto key = edge::cache_key({.scheme = scheme_of(asker)}, request, room);
    if (!key) return;
    const auto known = standings(core);
    const auto path =
        edge::fill_path(edge::cache_hash(*key, 0), asker.asked_by, peers->place, known);
    if (path.sibling) fill.peers[0] = peers->all[*path.sibling].link;
    if (path.parent) fill.peers[1] = peers->all[*path.parent].link;
}

AppView& next_source(Core& core, const Exchange& asker, CacheFill& fill) {
    for (auto& next : fill.peers) {
        fill.peer = std::exchange(next, nullptr);
        if (!fill.peer) continue;
        PeerView* view = find_peer(core, fill.peer.get());
        const CachePeers* peers = core.views.peering();
        if (view == nullptr || !view->patience.is_over(core.now_ms)) continue;
        std::array<char, edge::k_peer_question_bytes_max> room;
        fill.question = edge::format_question({.from = peers->name,
                                               .as = fill.peer->spec.kind,
                                               .scheme = scheme_of(asker),
                                               .at = {core.wall_ms}},
                                              asker.heads->request, peers->key, room);
        if (fill.question.empty()) continue;
        view->patience.note_asked(core.now_ms, k_trial);
        core.counts.cache_peer_fetches.add(1);
        fill.fetch->note_asked(fill.peer->spec.kind == CachePeerKind::parent
                                   ? edge::AskedOf::parent
                                   : edge::AskedOf::sibling);
        return *view->app;
    }
    fill.peer.reset();
    fill.fetch->note_asked(edge::AskedOf::app);
    return *fill.app;
}

void note_peer_failure(Core& core, const CacheFill& fill) {
    core.counts.cache_peer_failures.add(1);
    PeerView* view = find_peer(core, fill.peer.get());
    if (view != nullptr) view->patience.note_failure(core.now_ms);
}

void note_peer_success(Core& core, const CacheFill& fill) {
    PeerView* view = find_peer(core, fill.peer.get());
    if (view != nullptr) view->patience.note_success();
}

void note_peer_end(Core& core, const CacheFill& fill) {
    using State = CacheFetch::State;
    const auto state = fill.fetch->state();
    if (state != State::answered && state != State::passed) return;
    const bool whole = fill.body == nullptr || fill.ending == CacheBody::State::complete;
    if (whole || fill.cut) {
        note_peer_success(core, fill);
    } else if (!core.stopping) {
        note_peer_failure(core, fill);
    }
}

}  // namespace moln::edge_loop
