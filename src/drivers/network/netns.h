// Network namespaces that outlive every process: kept by a bind mount on a file.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"

namespace moln {

// Makes a namespace and mounts it on `path` (whose folder exists). Replaces what is there.
Status make_netns(const std::string& path);

// True if a namespace is mounted on `path`.
bool is_netns(const std::string& path);

// Unmounts and unlinks. The namespace goes when its last process does. Ok if nothing is there.
Status remove_netns(const std::string& path);

// Runs `work` on a thread that is in the namespace: sockets it opens stay there, and it sees the
// namespace's /proc/sys/net. The caller's own namespace is not touched.
Status run_in_netns(const std::string& path, const std::function<Status()>& work);

}  // namespace moln
