#include "drivers/sandbox/host_platform.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file/files.h"
#include "io/file/tree.h"

namespace moln {
namespace {

namespace fs = std::filesystem;

// Raised when what is generated below changes: an old skeleton is then not used any more.
constexpr int k_skeleton_version = 1;
constexpr const char* k_skeleton_prefix = "/host-";
constexpr uid_t k_app_uid = 1000;

// Below /etc: what language runtimes and C libraries read.
constexpr std::array k_etc_allowed{
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "ca-certificates.conf",
    "debian_version",
    "ethertypes",
    "fonts",
    "gai.conf",
    "ghostscript",
    "group.conf",
    "host.conf",
    "ImageMagick-6",
    "inputrc",
    "java-11-openjdk",
    "java-17-openjdk",
    "java-21-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "locale.gen",
    "localtime",
    "magic",
    "magic.mime",
    "mailcap",
    "mime.types",
    "networks",
    "npmrc",
    "nsswitch.conf",
    "os-release",
    "perl",
    "php",
    "pip.conf",
    "profile",
    "profile.d",
    "protocols",
    "python3",
    "python3.11",
    "rpc",
    "sensors.d",
    "services",
    "sgml",
    "shells",
    "ssl",
    "terminfo",
    "timezone",
    "xml",
};

struct Folder {
    const char* path;
    mode_t mode;
    uid_t owner;
};

constexpr std::array k_mount_points{
    Folder{"app", 0755, k_app_uid},
    Folder{"dev", 0755, 0},
    Folder{"etc", 0755, 0},
    Folder{"home", 0755, 0},
    Folder{"home/app", 0750, k_app_uid},
    Folder{"mnt", 0755, 0},
    Folder{"proc", 0555, 0},
    Folder{"root", 0700, 0},
    Folder{"run", 0755, 0},
    Folder{"sys", 0555, 0},
    Folder{"tmp", 01777, 0},
    Folder{"var", 0755, 0},
    Folder{"var/tmp", 01777, 0},
    Folder{"cache", 0755, k_app_uid},
};

constexpr std::array k_host_folders{
    Folder{"opt", 0755, 0},         Folder{"srv", 0755, 0},
    Folder{"usr", 0755, 0},         Folder{"var/cache", 0755, 0},
    Folder{"var/lib", 0755, 0},     Folder{"var/log", 01777, 0},
    Folder{"var/lib/php", 0755, 0}, Folder{"var/lib/php/sessions", 01733, 0},
};

constexpr const char* k_passwd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "app:x:1000:1000:app:/home/app:/bin/sh\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
constexpr const char* k_group = "root:x:0:\napp:x:1000:\nnogroup:x:65534:\n";

template <std::size_t N>
Status make_all(const std::string& root, const std::array<Folder, N>& folders) {
    for (const auto& folder : folders) {
        const auto path = root + "/" + folder.path;
        MOLN_TRY(make_folders(path, folder.mode));
        if (chown(path.c_str(), folder.owner, folder.owner) != 0) {
            return fail(error_from_errno(errno, "chown " + path));
        }
    }
    return {};
}

// What of /etc may be copied, in a fixed order: links, and files and folders that all may read.
std::vector<fs::path> readable_etc() {
    std::vector<fs::path> found;
    const auto add = [&](const fs::path& path, auto& self) -> void {
        struct stat info{};
        if (lstat(path.c_str(), &info) != 0) return;
        if (S_ISDIR(info.st_mode)) {
            if ((info.st_mode & 05) != 05) return;
            found.push_back(path);
            std::vector<fs::path> entries;
            std::error_code ignored;
            for (const auto& entry : fs::directory_iterator(path, ignored)) {
                entries.push_back(entry.path());
            }
            std::sort(entries.begin(), entries.end());
            for (const auto& entry : entries) self(entry, self);
        } else if (S_ISLNK(info.st_mode) || (S_ISREG(info.st_mode) && (info.st_mode & 04) != 0)) {
            found.push_back(path);
        }
    };
    for (const char* name : k_etc_allowed) add(fs::path("/etc") / name, add);
    return found;
}

class Hash {  // FNV-1a
public:
    void add(const std::string& text) {
        for (const char c : text)
            value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    }
    std::string text() const { return fmt::format("{:016x}", value_); }

private:
    std::uint64_t value_ = 0xcbf29ce484222325u;
};

std::string hash_of(const std::vector<fs::path>& paths) {
    Hash hash;
    hash.add(fmt::format("{}\n", k_skeleton_version));
    for (const auto& path : paths) {
        struct stat info{};
        if (lstat(path.c_str(), &info) != 0) continue;
        hash.add(fmt::format("{} {} {} {}\n", path.string(), info.st_mode, info.st_size,
                             info.st_mtim.tv_sec));
    }
    return hash.text();
}

Status copy_etc(const std::vector<fs::path>& paths, const std::string& root) {
    for (const auto& path : paths) {
        const fs::path target = root + path.string();
        std::error_code error;
        if (fs::is_symlink(path)) {
            fs::copy_symlink(path, target, error);
        } else if (fs::is_directory(path)) {
            MOLN_TRY(make_folders(target, 0755));
        } else {
            fs::copy_file(path, target, error);
        }
        if (error) return fail(error_from_errno(error.value(), "copy " + path.string()));
    }
    return {};
}

// /bin and the like are links into /usr on a merged host; elsewhere they would have to be mounted.
Status link_into_usr(const std::string& root) {
    for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
        const auto path = std::string("/") + name;
        if (!path_exists(path)) continue;
        if (!fs::is_symlink(path)) {
            return fail(ErrorCode::refused,
                        path +
                            " is not a link into /usr: the platform host needs a merged /usr; "
                            "build a platform with `moln platform build debian`");
        }
        if (symlink((std::string("usr/") + name).c_str(), (root + path).c_str()) != 0) {
            return fail(error_from_errno(errno, "link " + root + path));
        }
    }
    return {};
}

Status fill_skeleton(const std::string& root, const std::vector<fs::path>& etc) {
    MOLN_TRY(make_all(root, k_mount_points));
    MOLN_TRY(make_all(root, k_host_folders));
    MOLN_TRY(link_into_usr(root));
    MOLN_TRY(copy_etc(etc, root));
    MOLN_TRY(write_file(root + "/etc/passwd", k_passwd, 0644));
    return write_file(root + "/etc/group", k_group, 0644);
}

// Made beside and renamed, so that a name stands only for a whole folder.
template <typename Fill>
Status make_once(const std::string& path, Fill fill) {
    if (path_exists(path)) return {};
    const auto beside = path + ".new";
    MOLN_TRY(remove_tree(beside));
    MOLN_TRY(make_folders(beside, 0755));
    MOLN_TRY(fill(beside));
    return rename_path(beside, path);
}

}  // namespace

Result<std::vector<std::string>> unused_skeletons(const std::string& platforms,
                                                  const std::set<std::string>& used) {
    const auto today = platforms + k_skeleton_prefix + hash_of(readable_etc());
    std::vector<std::string> out;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(platforms, error)) {
        const auto path = entry.path().string();
        if (!path.starts_with(platforms + k_skeleton_prefix)) continue;
        if (path != today && path != today + ".new" && !used.contains(path)) out.push_back(path);
    }
    return out;
}

Result<HostPlatform> make_host_platform(const std::string& platforms) {
    const auto etc = readable_etc();
    auto path = platforms + k_skeleton_prefix + hash_of(etc);
    MOLN_TRY(make_once(path, [&](const std::string& root) { return fill_skeleton(root, etc); }));
    return HostPlatform{.skeleton = path, .usr = "/usr"};
}

Result<std::string> make_base_layer(const std::string& platforms) {
    auto path = fmt::format("{}/base-{}", platforms, k_skeleton_version);
    MOLN_TRY(
        make_once(path, [](const std::string& root) { return make_all(root, k_mount_points); }));
    return path;
}

}  // namespace moln
