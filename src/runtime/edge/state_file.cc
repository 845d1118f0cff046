#include "runtime/edge/state_file.h"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "edge/journal.h"
#include "edge/limits.h"
#include "io/file/files.h"

namespace moln::edge_loop {
namespace {

constexpr const char* k_snapshot_name = "snapshot.json";
constexpr const char* k_peering_name = "cache-peers.json";
constexpr const char* k_journal_name = "snapshot.journal";
constexpr std::size_t k_chunk_bytes = 256 * 1024;
constexpr int k_mode = 0600;

// Text into a file, a chunk at a time.
class ChunkWriter {
public:
    ChunkWriter(const Fd& fd, std::string path) : fd_(fd), path_(std::move(path)) {}
    Status put(std::string_view text) {
        chunk_ += text;
        return chunk_.size() < k_chunk_bytes ? Status() : flush();
    }
    Status flush() {
        MOLN_TRY(write_all(fd_, chunk_, path_));
        bytes_ += chunk_.size();
        chunk_.clear();
        return {};
    }
    std::size_t bytes() const { return bytes_; }

private:
    const Fd& fd_;
    std::string path_;
    std::string chunk_;
    std::size_t bytes_ = 0;
};

// As to_json_text(), without all of it in memory.
Status put_snapshot(ChunkWriter& out, const EdgeSnapshot& snapshot) {
    Status status;
    std::string_view before = "{";
    boost::mp11::mp_for_each<
        boost::describe::describe_members<EdgeSnapshot, boost::describe::mod_any_access>>(
        [&](auto d) {
            if (!status) return;
            const auto& member = snapshot.*d.pointer;
            using Member = std::remove_cvref_t<decltype(member)>;
            status = out.put(std::string(before) + '"' + d.name + "\":");
            before = ",";
            if constexpr (codec_detail::is_vector<Member>::value) {
                if (status) status = out.put("[");
                for (std::size_t i = 0; status && i < member.size(); ++i) {
                    status = out.put((i == 0 ? "" : ",") + to_json_text(member[i]));
                }
                if (status) status = out.put("]");
            } else {
                if (status) status = out.put(to_json_text(member));
            }
        });
    MOLN_TRY(status);
    MOLN_TRY(out.put("}"));
    return out.flush();
}

// "" when there is none.
Result<std::string> read_saved(const std::string& path) {
    auto text = read_file(path, edge::k_saved_bytes_max);
    if (text) return text;
    if (text.error().code == ErrorCode::not_found) return std::string();
    if (text.error().code == ErrorCode::refused) {
        return fail(ErrorCode::corrupt, path + ": is too long for a snapshot");
    }
    return text;
}

Result<EdgeSnapshot> read_whole(const std::string& path, std::string_view text) {
    const auto value = parse_json(text, edge::k_saved_bytes_max);
    if (!value) return fail(ErrorCode::corrupt, path + ": " + value.error().reason);
    auto snapshot = from_json<EdgeSnapshot>(*value, UnknownFields::ignore);
    if (!snapshot) return fail(ErrorCode::corrupt, path + ": " + snapshot.error().reason);
    if (auto sorted = sort_snapshot(*snapshot); !sorted) {
        return fail(ErrorCode::corrupt, path + ": " + sorted.error().reason);
    }
    return snapshot;
}

}  // namespace

Result<FileLock> lock_state(const std::string& dir) {
    auto lock = lock_file(dir + "/lock", "the state directory " + dir);
    if (lock || lock.error().code != ErrorCode::refused) return lock;
    return fail(ErrorCode::refused,
                lock.error().reason + ": stop that edge or choose another directory");
}

bool SnapshotFile::keeps_journal() const {
    return whole_bytes_ >= edge::k_journal_from_bytes &&
           journal_bytes_ + unsaved_.size() <= whole_bytes_;
}

std::string SnapshotFile::note_of(const EdgeDelta& delta) {
    if (!keeps_journal()) return "";
    const auto lines = delta_lines(delta, edge::k_snapshot_bytes_max);
    std::string note;
    if (!lines) return note;
    for (const auto& line : *lines) {
        note += line;
        note += '\n';
    }
    return note;
}

void SnapshotFile::add(std::string_view note) {
    dirty_ = true;
    if (note.empty()) whole_bytes_ = 0;
    unsaved_ += note;
}

void SnapshotFile::forget() {
    dirty_ = false;
    unsaved_.clear();
}

Status SnapshotFile::save(const EdgeSnapshot& now) {
    if (!dirty_) return {};
    return keeps_journal() && journal_.valid() ? append() : save_whole(now);
}

Status SnapshotFile::settle(const EdgeSnapshot& now) {
    return dirty_ || journal_bytes_ > 0 ? save_whole(now) : Status();
}

Status SnapshotFile::append() {
    const auto appended = [&]() -> Status {
        MOLN_TRY(write_all(journal_, unsaved_, folder_.path_of(k_journal_name)));
        if (fdatasync(journal_.get()) == 0) return {};
        return fail(error_from_errno(errno, "sync " + folder_.path_of(k_journal_name)));
    }();
    if (!appended) {
        whole_bytes_ = 0;  // its end may be torn: nothing is to be written behind it
        return appended;
    }
    journal_bytes_ += unsaved_.size();
    forget();
    return {};
}

Status SnapshotFile::save_whole(const EdgeSnapshot& now) {
    const auto fresh = std::string(k_snapshot_name) + ".new";
    MOLN_ASSIGN(const auto fd, folder_.open_file(fresh, O_WRONLY | O_CREAT | O_TRUNC, k_mode));
    ChunkWriter out(fd, folder_.path_of(fresh));
    MOLN_TRY(put_snapshot(out, now));
    MOLN_TRY(folder_.put_in_place(fd, fresh, k_snapshot_name));
    MOLN_ASSIGN(journal_,
                folder_.open_file(k_journal_name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, k_mode));
    whole_bytes_ = out.bytes();
    journal_bytes_ = 0;
    forget();
    return {};
}

Result<std::optional<EdgeSnapshot>> load_snapshot(const std::string& dir) {
    const std::string path = dir + "/" + k_snapshot_name;
    MOLN_ASSIGN(const auto text, read_saved(path));
    if (text.empty()) {
        if (path_exists(path)) return fail(ErrorCode::corrupt, path + ": is empty");
        return std::nullopt;
    }
    MOLN_ASSIGN(auto snapshot, read_whole(path, text));
    MOLN_ASSIGN(const auto journal, read_saved(dir + "/" + k_journal_name));
    edge::replay(snapshot, journal);
    return snapshot;
}

Status save_peering(const Folder& folder, const CachePeering& peering) {
    const auto fresh = std::string(k_peering_name) + ".new";
    MOLN_ASSIGN(const auto fd, folder.open_file(fresh, O_WRONLY | O_CREAT | O_TRUNC, k_mode));
    MOLN_TRY(write_all(fd, to_json_text(peering), folder.path_of(fresh)));
    return folder.put_in_place(fd, fresh, k_peering_name);
}

Result<std::optional<CachePeering>> load_peering(const std::string& dir) {
    const std::string path = dir + "/" + k_peering_name;
    auto text = read_file(path, edge::k_snapshot_bytes_max);
    if (!text && text.error().code == ErrorCode::not_found) return std::nullopt;
    if (!text) return fail(text.error());
    const auto value = parse_json(*text, edge::k_snapshot_bytes_max);
    if (!value) return fail(ErrorCode::corrupt, path + ": " + value.error().reason);
    auto peering = from_json<CachePeering>(*value, UnknownFields::ignore);
    if (!peering) return fail(ErrorCode::corrupt, path + ": " + peering.error().reason);
    return std::move(*peering);
}

std::vector<std::string> snapshot_paths(const std::string& dir) {
    return {dir + "/" + k_snapshot_name, dir + "/" + k_journal_name, dir + "/" + k_peering_name};
}

}  // namespace moln::edge_loop
