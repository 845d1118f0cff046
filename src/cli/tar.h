// Tar headers (POSIX.1-2017 pax), as bytes. Pure. Equal entries give equal bytes: owners are
// root's, modes 0755 or 0644, times whole seconds.
#pragma once

#include <cstdint>
#include <string>

namespace moln::cli {

enum class TarKind { file, folder, link };

struct TarEntry {
    TarKind kind = TarKind::file;
    std::string path;    // relative, '/' between
    std::string target;  // of a link
    std::int64_t size = 0;
    std::int64_t modified_s = 0;
    bool executable = false;
    friend bool operator==(const TarEntry&, const TarEntry&) = default;
};

inline constexpr std::size_t k_tar_block = 512;

// One block, with a pax record in front if name or target need it.
std::string tar_header(const TarEntry& entry);
// Zeros from the end of a file of `size` to the next block.
std::string tar_padding(std::int64_t size);
// Two blocks of zeros end an archive.
std::string tar_end();

}  // namespace moln::cli
