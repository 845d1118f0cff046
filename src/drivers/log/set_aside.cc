#include "drivers/log/set_aside.h"

#include <cstdint>
#include <filesystem>
#include <system_error>

namespace moln {

bool set_log_aside(const std::string& path, Bytes bytes_max) {
    namespace fs = std::filesystem;
    std::error_code error;
    const auto size = fs::file_size(path, error);
    if (error) return fs::exists(path + ".1", error);
    if (size <= static_cast<std::uintmax_t>(bytes_max.count / 2)) return false;
    fs::rename(path, path + ".1", error);
    return !error;
}

}  // namespace moln
