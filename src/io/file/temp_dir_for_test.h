// A directory of its own for one test, gone with the object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/check.h"

namespace moln {

enum class TempMedium {
    disk,
    memory,  // where syncing costs nothing, if there is such a place: for what is not about disks
};

class TempDir {
public:
    explicit TempDir(TempMedium medium = TempMedium::disk) {
        std::filesystem::path base = std::filesystem::temp_directory_path();
        if (medium == TempMedium::memory && std::filesystem::is_directory("/dev/shm")) {
            base = "/dev/shm";
        }
        std::string pattern = (base / "moln-test-XXXXXX").string();
        CHECK(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    const std::string& path() const { return path_; }
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

private:
    std::string path_;
};

}  // namespace moln
