// A source folder as a tar stream: what is sent, in which order, and the bytes. The same folder
// gives the same bytes: sorted by name, owners and modes levelled, modification times kept (in
// whole seconds, because web servers make validators of them).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "cli/tar.h"
#include "model/limits.h"

namespace moln::cli {

struct SourceLimits {
    std::size_t entries_max = k_source_files_max;
    Bytes size_max = k_source_bytes_max;
};

struct SourceFolder {
    std::string root;
    std::vector<TarEntry> entries;      // parents before children
    Bytes size;                         // of all files
    std::vector<std::string> warnings;  // what was left out though nothing said to
};

// Walks the folder. Errors: not_found; invalid for a link that leads out of the folder, by name;
// refused past a limit.
Result<SourceFolder> look_at_folder(const std::string& root, const SourceLimits& limits = {});

// Writes the archive piece by piece; `write` returns false to end early. conflict: a file changed
// in size while it was read.
Status write_archive(const SourceFolder& folder,
                     const std::function<Result<bool>(std::string_view)>& write);

// Whether a link at `path` to `target` stays in the folder that paths are relative to.
bool link_stays_inside(std::string_view path, std::string_view target);

// The app that a folder is: `name` of its moln.toml, else its own name in letters that an app's may
// have. invalid: neither gives a name; say --app.
Result<std::string> app_of_folder(const std::string& root);
std::string name_from_words(std::string_view words);

}  // namespace moln::cli
