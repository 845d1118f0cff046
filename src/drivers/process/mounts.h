// Mounts and unmounts as Results, and the mount table as a list.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace moln {

struct OverlaySpec {
    std::vector<std::string> lowers;  // topmost first
    std::string upper;
    std::string work;
    std::string target;
};

inline constexpr std::size_t k_overlay_lowers_max = 64;  // so that the options fit one page

Status mount_overlay(const OverlaySpec& spec);
// Detaches what is mounted on `path`, all of it if several times. Ok if nothing is.
Status unmount(const std::string& path);
bool is_mount_point(const std::string& path);
// Mount points at or below `folder`, deepest first.
std::vector<std::string> mounts_below(const std::string& folder);
Status unmount_below(const std::string& folder);

}  // namespace moln
