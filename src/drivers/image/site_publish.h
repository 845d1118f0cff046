// The files of a site become a published one (model/site.h), which edges serve by themselves: each
// as it is and, where that makes it smaller, in the content codings that clients take.
#pragma once

#include <string>

#include "base/result.h"
#include "drivers/data_dir.h"
#include "drivers/image/workspace.h"
#include "model/app_config.h"
#include "ports/images.h"

namespace moln {

struct SitePublish {
    const DataDir& data;
    const Workspace& workspace;
    std::string app_folder;  // the app's files on this host
    const SiteSpec& spec;
    WallTime now;
};

struct PublishedSite {
    std::string name;                   // for the layers of the release's image
    std::vector<std::string> warnings;  // each a sentence
};

// Only regular files below the folder, reached without a symbolic link; no names that begin with a
// dot but .well-known, no node_modules, and of the app's own folder not what tells Moln about it.
// The same files give the same name, and are not published again.
// `invalid`: there is no such folder. `refused`: more files or bytes than a site may have.
Result<PublishedSite> publish_site(const SitePublish& what, const ImageProgress& progress);

}  // namespace moln
