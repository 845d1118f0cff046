// One worker's view of apps and endpoints: what it has open there, its idle connections, what
// requests experienced. Outlives snapshots as long as a request needs it. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "edge/balance.h"
#include "edge/ejection.h"
#include "edge/list.h"
#include "edge/retry.h"
#include "runtime/edge/parts.h"
#include "runtime/edge/tables.h"

namespace moln::edge_loop {

struct Stream;
struct ByEjection;
struct ByHolding;

struct EndpointView : edge::ListLink<ByEjection> {
    std::shared_ptr<EndpointCell> cell;
    EndpointSlot* slot = nullptr;
    AppView* app = nullptr;
    EndpointState state = EndpointState::warming;
    bool current = false;    // stands in the snapshot
    std::size_t index = 0;   // in app->endpoints, while current
    std::uint64_t seen = 0;  // generation of the last snapshot that named it
    std::uint32_t open = 0;  // requests and tunnels of this worker
    std::uint32_t idle_count = 0;
    edge::Ejection ejection;
    edge::List<Opening, ByAge> opens;  // oldest first
    WebProtocol protocol = WebProtocol::http;
    bool canary = false;
    std::shared_ptr<const PeerLink> peer;  // null: an instance
    bool started = false;                  // was active in the last snapshot
    std::int64_t slow_until_ms = 0;        // it is new: its share grows until then
    edge::List<Upstream, ByPool> idle;     // the last is the most recently used
    edge::List<Upstream, ByPool> links;    // of HTTP/2, that may take more requests or finish some
};

struct AppView : edge::ListLink<ByHolding> {
    std::shared_ptr<AppCell> cell;
    AppSlot* slot = nullptr;
    const EdgeApp* spec = nullptr;         // of the snapshot in use; null once the app has gone
    std::span<const IpNetwork> allowed;    // who passes its maintenance; of the same
    std::shared_ptr<const OpenSite> site;  // of spec->site; null: it cannot be read
    std::vector<EndpointView*> endpoints;
    std::vector<std::uint32_t> loads;  // for edge::least_loaded, beside endpoints
    std::size_t turn = 0;
    std::size_t active = 0;
    std::size_t ejected = 0;
    // Nobody is healthy, what is only late gets requests: of the release that serves, of a canary.
    std::array<bool, 2> panic = {};
    std::int64_t slow_until_ms = 0;  // the last of its endpoints'
    std::uint32_t exchanges = 0;     // that point here
    edge::RetryBudget budget;
    edge::List<Exchange, ByHold> held;
    edge::List<Stream, ByHold> held_streams;
};

// Another edge that this worker may ask.
struct PeerView {
    AppView* app = nullptr;
    std::shared_ptr<const PeerLink> link;
    edge::PeerPatience patience;
};

inline bool is_in_maintenance(const AppView& app) {
    return app.spec != nullptr && app.spec->maintenance.has_value();
}

inline RetryMode retry_mode(const AppView& app) {
    return app.spec == nullptr ? RetryMode::idempotent : app.spec->retry;
}

// Where the worker says that a drained endpoint has become idle.
class DrainListener {
public:
    virtual ~DrainListener() = default;
    virtual void on_idle_endpoint() = 0;
    // A place within an endpoint's concurrency is free, for which requests of other workers wait.
    virtual void on_place_free() = 0;
};

// Whose open counts say which endpoint has the least.
enum class PickBy : std::uint8_t {
    worker,  // this worker's: requests are so many and short that the workers even out
    edge,    // all workers': streams are few and long
};

struct Pick {
    edge::Preference wish = {};
    bool canary_only = false;  // else others do for a canary that cannot
    PickBy by = PickBy::worker;
    std::int64_t now_ms = 0;
    std::uint64_t dice = 0;  // any number, for slow starts
};

class Views {
public:
    Views(std::size_t worker, DrainListener* listener) : worker_(worker), listener_(listener) {}

    // Swaps in a snapshot that differs from the one before at the places `touched`, and only there:
    // nothing else is looked at. A place costs about a microsecond, so it is done in pieces,
    // between which requests go on: apps that stay follow one by one, then all routes, and the apps
    // that they lead to, change at once, and at last those that have gone are left. Until
    // is_swapping() is false again, requests may still go to what the snapshot before had. None is
    // under way; `touched` may name places twice.
    void begin_swap(std::shared_ptr<const Tables> tables, std::vector<std::uint32_t> touched);
    bool is_swapping() const { return swap_.has_value(); }
    // Nobody is to be served in between: it is the first, or routes change with their apps. What a
    // route asks of who comes (a password, a certificate) must not be later than what is behind it.
    bool must_go_on() const;
    // Does so many places more. Idle connections of endpoints that are no longer active are moved
    // to `orphans`, for the caller to close. Apps that have requests waiting are told by `holding`.
    // An endpoint that becomes active begins its slow start at `now_ms`, but for those of the first
    // snapshot: they may have served long before this edge did.
    void swap_some(std::size_t places, edge::List<Upstream, ByPool>& orphans, std::int64_t now_ms);
    // The tables in use; null before the first.
    const Tables* tables() const { return tables_.get(); }

    // What certificates this worker shows. Never null.
    const std::shared_ptr<const tls::Sites>& sites() const { return sites_; }

    struct Routed {
        AppView* app = nullptr;  // null when no app answers for that host and path
        const edge::RouteTarget* target = nullptr;
        std::uint32_t slot = 0;  // where the route is counted
    };
    Routed route(std::string_view host, std::string_view path);
    // By its place in the tables in use.
    AppView& app(std::size_t place) { return *by_place_[place]; }

    // Null: the cache has no peers.
    const CachePeers* peering() const { return tables_ ? tables_->peers.get() : nullptr; }
    // In the order of peering().
    std::span<PeerView> peers() { return peers_; }

    // The endpoint for one more request, none of `tried`; null if there is none. The pointers in
    // `tried` are only compared: what they name may have gone.
    // Within a concurrency limit it has taken a place there, which open() makes the opening's.
    EndpointView* pick(AppView& app, std::span<const EndpointCell* const> tried, const Pick& how);
    EndpointView* pick(AppView& app, std::span<const EndpointCell* const> tried,
                       PickBy by = PickBy::worker) {
        return pick(app, tried, Pick{.by = by});
    }
    // Does one serve such requests, be it busy? None of `tried`, as for pick().
    bool any_eligible(const AppView& app, bool canary = false,
                      std::span<const EndpointCell* const> tried = {}) const;
    // Is there a limit to what an endpoint has at once?
    bool is_limited(const AppView& app) const {
        return app.spec != nullptr && app.spec->concurrency > 0;
    }
    // Does one have a place for one more? Whoever stays with one that serves waits for a place
    // there.
    bool any_place(const AppView& app, const edge::Preference& wish = {}) const;

    // Open counts. `opening.endpoint` is set and cleared here.
    void open(Opening& opening, EndpointView& endpoint, std::int64_t now_ms);
    // The same of what another edge had open there, which goes on, be it over the limit.
    void adopt(Opening& opening, EndpointView& endpoint, std::int64_t now_ms);
    // What `from` has open there is `to`'s from now on.
    void hand_over(Opening& from, Opening& to);
    void to_tunnel(Opening& opening);
    void close(Opening& opening);

    // Passive health. True when the endpoint was ejected.
    bool note_failure(EndpointView& endpoint, std::int64_t now_ms);
    void note_success(EndpointView& endpoint);
    // Ends ejections that are over.
    void readmit(std::int64_t now_ms);
    bool any_ejected() const { return !ejected_.empty(); }
    // Looks at the active probes' verdicts on these again. The pointers are only compared.
    void refresh_health(std::span<const EndpointCell* const> changed);

    void release(AppView& app);  // an exchange no longer points there

    edge::List<AppView, ByHolding>& holding() { return holding_; }

private:
    // A snapshot on its way in. Views point into both tables meanwhile.
    struct Swap {
        struct Arrival {
            std::uint32_t place = 0;
            AppView* app = nullptr;  // null: the place becomes free
        };
        std::shared_ptr<const Tables> tables;
        std::vector<std::uint32_t> touched;
        std::size_t at = 0;             // of touched, the next
        std::vector<Arrival> arrivals;  // of places whose app is not the one before
        std::shared_ptr<const Tables> before;
        bool installed = false;      // routes lead by the new tables
        std::vector<AppView*> gone;  // to be left
    };

    void prepare(std::uint32_t place, edge::List<Upstream, ByPool>& orphans, std::int64_t now_ms);
    void install(edge::List<Upstream, ByPool>& orphans);
    EndpointView& endpoint_view(AppView& app, const EndpointEntry& entry);
    AppView& app_view(const AppEntry& entry);
    // `generation`: of the tables that the entry is of.
    void apply_app(AppView& app, const AppEntry& entry, std::uint64_t generation,
                   edge::List<Upstream, ByPool>& orphans);
    void apply_peers(edge::List<Upstream, ByPool>& orphans);
    void begin_slow_starts(AppView& app, bool late, std::int64_t now_ms);
    void drop(EndpointView& endpoint, edge::List<Upstream, ByPool>& orphans);
    void drop(AppView& app, edge::List<Upstream, ByPool>& orphans);
    void refresh_load(EndpointView& endpoint);
    void refresh_panic(AppView& app);
    // Hides what was tried and the other group of endpoints; true: show() is to be called.
    bool hide(AppView& app, std::span<const EndpointCell* const> tried, bool canary);
    void show(AppView& app, std::span<const EndpointCell* const> tried);
    EndpointView* pick_shown(AppView& app, const Pick& how);
    // Where it stays, if that one serves.
    EndpointView* own_instance(const AppView& app, const edge::Preference& wish) const;
    EndpointView* pick_by_key(AppView& app, std::uint64_t key);
    EndpointView* pick_new(AppView& app, const Pick& how);
    EndpointView* pick_by_load(AppView& app, PickBy by);
    EndpointView* pick_by_all(AppView& app);
    EndpointView* pick_within_limit(AppView& app);
    // A place within its limit; false: another took the last.
    bool take_place(AppView& app, EndpointView& endpoint);
    void give_place_back(AppView& app, EndpointCell& cell);
    bool eligible(const EndpointView& endpoint) const;
    void publish_oldest(EndpointView& endpoint);

    std::size_t worker_;
    DrainListener* listener_;
    std::shared_ptr<const Tables> tables_;
    std::shared_ptr<const tls::Sites> sites_ = std::make_shared<const tls::Sites>();
    std::optional<Swap> swap_;
    std::vector<AppView*> by_place_;     // as tables_ has them; null: a free place
    std::vector<std::uint32_t> places_;  // of pick_within_limit, kept for its memory
    std::vector<std::uint32_t> shown_;   // of pick_new, the same
    std::unordered_map<const AppCell*, std::unique_ptr<AppView>> apps_;
    std::unordered_map<const EndpointCell*, std::unique_ptr<EndpointView>> endpoints_;
    std::vector<PeerView> peers_;
    edge::List<EndpointView, ByEjection> ejected_;
    edge::List<AppView, ByHolding> holding_;
};

}  // namespace moln::edge_loop
