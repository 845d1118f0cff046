// Small files and folders as whole values: what drivers keep about their own things.
#pragma once

#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/result.h"
#include "base/units.h"

namespace moln {

inline constexpr std::size_t k_small_file_bytes_max = 8u << 20;

bool path_exists(const std::string& path);  // follows no symlink at the end

// Refuses files of more than k_small_file_bytes_max (`refused`).
Result<std::string> read_file(const std::string& path);
enum class Durability {
    synced,    // on disk when the call returns
    unsynced,  // after a loss of power it may be the old, the new, or empty
};
// Replaces atomically (write beside, rename): readers see the old or the new.
Status write_file(const std::string& path, std::string_view bytes, mode_t mode,
                  Durability durability = Durability::synced);
// Writes to a file that must be there already: control files of the kernel.
Status write_existing(const std::string& path, std::string_view bytes);

// Makes a folder and those above it; what is there already is left as it is.
Status make_folders(const std::string& path, mode_t mode);
// Removes a tree, never crossing into another file system. Ok if nothing is there.
Status remove_tree(const std::string& path);
// Ok if there is none.
Status remove_file(const std::string& path);
Status rename_path(const std::string& from, const std::string& to);
// Makes a rename or a new file in `folder` durable.
Status sync_folder(const std::string& folder);

struct TreeSize {
    Bytes bytes;             // allocated, not apparent
    std::int64_t files = 0;  // that are not folders
};
// Of what is below `path`, within its file system.
TreeSize tree_size(const std::string& path);

}  // namespace moln
