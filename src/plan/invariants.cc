#include "plan/invariants.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "model/canary.h"
#include "model/change.h"
#include "model/site.h"
#include "plan/scope.h"

namespace moln::plan {
namespace {

constexpr std::size_t k_writes_max = 4'096;  // of one transaction: ports/store.h

using Found = std::vector<std::string>;

template <typename Map, typename Key>
auto find(const Map& map, const Key& key) -> decltype(&map.find(key)->second) {
    const auto found = map.find(key);
    return found == map.end() ? nullptr : &found->second;
}

bool leaves(InstanceGoal goal) {
    return goal != InstanceGoal::prepare && goal != InstanceGoal::run;
}

const InstanceSeen* seen_of(const World& world, const Instance& instance) {
    const auto* node = find(world.nodes, instance.node);
    return node == nullptr ? nullptr : find(node->instances, instance.id);
}

bool limit_over(const World& before, const Instance& instance, SteadyTime now) {
    const auto* releases = find(before.releases, instance.app);
    const auto* release = releases == nullptr ? nullptr : find(*releases, instance.release);
    return release != nullptr && release->config.drain.limit &&
           instance.goal_since + *release->config.drain.limit <= now;
}

// Every edge has said, under this leader, that it sends nothing new.
bool is_told(const World& world, const Instance& instance) {
    if (!instance.drained_version || !world.edges.contains(world.self)) return false;
    return std::ranges::all_of(world.edges, [&](const auto& entry) {
        const auto& edge = entry.second;
        return edge.connected && edge.report.acked_epoch >= world.epoch &&
               edge.report.acked_version >= *instance.drained_version;
    });
}

// Every edge has said, under this leader, that it answers an authority for this host.
bool is_shown(const World& world, const std::string& host) {
    const auto* attempt = find(world.attempts, host);
    if (attempt == nullptr || !attempt->challenge || !world.edges.contains(world.self))
        return false;
    const auto& challenges = world.edge.challenges;
    if (std::ranges::find(challenges, *attempt->challenge) == challenges.end()) return false;
    return std::ranges::all_of(world.edges, [&](const auto& entry) {
        const auto& edge = entry.second;
        return attempt->shown_version && edge.connected && edge.report.acked_epoch >= world.epoch &&
               edge.report.acked_version >= *attempt->shown_version;
    });
}

// And that it has nothing open.
bool is_let_go(const World& world, const Instance& instance) {
    return is_told(world, instance) && std::ranges::all_of(world.edges, [&](const auto& entry) {
               const auto* report = find(entry.second.endpoints, instance.id);
               return report == nullptr ||
                      (report->requests_open == 0 && report->tunnels_open == 0);
           });
}

bool ended(const World& world, const Instance& instance) {
    const auto* seen = seen_of(world, instance);
    return seen != nullptr && seen->generation >= instance.generation &&
           seen->phase != InstancePhase::running && seen->phase != InstancePhase::stopping &&
           seen->phase != InstancePhase::backing_off && seen->phase != InstancePhase::preparing;
}

// I3, second half: what takes the place of one that is taken out of the edge.
bool is_replaced(const World& after, const Instance& instance) {
    const auto* app = find(after.apps, instance.app);
    if (app == nullptr || app->run != AppRun::running) return true;  // the user stopped it
    // Beside a canary what serves is whole by itself.
    const bool beside = has_canary(*app) && instance.release == app->release_served;
    std::int64_t serving = 0;
    std::int64_t waiting = 0;
    for (const auto& [id, other] : after.instances) {
        if (other.app != instance.app || other.process != instance.process) continue;
        if (beside && other.release != instance.release) continue;
        if (leaves(other.goal) || other.kind != InstanceKind::service) continue;
        if (other.goal == InstanceGoal::prepare) ++waiting;
        if (other.goal == InstanceGoal::run && other.in_edge) ++serving;
    }
    // A waiting one is for the exclusive volume in this one's hands.
    if (waiting > 0 && !instance.volumes.empty()) return true;
    const auto* releases = find(after.releases, instance.app);
    const auto* release = releases == nullptr
                              ? nullptr
                              : find(*releases, beside ? app->release_served : app->release);
    const auto* process =
        release == nullptr ? nullptr : find(release->config.processes, instance.process);
    if (process == nullptr) return true;  // the wanted release has no such process
    const auto wanted = wanted_count(*app, release->config, instance.process);
    // A release that failed after it was put into the edge alone goes without a successor.
    const bool failed = app->rollout.state == RolloutState::failed &&
                        instance.release == app->rollout.to && app->release != app->rollout.to;
    // So does a canary that another overtook.
    const bool served_goes_on = std::ranges::any_of(after.instances, [&](const auto& entry) {
        const auto& other = entry.second;
        return other.app == instance.app && other.process == instance.process &&
               other.release == app->release_served && other.in_edge && !leaves(other.goal);
    });
    const bool overtaken = app->rollout.state == RolloutState::switching &&
                           instance.release != app->release &&
                           instance.release != app->release_served && served_goes_on;
    return failed || overtaken || serving >= wanted;
}

class PlanCheck {
public:
    PlanCheck(const World& before, const Plan& plan, const World& after)
        : before_(before), plan_(plan), after_(after) {}

    Found run() {
        check_writes();
        for (const auto& change : plan_.changes) {
            if (const auto* put = std::get_if<PutApp>(&change)) check_app(put->app);
            if (const auto* put = std::get_if<PutInstance>(&change)) check_instance(put->instance);
            if (const auto* gone = std::get_if<DeleteInstance>(&change)) check_deleted(gone->id);
            if (const auto* gone = std::get_if<DeleteVolume>(&change)) check_volume(gone->id);
            if (const auto* gone = std::get_if<DeleteTrash>(&change)) check_trash(gone->id);
            if (const auto* gone = std::get_if<DeleteRelease>(&change)) check_release(*gone);
        }
        check_edge();
        check_acme();
        check_events();
        return std::move(found_);
    }

private:
    void broken(int number, const std::string& what) {
        found_.push_back(fmt::format("I{}: {}", number, what));
    }

    void check_writes() {
        std::set<std::string> keys;
        for (const auto& change : plan_.changes) {
            const auto* event = std::get_if<PutEvent>(&change);
            if (event != nullptr && event->event.number == 0) continue;
            if (!keys.insert(store_key(change)).second) {
                broken(10, store_key(change) + " is written twice");
            }
        }
        if (plan_.changes.size() > k_writes_max) {
            broken(10, fmt::format("{} writes in one plan", plan_.changes.size()));
        }
    }

    // A switch that fails goes back to what served, and leaves that alone.
    void check_app(const App& next) {
        const auto* last = find(before_.apps, next.id);
        if (last == nullptr ||
            (last->rollout.state != RolloutState::switching &&
             last->rollout.state != RolloutState::canary) ||
            next.rollout.state != RolloutState::failed) {
            return;
        }
        if (next.release != last->release && next.release != last->release_served) {
            broken(15, next.id.text + " falls back to a release that did not serve");
        }
        for (const auto& [id, instance] : before_.instances) {
            const auto* then = find(after_.instances, id);
            if (instance.kind != InstanceKind::service || instance.app != next.id ||
                instance.release != next.release || instance.restart_count != next.restart_count ||
                leaves(instance.goal)) {
                continue;
            }
            if (then == nullptr || leaves(then->goal)) {
                broken(15, id.text + " is taken away by the failure of another release");
            }
        }
    }

    void check_instance(const Instance& next) {
        const auto* last = find(before_.instances, next.id);
        if (last == nullptr) return;
        const auto now = next.goal_since;
        if (next.goal == last->goal) {
            if (next.generation != last->generation)
                broken(13, next.id.text +
                               " gets a new order "
                               "for the same goal");
            return;
        }
        if (next.goal < last->goal || next.generation <= last->generation) {
            broken(13, fmt::format("{} goes back from {} to {}", next.id.text,
                                   enum_word(last->goal), enum_word(next.goal)));
        }
        if (next.goal == InstanceGoal::drain) {
            if (!next.drained_version || !plan_.edge ||
                *next.drained_version > plan_.edge->version) {
                check_drained_version(next);
            }
            if (last->in_edge && !is_replaced(after_, next)) {
                broken(3, next.id.text + " leaves the edge before another is in its place");
            }
        }
        const bool ends = next.goal == InstanceGoal::stop || next.goal == InstanceGoal::kill;
        if (ends && last->goal == InstanceGoal::run && last->in_edge) {
            broken(3, next.id.text + " is stopped without a drain");
        }
        if (ends && last->goal == InstanceGoal::drain && !is_let_go(before_, *last) &&
            !(is_told(before_, *last) && limit_over(before_, *last, now))) {
            broken(3, next.id.text + " is stopped before every edge let it go");
        }
        if (next.goal == InstanceGoal::kill && !limit_over(before_, *last, now)) {
            broken(3, next.id.text + " is killed though the user set no limit");
        }
        if (next.goal == InstanceGoal::remove && last->goal != InstanceGoal::prepare &&
            !ended(before_, *last)) {
            broken(3, next.id.text + " is tidied away before it has ended");
        }
    }

    void check_drained_version(const Instance& next) {
        if (next.drained_version && *next.drained_version <= before_.edge.version) return;
        broken(2, next.id.text + " is drained by a snapshot that is not published");
    }

    void check_deleted(const InstanceId& id) {
        const auto* last = find(before_.instances, id);
        const auto* node = last == nullptr ? nullptr : find(before_.nodes, last->node);
        const bool settled = node != nullptr && node->trash_settled.contains(last->trash);
        if (last == nullptr || last->goal != InstanceGoal::remove || !settled) {
            broken(16, id.text + " is forgotten before the node has tidied it away");
            return;
        }
        if (node->trash_settled.at(last->trash).count > 0 && !after_.trash.contains(last->trash)) {
            broken(4, "what " + id.text + " wrote is in the trash without a record");
        }
    }

    void check_volume(const VolumeId& id) {
        const auto& volume = before_.volumes.at(id);
        if (!volume.instance.empty() && !after_.instances.contains(volume.instance)) return;
        const bool in_trash = std::ranges::any_of(after_.trash, [&](const auto& entry) {
            return entry.second.kind == TrashKind::volume && entry.second.subject == id.text;
        });
        if (!in_trash) broken(4, "volume " + id.text + " is dropped without a trash item");
        if (after_.apps.contains(volume.app))
            broken(4, "volume " + id.text +
                          " of a living app "
                          "is dropped");
        if (volume.lifetime == Lifetime::independent) {
            broken(4, "independent volume " + id.text + " is dropped");
        }
    }

    void check_trash(const TrashId& id) {
        const auto& item = before_.trash.at(id);
        const auto* node = find(before_.nodes, item.node);
        const bool has_bytes = !item.node.empty();
        const bool purged =
            item.purging && (!has_bytes || (node != nullptr && node->trash_purged.contains(id)));
        const bool restored =
            item.restoring && node != nullptr && node->trash_restored.contains(id);
        const bool returned = std::ranges::any_of(before_.volumes, [&](const auto& entry) {
            return entry.second.restored_from == id && node != nullptr &&
                   node->volumes_settled.contains(entry.first);
        });
        if (!purged && !restored && !returned) {
            broken(4, "trash item " + id.text + " is dropped while its bytes are there");
        }
    }

    void check_release(const DeleteRelease& gone) {
        const bool kept = std::ranges::any_of(after_.trash, [&](const auto& entry) {
            const auto& item = entry.second;
            return item.app == gone.app &&
                   (item.kind == TrashKind::app ||
                    item.subject == fmt::format("{}#{}", gone.app.text, gone.number));
        });
        if (!kept)
            broken(4, fmt::format("release {} of {} is dropped without a trash item", gone.number,
                                  gone.app.text));
    }

    void check_edge() {
        if (!plan_.edge) return;
        if (plan_.edge->version <= before_.edge.version)
            broken(11, "the edge version did not rise");
        for (const auto& app : plan_.edge->apps) {
            for (const auto& endpoint : app.endpoints) check_endpoint(endpoint);
            if (app.site) check_site(app);
        }
        std::set<std::string> hosts;
        for (const auto& one : plan_.edge->certificates) check_certificate(one, hosts);
        if (!std::ranges::is_sorted(plan_.edge->certificates, {}, &EdgeCertificate::id)) {
            broken(19, "certificates in no order");
        }
    }

    void check_acme() {
        for (const auto& step : plan_.acme) {
            if (step.verb == AcmeVerb::answer && !is_shown(before_, step.host)) {
                broken(21, step.host + " is to be looked at and not every edge answers for it");
            }
            if (step.verb != AcmeVerb::begin) continue;
            if (!after_.acme || !after_.acme->enabled || !after_.acme->registered) {
                broken(21, step.host + " is asked for and nobody agreed to it");
            }
            const auto* before = find(before_.orders, step.host);
            const auto* order = find(after_.orders, step.host);
            const auto attempts = before == nullptr ? 0 : before->attempts;
            if (order == nullptr || order->id != step.id || order->attempts != attempts + 1 ||
                before_.attempts.contains(step.host)) {
                broken(21, step.host + " is asked for and it is not written down");
            }
        }
    }

    void check_certificate(const EdgeCertificate& given, std::set<std::string>& hosts) {
        const auto* stored = find(before_.certificates, given.id);
        if (stored == nullptr || stored->chain != given.chain ||
            stored->sealed_key != given.sealed_key) {
            broken(19, given.id.text + " is given to the edges and not stored like this");
            return;
        }
        for (const auto& host : given.hosts) {
            if (std::ranges::find(stored->hosts, host) == stored->hosts.end()) {
                broken(19, given.id.text + " does not speak for " + host);
            }
            if (!hosts.insert(host).second) broken(19, host + " has two certificates");
        }
    }

    void check_site(const EdgeApp& shown) {
        const auto& site = *shown.site;
        const auto* app = find(after_.apps, shown.app);
        const auto* releases = find(after_.releases, shown.app);
        const auto* release = releases == nullptr ? nullptr : find(*releases, site.release);
        if (app == nullptr || app->run != AppRun::running || release == nullptr ||
            release->config.site != site.spec || site_among(release->image.layers) != site.name) {
            broken(22, shown.app.text + " has a site at the edges that is not its own");
            return;
        }
        if (site.release != app->release_served && app->release_served != 0) {
            broken(22,
                   shown.app.text + " has a site at the edges of a release that does not serve");
        }
        const bool trashed = std::ranges::any_of(after_.trash, [&](const auto& entry) {
            return entry.second.kind == TrashKind::image &&
                   std::ranges::count(layers_of(entry.second), site.name) > 0;
        });
        if (trashed) broken(22, shown.app.text + " has a site at the edges that is in the trash");
    }

    void check_endpoint(const EdgeEndpoint& endpoint) {
        const auto* instance = find(after_.instances, endpoint.instance);
        if (instance == nullptr) {
            broken(17, endpoint.instance.text + " is an endpoint and no instance");
            return;
        }
        const auto* seen = seen_of(after_, *instance);
        if (endpoint.state == EndpointState::active &&
            (seen == nullptr || seen->phase != InstancePhase::running ||
             instance->goal != InstanceGoal::run || !instance->in_edge)) {
            broken(17, endpoint.instance.text + " is active and does not run");
        }
        if (endpoint.state != EndpointState::draining && leaves(instance->goal)) {
            broken(2, endpoint.instance.text + " is on its way out and not draining");
        }
    }

    // An event tells of a change: alone it would be told again and again.
    void check_events() {
        std::size_t events = 0;
        for (const auto& change : plan_.changes) {
            if (std::holds_alternative<PutEvent>(change)) ++events;
        }
        if (events > 0 && events == plan_.changes.size()) broken(14, "an event without a change");
    }

    const World& before_;
    const Plan& plan_;
    const World& after_;
    Found found_;
};

std::string project_text(const AppId& app) {
    return app.text.substr(0, app.text.find('/'));
}

}  // namespace

Found broken_invariants(const World& before, const Plan& plan, const World& after) {
    auto found = PlanCheck(before, plan, after).run();
    auto at_rest = broken_invariants(after);
    found.insert(found.end(), at_rest.begin(), at_rest.end());
    return found;
}

Found broken_invariants(const World& world) {
    Found found;
    std::map<VolumeId, InstanceId> holders;
    std::map<std::pair<std::string, std::uint32_t>, InstanceId> slots;
    for (const auto& [id, instance] : world.instances) {
        const auto [slot, is_free] =
            slots.emplace(std::pair(project_text(instance.app), instance.address_slot), id);
        if (!is_free) {
            found.push_back(
                fmt::format("I12: {} and {} share an address", id.text, slot->second.text));
        }
        for (const auto& held : instance.volumes) {
            const auto* volume = find(world.volumes, held);
            if (volume == nullptr || volume->sharing != Sharing::exclusive) continue;
            const auto [holder, is_alone] = holders.emplace(held, id);
            if (is_alone) continue;
            found.push_back(fmt::format("I7: exclusive volume {} is in the hands of {} and {}",
                                        held.text, id.text, holder->second.text));
        }
    }
    std::map<std::int64_t, AppId> uids;
    for (const auto& [id, app] : world.apps) {
        const auto [owner, is_free] = uids.emplace(app.uid_base, id);
        if (!is_free) {
            found.push_back(fmt::format("I12: {} and {} share uids", id.text, owner->second.text));
        }
    }
    return found;
}

}  // namespace moln::plan
