#include "drivers/image/unpack.h"

#include <algorithm>
#include <cerrno>
#include <map>

#include <fmt/format.h>
#include <unistd.h>

#include "drivers/image/archive.h"
#include "drivers/image/sha256.h"
#include "drivers/image/tree_writer.h"
#include "model/quantity.h"

namespace moln {
namespace {

constexpr FileOwner k_app_owner{k_app_uid, k_app_uid};
constexpr std::int64_t k_mtime_max = 4'102'444'800;  // 2100-01-01: no clock of ours is later
// Owners that a user namespace of 65,536 ids has no place for become "nobody".
constexpr std::int64_t k_uid_max = 65'535;
constexpr uid_t k_nobody = 65'534;

Status write_all(int fd, std::string_view bytes, const std::string& path) {
    while (!bytes.empty()) {
        const auto put = write(fd, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail(error_from_errno(errno, "write " + shown_path(path)));
        bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

// What both kinds share: counting, cancelling, and files with their bytes.
class Unpacking {
public:
    Unpacking(Archive archive, TreeWriter tree, const UnpackLimits& limits)
        : archive_(std::move(archive)), tree_(std::move(tree)), limits_(limits) {}

protected:
    Result<std::optional<ArchiveEntry>> next() {
        if (limits_.cancelled != nullptr && *limits_.cancelled) {
            return fail(ErrorCode::refused, "cancelled");
        }
        auto entry = archive_.next();
        if (!entry || !*entry) return entry;
        if (++out_.files > limits_.files_max) {
            return fail(
                ErrorCode::refused,
                fmt::format("more than {} files: leave out what is not needed", limits_.files_max));
        }
        return entry;
    }

    // The SHA-256 of the bytes.
    Result<std::string> write_file(const ArchiveEntry& entry, const std::string& path, mode_t mode,
                                   FileOwner owner) {
        MOLN_ASSIGN(const Fd file, tree_.make_file(path, owner));
        Sha256 hash;
        MOLN_TRY(archive_.read([&](std::string_view bytes) -> Status {
            hash.add(bytes);
            return write_piece(file, bytes, path);
        }));
        MOLN_TRY(tree_.finish_file(file, path, mode, owner, std::min(entry.mtime, k_mtime_max)));
        return hash.hex();
    }

    Archive archive_;
    TreeWriter tree_;
    Unpacked out_;

private:
    Status write_piece(const Fd& file, std::string_view bytes, const std::string& path) {
        if (limits_.cancelled != nullptr && *limits_.cancelled) {
            return fail(ErrorCode::refused, "cancelled");
        }
        out_.bytes.count += static_cast<std::int64_t>(bytes.size());
        if (out_.bytes > limits_.bytes_max) {
            return fail(ErrorCode::refused,
                        fmt::format("more than {} of files: leave out what is not needed",
                                    format_size(limits_.bytes_max)));
        }
        if (out_.bytes > limits_.room) {
            return fail(ErrorCode::full, "needs more space than the disk has");
        }
        return write_all(file.get(), bytes, path);
    }

    const UnpackLimits& limits_;
};

// ---- source folder ---------------------------------------------------------------------------

// Whether a link at `path` stays within the folder, by its words alone: what the kernel would make
// of it does not matter, since nothing of ours follows links.
bool stays_inside(std::string_view path, std::string_view target) {
    if (target.empty() || target.starts_with('/')) return false;
    auto depth = std::ranges::count(path, '/');
    while (!target.empty()) {
        const auto end = std::min(target.find('/'), target.size());
        const auto part = target.substr(0, end);
        target.remove_prefix(std::min(end + 1, target.size()));
        if (part.empty() || part == ".") continue;
        depth += part == ".." ? -1 : 1;
        if (depth < 0) return false;
    }
    return true;
}

class SourceUnpacking : Unpacking {
public:
    using Unpacking::Unpacking;

    Result<Unpacked> run() {
        for (;;) {
            MOLN_ASSIGN(const auto entry, next());
            if (!entry) break;
            MOLN_ASSIGN(const auto path, normal_path(entry->path, AbsolutePaths::refuse));
            if (!path.empty()) MOLN_TRY(take(*entry, path));
        }
        Sha256 hash;
        for (const auto& [path, content] : contents_) {
            hash.add_text(path);
            hash.add_text(content);
        }
        out_.digest = hash.hex();
        return std::move(out_);
    }

private:
    // What users may do beyond the owner is kept but for writing; the owner may always.
    static mode_t file_mode(mode_t mode) { return (mode & 0755) | 0600; }
    static mode_t folder_mode(mode_t mode) { return (mode & 0755) | 0700; }

    Status take(const ArchiveEntry& entry, const std::string& path) {
        switch (entry.kind) {
            case EntryKind::folder:
                contents_[path] = "folder";
                return tree_.make_folder(path, folder_mode(entry.mode), k_app_owner);
            case EntryKind::file: return take_file(entry, path);
            case EntryKind::symlink: return take_symlink(entry, path);
            case EntryKind::hard_link: return take_hard_link(entry, path);
            case EntryKind::other: break;
        }
        return fail(ErrorCode::invalid,
                    fmt::format("{} is {}: a deployed folder may hold files, folders and links "
                                "only",
                                shown_path(path), entry.what));
    }

    Status take_file(const ArchiveEntry& entry, const std::string& path) {
        MOLN_ASSIGN(const auto digest, write_file(entry, path, file_mode(entry.mode), k_app_owner));
        contents_[path] = fmt::format("file {:o} {}", entry.mode & 0111, digest);
        return {};
    }

    Status take_symlink(const ArchiveEntry& entry, const std::string& path) {
        if (!stays_inside(path, entry.target)) {
            return fail(ErrorCode::invalid,
                        fmt::format("{} is a symbolic link out of the folder, to {}: leave it out, "
                                    "or put the file itself there",
                                    shown_path(path), shown_path(entry.target)));
        }
        contents_[path] = "link " + entry.target;
        return tree_.make_symlink(path, entry.target, k_app_owner);
    }

    Status take_hard_link(const ArchiveEntry& entry, const std::string& path) {
        MOLN_ASSIGN(const auto target, normal_path(entry.target, AbsolutePaths::refuse));
        const auto known = contents_.find(target);
        if (known == contents_.end()) {
            return fail(ErrorCode::invalid,
                        fmt::format("{} is a hard link to {}, which is not in the folder",
                                    shown_path(path), shown_path(target)));
        }
        contents_[path] = known->second;
        return tree_.make_hard_link(path, target);
    }

    std::map<std::string, std::string> contents_;  // by path, for a digest that knows no order
};

// ---- image layer -----------------------------------------------------------------------------

constexpr std::string_view k_whiteout = ".wh.";
constexpr std::string_view k_opaque = ".wh..wh..opq";

class LayerUnpacking : Unpacking {
public:
    LayerUnpacking(Archive archive, TreeWriter tree, const UnpackLimits& limits,
                   Whiteouts whiteouts)
        : Unpacking(std::move(archive), std::move(tree), limits), whiteouts_(whiteouts) {}

    Result<Unpacked> run() {
        for (;;) {
            MOLN_ASSIGN(const auto entry, next());
            if (!entry) return std::move(out_);
            MOLN_ASSIGN(const auto path, normal_path(entry->path, AbsolutePaths::from_top));
            if (!path.empty()) MOLN_TRY(take(*entry, path));
        }
    }

private:
    static FileOwner owner_of(const ArchiveEntry& entry) {
        const auto inside = [](std::int64_t id) {
            return id < 0 || id > k_uid_max ? k_nobody : static_cast<uid_t>(id);
        };
        return {inside(entry.uid), inside(entry.gid)};
    }

    Status take(const ArchiveEntry& entry, const std::string& path) {
        const auto slash = path.rfind('/');
        const auto above = slash == std::string::npos ? std::string() : path.substr(0, slash);
        const auto name = slash == std::string::npos ? path : path.substr(slash + 1);
        if (name == k_opaque) return hide_children(above);
        if (name.starts_with(".wh..wh.")) return {};  // other marks of aufs mean nothing here
        if (name.starts_with(k_whiteout)) {
            const auto hidden = name.substr(k_whiteout.size());
            if (hidden.empty() || hidden == "." || hidden == "..") {
                return fail(ErrorCode::invalid,
                            fmt::format("{} marks nothing as removed", shown_path(path)));
            }
            return hide(above.empty() ? hidden : above + "/" + hidden);
        }
        return write(entry, path);
    }

    Status hide(const std::string& path) {
        return whiteouts_ == Whiteouts::mark ? tree_.make_whiteout(path) : tree_.remove(path);
    }

    Status hide_children(const std::string& folder) {
        return whiteouts_ == Whiteouts::mark ? tree_.make_opaque(folder, {})
                                             : tree_.remove_children(folder);
    }

    Status write(const ArchiveEntry& entry, const std::string& path) {
        const auto owner = owner_of(entry);
        const mode_t mode = entry.mode & 01777;
        if (entry.kind == EntryKind::folder) {
            auto made = tree_.make_folder(path, mode, owner);
            if (made || made.error().code != ErrorCode::exists) return made;
            MOLN_TRY(tree_.remove(path));
            return tree_.make_folder(path, mode, owner);
        }
        if (entry.kind == EntryKind::other) {
            ++out_.skipped;
            return {};
        }
        // A later entry, or a later layer, replaces what has the name.
        if (tree_.exists(path)) MOLN_TRY(tree_.remove(path));
        switch (entry.kind) {
            case EntryKind::symlink: return tree_.make_symlink(path, entry.target, owner);
            case EntryKind::hard_link: {
                MOLN_ASSIGN(const auto target, normal_path(entry.target, AbsolutePaths::from_top));
                return tree_.make_hard_link(path, target);
            }
            default: {
                auto written = write_file(entry, path, mode & 0777, owner);
                if (!written) return fail(written.error());
                return {};
            }
        }
    }

    Whiteouts whiteouts_;
};

}  // namespace

Result<Unpacked> unpack_source(const std::string& archive, const std::string& folder,
                               const UnpackLimits& limits) {
    MOLN_ASSIGN(auto reader, Archive::open(archive));
    MOLN_ASSIGN(auto tree, TreeWriter::open(folder, LinksOnTheWay::refuse));
    return SourceUnpacking(std::move(reader), std::move(tree), limits).run();
}

Result<Unpacked> unpack_layer(const std::string& archive, const std::string& folder,
                              Whiteouts whiteouts, const UnpackLimits& limits) {
    MOLN_ASSIGN(auto reader, Archive::open(archive));
    MOLN_ASSIGN(auto tree, TreeWriter::open(folder, LinksOnTheWay::in_root));
    return LayerUnpacking(std::move(reader), std::move(tree), limits, whiteouts).run();
}

}  // namespace moln
