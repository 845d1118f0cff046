#include "drivers/process/mounts.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mount.h>
#include <sys/stat.h>

namespace moln {
namespace {

constexpr std::size_t k_mount_options_max = 4095;  // mount(2) copies one page

// Overlay's options separate by ',' and lower folders by ':'.
std::string escape(const std::string& path) {
    std::string out;
    for (const char c : path) {
        if (c == '\\' || c == ',' || c == ':') out += '\\';
        out += c;
    }
    return out;
}

// mountinfo writes space, tab, newline and backslash as three octal digits (proc(5)).
std::string unescape(const std::string& field) {
    std::string out;
    for (std::size_t i = 0; i < field.size(); ++i) {
        if (field[i] == '\\' && i + 3 < field.size()) {
            out += static_cast<char>(std::stoi(field.substr(i + 1, 3), nullptr, 8));
            i += 3;
        } else {
            out += field[i];
        }
    }
    return out;
}

}  // namespace

Status mount_overlay(const OverlaySpec& spec) {
    if (spec.lowers.size() > k_overlay_lowers_max) {
        return fail(ErrorCode::refused,
                    fmt::format("an image of {} layers cannot be stacked: at most {} are possible; "
                                "build it with fewer layers",
                                spec.lowers.size(), k_overlay_lowers_max));
    }
    std::vector<std::string> lowers;
    for (const auto& lower : spec.lowers) lowers.push_back(escape(lower));
    const auto options = fmt::format("lowerdir={},upperdir={},workdir={}", fmt::join(lowers, ":"),
                                     escape(spec.upper), escape(spec.work));
    if (options.size() > k_mount_options_max) {
        return fail(ErrorCode::refused,
                    "the data directory's path is too long to stack this image's layers");
    }
    if (mount("moln", spec.target.c_str(), "overlay", MS_NODEV, options.c_str()) != 0) {
        return fail(error_from_errno(errno, "stack the root file system at " + spec.target));
    }
    return {};
}

bool is_mount_point(const std::string& path) {
    struct statx info{};
    if (statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &info) != 0) {
        return false;
    }
    return (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Status unmount(const std::string& path) {
    while (is_mount_point(path)) {
        if (umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
            if (errno == EINVAL) return {};  // somebody else was quicker
            return fail(error_from_errno(errno, "unmount " + path));
        }
    }
    return {};
}

std::vector<std::string> mounts_below(const std::string& folder) {
    std::vector<std::string> found;
    std::ifstream table("/proc/self/mountinfo");
    for (std::string line; std::getline(table, line);) {
        std::istringstream fields(line);
        std::string skipped;
        std::string target;
        fields >> skipped >> skipped >> skipped >> skipped >> target;
        target = unescape(target);
        if (target == folder || target.starts_with(folder + "/")) found.push_back(target);
    }
    std::sort(found.begin(), found.end(), std::greater<>());
    return found;
}

Status unmount_below(const std::string& folder) {
    for (const auto& target : mounts_below(folder)) MOLN_TRY(unmount(target));
    return {};
}

}  // namespace moln
