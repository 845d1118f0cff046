// Small files as whole values, and the folders they lie in. Not for big data. Blocking; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/result.h"
#include "base/secret.h"
#include "base/units.h"
#include "io/file/fd.h"

namespace moln {

inline constexpr std::size_t k_small_file_bytes_max = 8u << 20;

bool path_exists(const std::string& path);  // follows no symlink at the end

// `not_found`; `refused` when it holds more than `bytes_max`.
Result<std::string> read_file(const std::string& path,
                              std::size_t bytes_max = k_small_file_bytes_max);

// The rest of a file that is open already.
Result<std::string> read_rest(const Fd& file, const std::string& path,
                              std::size_t bytes_max = k_small_file_bytes_max);

// Of a file with a secret: `denied` if others than its owner may read or write it.
Result<Secret> read_secret_file(const std::string& path, std::size_t bytes_max);

enum class Durability {
    durable,   // file and name are on stable storage when the call returns
    synced,    // the bytes are, before the name is: after a loss of power it is the old or the new
    unsynced,  // after a loss of power it may be the old, the new, or empty
};
// Replaces atomically (written beside, renamed): readers see the old or the new, and an error
// leaves the old. One writer at a time.
Status write_file(const std::string& path, std::string_view bytes, mode_t mode,
                  Durability durability = Durability::synced);
// Writes to a file that must be there already: control files of the kernel.
Status write_existing(const std::string& path, std::string_view bytes);

// Makes a folder and those above it; what is there already is left as it is.
Status make_folders(const std::string& path, mode_t mode);
// Ok if there is none.
Status remove_file(const std::string& path);
Status rename_path(const std::string& from, const std::string& to);
// Makes a rename or a new file in `folder` durable.
Status sync_folder(const std::string& folder);

// What an unprivileged writer may still use of the file system under `path`.
Result<Bytes> free_space(const std::string& path);

}  // namespace moln
