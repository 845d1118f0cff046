// A directory of its own for one test, gone with the object.
//   memory  where syncing costs nothing, if there is such a place: for what is not about disks
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/check.h"

namespace moln {

enum class StoreMedium { disk, memory };

class StoreTempDir {
public:
    explicit StoreTempDir(StoreMedium medium = StoreMedium::disk) {
        std::filesystem::path base = std::filesystem::temp_directory_path();
        if (medium == StoreMedium::memory && std::filesystem::is_directory("/dev/shm")) {
            base = "/dev/shm";
        }
        std::string pattern = (base / "store-XXXXXX").string();
        CHECK(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    StoreTempDir(const StoreTempDir&) = delete;
    StoreTempDir& operator=(const StoreTempDir&) = delete;
    ~StoreTempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace moln
