// Writes files below one folder and nowhere else: every path is walked by the kernel from the
// folder's own descriptor (openat2 with RESOLVE_BENEATH or RESOLVE_IN_ROOT), so that no name and no
// link written earlier can lead outside. Not atomic: write to a folder that is renamed later.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "io/file/fd.h"

namespace moln {

struct FileOwner {
    uid_t uid = 0;
    gid_t gid = 0;
};

enum class LinksOnTheWay {
    refuse,   // a path through a symbolic link is an error
    in_root,  // followed with the folder as "/", as in an instance
};

class TreeWriter {
public:
    static Result<TreeWriter> open(const std::string& folder, LinksOnTheWay links);

    // Paths are relative, without ".", ".." or empty parts. Missing folders above a path are made
    // (0755, `owner`). The last part is never followed.
    Status make_folder(const std::string& path, mode_t mode, FileOwner owner);
    // A new, empty file, open for writing. ErrorCode::exists if something has that name.
    Result<Fd> make_file(const std::string& path, FileOwner owner);
    // After its bytes: owner, mode and time (seconds).
    Status finish_file(const Fd& file, const std::string& path, mode_t mode, FileOwner owner,
                       std::int64_t mtime);
    Status make_symlink(const std::string& path, const std::string& target, FileOwner owner);
    // `target` must be a regular file below the folder.
    Status make_hard_link(const std::string& path, const std::string& target);
    // What an overlay reads as "not here": a character device 0:0.
    Status make_whiteout(const std::string& path);
    // Marks a folder as hiding what layers below have there (made if missing).
    Status make_opaque(const std::string& path, FileOwner owner);
    // Whatever has that name, with all below it. Ok if nothing has.
    Status remove(const std::string& path);
    // All below a folder, which stays. Ok if it is not there.
    Status remove_children(const std::string& path);
    bool exists(const std::string& path) const;

private:
    TreeWriter(Fd root, LinksOnTheWay links) : root_(std::move(root)), links_(links) {}

    struct Place {
        Fd folder;         // holds the last part
        std::string name;  // the last part
    };
    Result<Place> place_of(const std::string& path, FileOwner owner);
    Result<Fd> open_beneath(const std::string& path, int flags) const;
    Result<Fd> open_folder(const std::string& path, FileOwner owner);

    Fd root_;
    LinksOnTheWay links_;
    std::string last_folder_path_;  // most entries share the folder of the one before
    Fd last_folder_;
};

}  // namespace moln
