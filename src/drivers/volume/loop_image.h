// A file system of a bounded size in a file: ext4 on a loop device. What is written to it past its
// size fails with ENOSPC, whoever writes.
#pragma once

#include <string>

#include "base/result.h"
#include "base/units.h"

namespace moln {

enum class Allocation {
    reserved,  // blocks are set aside now: `full` at once instead of lost writes later
    thin,      // blocks are taken as they are written
};

struct LoopImageSpec {
    std::string path;
    Bytes size;
    Allocation allocation = Allocation::reserved;
};

inline constexpr Bytes k_loop_image_bytes_min = mib(16);  // below it ext4 has no room for a journal

// True where loop devices and mkfs.ext4 are to be had. Looks once.
bool loop_images_work();

// Makes the image whole or not at all. Ok if it is there.
Status make_loop_image(const LoopImageSpec& spec);

// A sparse copy of an image: a file system made in a few milliseconds.
Status copy_loop_image(const std::string& from, const std::string& to);

// Mounts it on `target` (a folder, made if missing), without device files and set-uid bits. The
// loop device goes with the mount. Ok if something is mounted there.
Status mount_loop_image(const std::string& path, const std::string& target);

}  // namespace moln
