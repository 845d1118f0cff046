// A change of the stored nouns, as data: what commands and plans return, what is committed to the
// store in one transaction, and what is then applied to the World. One place knows the store keys.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "model/world.h"

namespace moln {

struct PutProject {
    Project project;
};
struct PutApp {
    App app;
};
struct DeleteApp {
    AppId id;
};  // its releases go with it, each by a DeleteRelease
struct PutRelease {
    Release release;
};
struct DeleteRelease {
    AppId app;
    std::int64_t number = 0;
};
struct PutInstance {
    Instance instance;
};
struct DeleteInstance {
    InstanceId id;
};
struct PutVolume {
    Volume volume;
};
struct DeleteVolume {
    VolumeId id;
};
struct PutTrash {
    TrashItem item;
};
struct DeleteTrash {
    TrashId id;
};
struct PutCertificate {
    Certificate certificate;
};
struct DeleteCertificate {
    CertificateId id;
};
struct PutAuthority {
    Authority authority;
};
struct PutTicketKey {
    TicketKey key;
};
struct DeleteTicketKey {
    std::string id;
};
struct PutAcmeAccount {
    AcmeAccount account;
};
struct PutOrder {
    CertificateOrder order;
};
struct DeleteOrder {
    std::string host;
};
struct PutEvent {
    Event event;
};  // number 0: given by the one who commits, in order
struct DeleteEvent {
    std::int64_t number = 0;
};

using Change =
    std::variant<PutProject, PutApp, DeleteApp, PutRelease, DeleteRelease, PutInstance,
                 DeleteInstance, PutVolume, DeleteVolume, PutTrash, DeleteTrash, PutCertificate,
                 DeleteCertificate, PutAuthority, PutTicketKey, DeleteTicketKey, PutAcmeAccount,
                 PutOrder, DeleteOrder, PutEvent, DeleteEvent>;
using Changes = std::vector<Change>;

// A PutEvent must have its number by now.
void apply(World& world, const Change& change);

// Gives every event without a number the next one after `last` (World::event_number), in order.
void number_events(Changes& changes, std::int64_t last);

// The key that a change writes, and its value as JSON text (none: delete).
std::string store_key(const Change& change);
std::optional<std::string> store_value(const Change& change);

// The change that one stored entry amounts to. ErrorCode::corrupt for a key or value that is none
// of ours; unknown fields are ignored, so that an older binary reads what a newer one wrote.
Result<Change> change_from_store(const std::string& key, const std::string& value);

inline constexpr const char* k_leader_key = "leader";

}  // namespace moln
