#include "plan/ticket_keys.h"

#include <algorithm>

namespace moln::plan {
namespace {

bool has_ended(const TicketKey& key, WallTime now) {
    const auto age = now - key.created;
    return age >= k_ticket_key_kept || age.count < -k_ticket_key_ahead_max.count;
}

// Newest first, of equal ones by id.
std::vector<const TicketKey*> living(const World& world, WallTime now) {
    std::vector<const TicketKey*> keys;
    for (const auto& [id, key] : world.ticket_keys) {
        if (!has_ended(key, now)) keys.push_back(&key);
    }
    std::ranges::stable_sort(
        keys, [](const TicketKey* a, const TicketKey* b) { return a->created > b->created; });
    return keys;
}

}  // namespace

std::string tend_ticket_keys(Draft& draft) {
    const auto now = draft.now().wall;
    for (const auto& [id, key] : draft.world().ticket_keys) {
        if (has_ended(key, now)) {
            draft.drop_ticket_key(id);
        } else {
            draft.wake_at(key.created + k_ticket_key_kept);
        }
    }
    const auto keys = living(draft.world(), now);
    if (keys.empty() || now - keys.front()->created >= k_ticket_key_rotation) {
        return draft.fresh_ticket_key();
    }
    draft.wake_at(keys.front()->created + k_ticket_key_rotation);
    return "";
}

std::vector<EdgeTicketKey> draw_ticket_keys(Draft& draft) {
    const auto now = draft.now().wall;
    const auto keys = living(draft.world(), now);
    const auto makes = [&](const TicketKey* key) {
        const auto due = key->created + k_ticket_key_lead;
        if (due > now) draft.wake_at(due);
        return due <= now;
    };
    std::vector<EdgeTicketKey> drawn;
    std::vector<EdgeTicketKey> young;
    for (const auto* key : keys) {
        auto& list = makes(key) ? drawn : young;
        list.push_back({.id = key->id, .sealed_key = key->sealed_key});
    }
    drawn.insert(drawn.end(), young.begin(), young.end());
    return drawn;
}

}  // namespace moln::plan
