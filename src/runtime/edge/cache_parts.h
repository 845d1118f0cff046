// What a request has to do with the cache, and the client of a fetch for it: see cache_flow.h.
// Plain state; the flows change it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "edge/cache/peer_words.h"
#include "edge/cache/storing.h"
#include "edge/list.h"
#include "runtime/edge/cache_store.h"
#include "runtime/edge/inner_sink.h"
#include "runtime/edge/parts.h"

namespace moln::edge_loop {

struct AppView;
struct Exchange;
struct CacheFill;
struct PeerLink;
struct ByVisit;

// A request that is answered from slices: see cache_slices.h.
struct SliceVisit {
    std::string key;           // of the whole
    std::uint64_t number = 0;  // that is asked for or sent
    // What the client was told of the whole, or is to be.
    std::string validator;
    std::uint64_t total = 0;
    std::uint64_t until = 0;  // in the whole: the end of what is sent
    std::uint64_t first = 0;  // in the whole: of the slice at hand
    std::uint64_t size = 0;
    bool retried = false;  // it was another representation's
};

// The slice that a fetch asks for.
struct SliceAsk {
    std::uint64_t number = 0;
    std::string key;  // of the whole
    std::array<char, 48> range;
    std::size_t range_size = 0;
};

// What a request has to do with the cache. `idle` of one that goes to its app.
// Its timer runs while it waits for a fetch that is not its own.
struct CacheVisit : edge::ListLink<ByVisit>, Timed {
    Exchange* exchange = nullptr;
    CacheSpec rules;
    edge::CacheRole role = edge::CacheRole::pass;
    edge::ReuseWish wish;                            // views into the request's head
    std::shared_ptr<CacheFetch> fetch;               // that is waited for
    std::shared_ptr<const CachedResponse> response;  // that is served
    // Of the answer to what it led, with what is for it alone; null: there is nothing such.
    std::unique_ptr<const edge::StoredHead> own_head;
    CacheFill* fill = nullptr;  // of the fetch that it leads
    CacheBody* body = nullptr;  // of the response, as it is or coded
    CacheBody::Cursor cursor;
    std::uint64_t begin = 0;            // of what is served of the body
    std::uint64_t end = 0;              // k_to_the_end: all there will be
    bool leads = false;                 // it is the one that the fetch was begun for
    bool ended = false;                 // of a chunked answer: its last chunk is in to_client
    bool without_disk = false;          // which has too much to do
    bool late = false;                  // it has waited for long enough
    bool apart = false;                 // it validates for itself: waits for nobody
    bool hit = false;                   // it is counted as one,
    bool stale_hit = false;             // as a stale one
    std::optional<std::uint64_t> hash;  // of what was found in memory
    std::unique_ptr<SliceVisit> slices;
    std::uint8_t rounds = 0;  // look-ups after a wait that came to nothing for it
    bool moved = false;       // it has waited for long enough for one fetch that hangs
    // The second such: it waits for that as its leader does.
    std::shared_ptr<CacheFetch> stays_with;
    http::CacheStatus status;

    static constexpr std::uint64_t k_to_the_end = ~std::uint64_t{0};
};

// What a fetch is for, whoever is asked.
struct FillJob {
    std::shared_ptr<CacheFetch> fetch;  // null: another fill has the job now
    CacheSpec rules;
    std::size_t bytes_max = 0;
    std::unique_ptr<SliceAsk> slice;
    AppView* app = nullptr;  // whose answer it is; kept until the job's end
    // Other edges that are still to be asked before it, in this order; null: none.
    std::array<std::shared_ptr<const PeerLink>, 2> peers;
    // Has something stale, as its app fails: asked for it once ours has failed, too.
    std::shared_ptr<const PeerLink> resort;
    bool takes_stale = false;  // it is being asked for that
    // Once its head came and may be given to others.
    std::shared_ptr<const CachedResponse> response;
    std::uint8_t resumes = 0;  // above 0: the rest is asked for of what broke off
};

// The client of a fetch.
struct CacheFill final : InnerSink, FillJob {
    void shape(http::UpstreamRequest& request, InnerFields& fields) const override;
    Flow take_head(Core& core, Exchange& exchange, const http::BodyFraming& framing) override;
    bool take_body(Core& core, std::string_view data) override;
    void take_break(Core& core, const Exchange& exchange) override;
    void take_refusal(Core& core, Exchange& exchange, const LocalAnswer& answer) override;
    void note_complete() override { ending = CacheBody::State::complete; }
    void end(Core& core) override;

    Exchange* leader = nullptr;  // who asked, on this worker; null: it left, or nobody waits
    WallTime asked;
    std::int64_t asked_ms = 0;                           // the same on a clock that nobody sets
    bool cut = false;                                    // by us: no room, or not the rest
    std::shared_ptr<const PeerLink> peer;                // that is asked; null: the app is
    std::string question;                                // to it, the value of Moln-Peer
    std::optional<edge::PeerAnswer> told;                // by it, of what it sends
    std::string rest;                                    // of a resume, the value of Range
    CacheBody* body = nullptr;                           // of response, while it grows
    CacheBody::State ending = CacheBody::State::failed;  // complete once its response is
};

}  // namespace moln::edge_loop
