// One checker per invariant of docs/INVARIANTS.md. They watch what really happens (the machine, the
// edge, the store's commits, the users) and compare it with what Moln promises; what the daemon
// believes is never asked, but to compare it with the truth.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/change.h"
#include "model/command.h"
#include "ports/store.h"
#include "sim/host.h"
#include "sim/story.h"

namespace moln::sim {

enum class Invariant {
    acknowledged_is_kept = 1,      // no acknowledged command is lost
    drained_gets_nothing_new,      // a drained endpoint gets no new request
    replaced_before_stopped,       // nothing in use is stopped before its replacement serves
    data_dies_by_its_own_removal,  // no data object is destroyed by anything else
    converges,                     // a converged World has an empty plan, and it gets there
    recovers_exactly,              // a crash duplicates and orphans nothing
    one_writer,                    // an exclusive volume is used by one running instance
    no_request_fails,              // of a planned change
    asked_in_vain = 21,            // an authority looks only where every edge answers
};

struct Violation {
    Invariant invariant;
    std::string text;
};

class Checkers {
public:
    enum class How { signal, kill };

    Checkers(const Timeline& timeline, Story& story) : timeline_(timeline), story_(story) {}

    // Of the edge, asked when something is stopped.
    std::function<std::int64_t(const InstanceId&)> open_on;
    std::function<std::int64_t(const AppId&, const std::string& process)> serving;

    // Driver calls fail or the daemon dies: a switch may take longer than requests are held.
    bool host_fails = false;

    // ---- the store ----
    void committed(const StoreTxn& txn);
    const World& durable() const { return durable_; }

    // ---- the daemon ----
    void daemon_starts() { ++lives_; }

    // ---- the machine ----
    void starting(const HostSandbox& box, const std::map<InstanceId, HostSandbox>& all);
    void stopping(const HostSandbox& box, How how);
    void ended(const HostSandbox& box, bool unplanned);
    void volume_created(const VolumeId& volume, const std::string& bytes);
    void volume_taken(const VolumeId& volume, const std::map<InstanceId, HostSandbox>& all);
    void layer_taken(const std::string& layer, const std::map<InstanceId, HostSandbox>& all);
    void purging(const TrashId& trash, const HostTrash* bytes);

    // ---- the edge ----
    // What each of its processes has applied.
    void edge_applied(const std::vector<const EdgeSnapshot*>& snapshots);
    void request_sent(const InstanceId& instance);
    void request_failed(const AppId& app, const InstanceId& instance, const std::string& why);
    void edge_crashed();

    // ---- the users ----
    void asked(const Command& command);
    void acknowledged(const Command& command, const CommandReply& reply);

    // Nothing is under way: memory, store and machine must tell the same.
    void quiet(const World& memory, const Host& host);
    void at_end(bool has_converged, const std::string& why);

    void violated(Invariant invariant, std::string text);
    const std::optional<Violation>& violation() const { return violation_; }
    std::int64_t failures_excused() const { return failures_excused_; }

private:
    void note_dropped(const TrashItem& item);
    bool has_waited(const TrashId& trash) const;
    void check_kept();
    void check_bytes(const Host& host);
    bool may_stop_without_replacement(const Instance& instance, const App& app) const;
    bool has_drain_limit(const Instance& instance) const;
    bool is_single_writer(const AppId& app) const;
    bool serves_badly(const App& app) const;
    bool is_excused(const AppId& app) const;
    void excuse(const AppId& app, Milliseconds span);

    const Timeline& timeline_;
    Story& story_;
    World durable_;
    std::map<AppId, std::int64_t> acknowledged_;  // generation that is durable for good
    std::set<AppId> removal_asked_;
    std::set<TrashId> purge_asked_;
    std::set<InstanceId> stop_asked_;
    std::set<InstanceId> drained_;  // says the snapshot that the edge has applied
    std::set<InstanceId> signalled_;
    std::map<std::string, std::int64_t> deploys_;  // description to release: made once
    std::map<VolumeId, std::string> bytes_;        // that a volume was made with
    struct Dropped {
        MonoTime at;
        std::int64_t life = 0;   // of the daemon
        bool leftovers = false;  // layers that no release names: they need not wait
    };
    std::map<TrashId, Dropped> dropped_;
    std::int64_t lives_ = 0;
    std::map<AppId, MonoTime> excused_until_;
    MonoTime all_excused_until_;
    std::int64_t failures_excused_ = 0;
    std::optional<Violation> violation_;
};

}  // namespace moln::sim
