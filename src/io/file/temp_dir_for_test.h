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

inline std::filesystem::path temp_base(TempMedium medium) {
    const bool memory = medium == TempMedium::memory && std::filesystem::is_directory("/dev/shm");
    return memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path();
}

class TempDir {
public:
    explicit TempDir(TempMedium medium = TempMedium::disk) {
        std::string pattern = (temp_base(medium) / "moln-test-XXXXXX").string();
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
