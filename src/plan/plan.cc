#include "plan/plan.h"

#include "model/limits.h"
#include "plan/acme.h"
#include "plan/certificates.h"
#include "plan/crash.h"
#include "plan/cron.h"
#include "plan/drain.h"
#include "plan/edge_view.h"
#include "plan/removal.h"
#include "plan/rollout.h"
#include "plan/staples.h"
#include "plan/ticket_keys.h"
#include "plan/trash.h"

namespace moln::plan {
namespace {

// One plan is one transaction of at most 4,096 writes. The largest step that must be whole is the
// switch of an app: 1,000 instances in, as many out, its volumes and events. What does not fit
// waits for the next plan, which follows at once.
constexpr std::size_t k_changes_before_app_max = 1'000;

void advance_app(Draft& draft, const Sight& sight, AppScope& scope, AddressSlots& slots) {
    tell_crashes(draft, scope);
    advance_leaving(draft, sight, scope);
    finish_runs(draft, scope);
    if (scope.app == nullptr || scope.app->run == AppRun::removing) {
        remove_app(draft, scope);
    } else if (scope.app->run == AppRun::stopped) {
        stop_services(draft, scope);
        trim_releases(draft, scope);
    } else {
        roll(draft, sight, scope, slots);
        fire_crons(draft, scope, slots);
        trim_releases(draft, scope);
    }
}

void trim_events(Draft& draft) {
    const auto& events = draft.world().events;
    const auto count = events.size() + static_cast<std::size_t>(draft.events_told());
    if (count <= k_events_kept) return;
    auto surplus = std::min({count - k_events_kept, events.size(), k_changes_before_app_max});
    for (auto event = events.begin(); surplus > 0; ++event, --surplus) {
        draft.drop_event(event->first);
    }
}

// An instance is drained from that snapshot on which first says so.
void date_drains(Draft& draft, const Index& index, std::int64_t version) {
    for (const auto& scope : index.apps) {
        for (const auto& member : scope.members) {
            const auto& instance = *member.instance;
            if (member.deleted || instance.goal != InstanceGoal::drain ||
                instance.drained_version) {
                continue;
            }
            Instance next = instance;
            next.drained_version = version;
            draft.put(std::move(next));
        }
    }
}

}  // namespace

Plan plan(const World& world, Now now, std::uint64_t seed) {
    if (!world.leading) return {};
    Draft draft(world, now, seed);
    Index index = make_index(draft);
    AddressSlots slots(index);
    bool is_cut_short = false;
    for (auto& scope : index.apps) {
        if (draft.size() > k_changes_before_app_max) {
            is_cut_short = true;
            break;
        }
        advance_app(draft, index.sight, scope, slots);
    }
    if (!is_cut_short) advance_trash(draft);
    trim_events(draft);
    if (is_cut_short) draft.wake_at(now.wall);

    auto view = draw_edge(draft, index);
    date_drains(draft, index, view.version);
    Plan result;
    result.issue = tend_certificates(draft, view.routes);
    result.acme = tend_orders(draft, view.routes, index.sight);
    result.ticket_key = tend_ticket_keys(draft);
    result.staples = tend_staples(draft);
    result.wake = draft.wake();
    result.changes = draft.take();
    if (view != world.edge) result.edge = std::move(view);
    return result;
}

}  // namespace moln::plan
