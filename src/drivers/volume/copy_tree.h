// Copies folders, files and links; not devices, sockets or fifos (an overlay marks what was deleted
// by device files). The copy belongs to the caller; permission bits for the owner are kept.
#pragma once

#include <string>

#include "base/result.h"

namespace moln {

// ErrorCode::exists if `target` is there: nothing is overwritten. Whole or not at all.
Status copy_tree(const std::string& from, const std::string& target);

}  // namespace moln
