#include "runtime/edge/disk_purges.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "edge/limits.h"
#include "io/file/files.h"

namespace moln::edge_loop {
namespace {

constexpr const char* k_name = "purges";
constexpr const char* k_fresh_name = "purges.new";
constexpr const char* k_distrust_name = "distrust";

std::optional<std::string> read_all(const Folder& folder) {
    const auto file = folder.open_file(k_name, O_RDONLY, 0);
    if (!file) return std::nullopt;
    // Twice the limit at which it is written anew.
    auto bytes = read_rest(*file, folder.path_of(k_name), 2 * edge::k_cache_disk_state_bytes_max);
    if (!bytes) return std::nullopt;
    return std::move(*bytes);
}

Status sync(const Fd& file, const std::string& path) {
    if (::fdatasync(file.get()) != 0) return fail(error_from_errno(errno, "sync " + path));
    return {};
}

}  // namespace

std::size_t DiskPurges::edge_state_bytes_max() {
    return edge::k_cache_disk_state_bytes_max;
}

std::optional<edge::DiskIdentity> DiskPurges::peek(const Folder& folder) {
    const auto bytes = read_all(folder);
    if (!bytes || bytes->size() < edge::k_disk_state_head_bytes) return std::nullopt;
    const auto state =
        edge::read_disk_state(std::string_view(*bytes).substr(0, edge::k_disk_state_head_bytes));
    if (!state) return std::nullopt;
    return state->identity;
}

// Beside, synced, renamed: there is the one before or this one.
Status DiskPurges::begin(const edge::DiskIdentity& identity,
                         std::span<const edge::PurgeSlot> slots) {
    std::string bytes;
    edge::put_disk_state_head(bytes, identity);
    for (const auto& slot : slots) edge::put_disk_purge(bytes, slot, identity.epoch);
    const auto path = folder_.path_of(k_fresh_name);
    MOLN_ASSIGN(auto file,
                folder_.open_file(k_fresh_name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600));
    MOLN_TRY(write_all(file, bytes, path));
    MOLN_TRY(folder_.put_in_place(file, k_fresh_name, k_name));
    identity_ = identity;
    file_ = std::move(file);
    bytes_ = bytes.size();
    return {};
}

Result<edge::DiskState> DiskPurges::open(std::uint64_t seed, std::uint64_t fresh_epoch) {
    const bool distrusted = folder_.open_file(k_distrust_name, O_RDONLY, 0).has_value();
    const auto bytes = read_all(folder_);
    auto state = bytes && !distrusted ? edge::read_disk_state(*bytes) : std::nullopt;
    if (!state || state->identity.seed != seed) {
        state = edge::DiskState{.identity = {.epoch = fresh_epoch, .seed = seed}, .purges = {}};
        MOLN_TRY(begin(state->identity, {}));
        MOLN_TRY(folder_.remove(k_distrust_name));
        return std::move(*state);
    }
    MOLN_ASSIGN(file_, folder_.open_file(k_name, O_WRONLY | O_APPEND, 0));
    identity_ = state->identity;
    bytes_ = bytes->size();
    return std::move(*state);
}

Status DiskPurges::append(std::span<const edge::PurgeSlot> slots, Sync durable) {
    std::string bytes;
    for (const auto& slot : slots) edge::put_disk_purge(bytes, slot, identity_.epoch);
    MOLN_TRY(write_all(file_, bytes, folder_.path_of(k_name)));
    bytes_ += bytes.size();
    return durable == Sync::yes ? sync(file_, folder_.path_of(k_name)) : Status();
}

Status DiskPurges::rewrite(std::span<const edge::PurgeSlot> slots) {
    return begin(identity_, slots);
}

// First what says that the rest is to be believed.
Status DiskPurges::clear(std::string_view kept) const {
    MOLN_TRY(folder_.remove(k_name));
    MOLN_TRY(folder_.sync());
    MOLN_ASSIGN(const auto names, folder_.names());
    for (const auto& name : names) {
        if (name != kept) MOLN_TRY(folder_.remove(name));
    }
    return {};
}

// Without the file nothing is believed, and where it cannot be removed the marker says so.
Status DiskPurges::distrust() const {
    const auto marked = folder_.open_file(k_distrust_name, O_WRONLY | O_CREAT, 0600);
    if (!marked) MOLN_TRY(folder_.remove(k_name));
    return folder_.sync();
}

}  // namespace moln::edge_loop
