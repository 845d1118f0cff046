// An OCI image becomes layers of ours: fetched by skopeo, each layer unpacked once by its digest.
#pragma once

#include "base/result.h"
#include "drivers/data_dir.h"
#include "ports/images.h"

namespace moln {

// More layers than this are laid on one another while unpacking: the options of one overlay mount
// must fit a page, beside the few layers that every instance adds.
inline constexpr std::size_t k_stacked_layers_max = 48;

Result<BuildResult> import_image(const DataDir& data, const ImportRequest& request,
                                 const ImageProgress& progress);

}  // namespace moln
