// Whole trees of files. Symlinks are never followed, other file systems never entered.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/units.h"

namespace moln {

// Ok if nothing is there; `refused` where something is mounted below it.
Status remove_tree(const std::string& path);

struct TreeSize {
    Bytes bytes;             // allocated, not apparent
    std::int64_t files = 0;  // that are not folders
};
// Of what is below `path`.
TreeSize tree_size(const std::string& path);

}  // namespace moln
