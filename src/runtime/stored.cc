#include "runtime/stored.h"

#include <map>

#include <fmt/format.h>

#include "model/codec.h"

namespace moln {

Result<Recovered> recover_from(const StoreSnapshot& snapshot) {
    Recovered recovered;
    recovered.revision = snapshot.revision;
    for (const auto& entry : snapshot.entries) {
        if (entry.key == k_leader_key) {
            auto leadership = from_json_text<Leadership>(entry.value, UnknownFields::ignore);
            if (!leadership) {
                return fail(ErrorCode::corrupt, fmt::format("stored entry \"{}\": {}", entry.key,
                                                            leadership.error().reason));
            }
            recovered.leadership = std::move(*leadership);
            recovered.leader_revision = entry.mod_revision;
        } else if (entry.key.starts_with(k_idempotency_prefix)) {
            MOLN_TRY(recovered.idempotency.take_stored(entry));
        } else {
            MOLN_ASSIGN(const auto change, change_from_store(entry.key, entry.value));
            apply(recovered.world, change);
        }
    }
    return recovered;
}

Result<StoreTxn> make_txn(const TxnParts& parts) {
    std::map<std::string, std::optional<std::string>> writes;
    for (const auto& change : parts.changes) {
        writes[store_key(change)] = store_value(change);
    }
    for (const auto& write : parts.more) {
        writes[write.key] = write.value;
    }
    if (parts.leadership != nullptr) writes[k_leader_key] = to_json_text(*parts.leadership);
    if (writes.size() + 1 > k_store_txn_operations_max) {
        return fail(ErrorCode::refused,
                    fmt::format("a change of {} entries at once: at most {} are taken",
                                writes.size(), k_store_txn_operations_max - 1));
    }
    StoreTxn txn;
    txn.compares.push_back({k_leader_key, parts.leader_revision});
    txn.writes.reserve(writes.size());
    for (auto& [key, value] : writes) {
        txn.writes.push_back({key, std::move(value)});
    }
    return txn;
}

void forget_settled(World& world, const Change& change) {
    for (auto& [id, node] : world.nodes) {
        if (const auto* put = std::get_if<PutVolume>(&change)) {
            const auto before = world.volumes.find(put->volume.id);
            const bool other_life = before == world.volumes.end() ||
                                    (!put->volume.restored_from.empty() &&
                                     before->second.restored_from != put->volume.restored_from);
            if (other_life) node.volumes_settled.erase(put->volume.id);
        } else if (const auto* gone = std::get_if<DeleteVolume>(&change)) {
            node.volumes_settled.erase(gone->id);
        } else if (const auto* trash = std::get_if<DeleteTrash>(&change)) {
            node.trash_settled.erase(trash->id);
            node.trash_purged.erase(trash->id);
            node.trash_restored.erase(trash->id);
        } else if (const auto* instance = std::get_if<DeleteInstance>(&change)) {
            node.instances.erase(instance->id);
        }
    }
}

}  // namespace moln
