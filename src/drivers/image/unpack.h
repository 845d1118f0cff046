// Archives into folders, by the rules of their kind: a deployed source folder, or a layer of an
// OCI image. Bounded in files and bytes; cancellable between pieces.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/units.h"
#include "model/limits.h"

namespace moln {

// What programs run as unless an image says otherwise; owner of /app.
inline constexpr unsigned k_app_uid = 1000;

inline constexpr std::size_t k_image_files_max = 2'000'000;  // of one layer
inline constexpr Bytes k_image_bytes_max = gib(64);

struct UnpackLimits {
    std::size_t files_max = k_source_files_max;
    Bytes bytes_max = k_source_bytes_max;
    Bytes room = k_image_bytes_max;  // of the disk: past it ErrorCode::full
    const std::atomic<bool>* cancelled = nullptr;
};

struct Unpacked {
    std::size_t files = 0;  // entries of every kind
    Bytes bytes;
    std::string digest;       // SHA-256 over names, kinds, contents and what is executable
    std::size_t skipped = 0;  // of a layer: devices and the like, which an instance cannot have
};

// Refused by name: absolute paths, "..", links that leave the folder, devices, pipes, sockets,
// names that are there twice. Files become the app user's, are never setuid and never writable
// for others. `folder` must exist.
Result<Unpacked> unpack_source(const std::string& archive, const std::string& folder,
                               const UnpackLimits& limits);

enum class Whiteouts {
    mark,   // as an overlay file system wants them: the folder is one layer of several
    apply,  // by removing: the folder holds the layers below already
};

// OCI image layer (image-spec, layer.md): owners and modes are kept but for setuid; whiteouts as
// told. Refuses ".." and paths that a link would lead out.
Result<Unpacked> unpack_layer(const std::string& archive, const std::string& folder,
                              Whiteouts whiteouts, const UnpackLimits& limits);

}  // namespace moln
