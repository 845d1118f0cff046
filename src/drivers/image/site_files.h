// The files of a folder that a site is made of, found without ever following a link.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/file/fd.h"

namespace moln {

inline constexpr std::size_t k_site_depth_max = 64;  // folders in folders

struct SourceFile {
    std::string path;  // below the folder
    std::uint64_t bytes = 0;
    friend bool operator==(const SourceFile&, const SourceFile&) = default;
};

struct SourceFiles {
    Fd folder;
    std::vector<SourceFile> files;      // sorted by path
    std::vector<std::string> left_out;  // links, and names that no URL can have
};

// `folder` is below `root`, "." is that itself. See site_publish.h for what is not taken.
Result<SourceFiles> find_site_files(const std::string& root, const std::string& folder);

// Opens one of them; an error if it is not a regular file any more.
Result<Fd> open_site_file(const SourceFiles& found, const std::string& path);

}  // namespace moln
