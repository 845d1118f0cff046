#include "cli/source_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <optional>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/ignore.h"
#include "model/words.h"

namespace moln::cli {
namespace {

constexpr std::size_t k_ignore_bytes_max = 1u << 20;
constexpr std::size_t k_depth_max = 128;
constexpr std::size_t k_warnings_max = 10;

class Fd {
public:
    explicit Fd(int fd) : fd_(fd) {}
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    int get() const { return fd_; }

private:
    int fd_;
};

struct CloseDir {
    void operator()(DIR* dir) const { ::closedir(dir); }
};

std::optional<std::string> small_file(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd.get() < 0) return std::nullopt;
    std::string text;
    std::array<char, 16 * 1024> buffer;
    while (text.size() <= k_ignore_bytes_max) {
        const auto count = ::read(fd.get(), buffer.data(), buffer.size());
        if (count <= 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return text;
}

class Walk {
public:
    Walk(SourceFolder& out, const SourceLimits& limits) : out_(out), limits_(limits) {
        if (const auto text = small_file(out_.root + "/.molnignore")) rules_.add_molnignore(*text);
    }

    Status folder(const std::string& path, std::size_t depth) {
        if (depth > k_depth_max) {
            return fail(ErrorCode::refused,
                        fmt::format("{}: more than {} folders deep", path, k_depth_max));
        }
        const auto full = full_path(path);
        if (const auto text = small_file(full + "/.gitignore")) rules_.add_gitignore(*text, path);
        MOLN_ASSIGN(const auto names, names_in(full));
        for (const auto& name : names) {
            MOLN_TRY(entry(path.empty() ? name : path + "/" + name, depth));
        }
        return {};
    }

private:
    std::string full_path(const std::string& path) const {
        return path.empty() ? out_.root : out_.root + "/" + path;
    }

    static Result<std::vector<std::string>> names_in(const std::string& full) {
        const std::unique_ptr<DIR, CloseDir> dir(::opendir(full.c_str()));
        if (dir == nullptr) return fail(error_from_errno(errno, full));
        std::vector<std::string> names;
        while (const auto* one = ::readdir(dir.get())) {
            const std::string name(one->d_name);
            if (name != "." && name != "..") names.push_back(name);
        }
        std::ranges::sort(names);
        return names;
    }

    Status entry(const std::string& path, std::size_t depth) {
        const auto full = full_path(path);
        struct stat info = {};
        if (::lstat(full.c_str(), &info) != 0) return fail(error_from_errno(errno, full));
        const bool is_folder = S_ISDIR(info.st_mode);
        const auto kind = is_folder ? EntryKind::folder : EntryKind::file;
        if (rules_.ignores(path, kind)) return {};
        // A Python virtual environment under another name than .venv: made for this machine.
        if (is_folder && ::access((full + "/pyvenv.cfg").c_str(), F_OK) == 0) return {};
        if (is_folder) {
            MOLN_TRY(add({.kind = TarKind::folder, .path = path, .modified_s = info.st_mtime}));
            return folder(path, depth + 1);
        }
        if (S_ISLNK(info.st_mode)) return link(path, full, info.st_mtime);
        if (!S_ISREG(info.st_mode)) {
            if (out_.warnings.size() < k_warnings_max) {
                out_.warnings.push_back(
                    fmt::format("{}: is a socket, pipe or device and is not sent", path));
            }
            return {};
        }
        out_.size = out_.size + Bytes{info.st_size};
        if (out_.size > limits_.size_max) {
            return fail(ErrorCode::refused,
                        fmt::format("{}: holds more than {}; name what the app does not need in "
                                    ".molnignore",
                                    out_.root, size_words(limits_.size_max)));
        }
        return add({.kind = TarKind::file,
                    .path = path,
                    .size = info.st_size,
                    .modified_s = info.st_mtime,
                    .executable = (info.st_mode & 0111) != 0});
    }

    Status link(const std::string& path, const std::string& full, std::int64_t modified_s) {
        std::string target(4096, '\0');
        const auto count = ::readlink(full.c_str(), target.data(), target.size());
        if (count < 0) return fail(error_from_errno(errno, full));
        target.resize(static_cast<std::size_t>(count));
        if (!link_stays_inside(path, target)) {
            return fail(ErrorCode::invalid,
                        fmt::format("{}: is a link to {}, outside the folder. Replace it with what "
                                    "it points to, or name it in .molnignore",
                                    path, target));
        }
        return add(
            {.kind = TarKind::link, .path = path, .target = target, .modified_s = modified_s});
    }

    Status add(TarEntry entry) {
        if (out_.entries.size() >= limits_.entries_max) {
            return fail(ErrorCode::refused,
                        fmt::format("{}: holds more than {} files and folders; name what the app "
                                    "does not need in .molnignore",
                                    out_.root, limits_.entries_max));
        }
        out_.entries.push_back(std::move(entry));
        return {};
    }

    SourceFolder& out_;
    const SourceLimits& limits_;
    IgnoreRules rules_;
};

Result<bool> write_file(const SourceFolder& folder, const TarEntry& entry,
                        const std::function<Result<bool>(std::string_view)>& write) {
    const auto full = folder.root + "/" + entry.path;
    const auto changed = [&] {
        return fail(ErrorCode::conflict,
                    fmt::format("{}: changed while it was being sent; deploy again", entry.path));
    };
    const Fd fd(::open(full.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (fd.get() < 0) return fail(error_from_errno(errno, full));
    std::string buffer(256 * 1024, '\0');
    std::int64_t left = entry.size;
    while (true) {
        const auto count = ::read(fd.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(error_from_errno(errno, full));
        if (count == 0) break;
        left -= count;
        if (left < 0) return changed();
        MOLN_ASSIGN(const bool more,
                    write(std::string_view(buffer).substr(0, static_cast<std::size_t>(count))));
        if (!more) return false;
    }
    if (left != 0) return changed();
    return write(tar_padding(entry.size));
}

}  // namespace

bool link_stays_inside(std::string_view path, std::string_view target) {
    if (target.empty() || target.front() == '/') return false;
    auto depth = std::ranges::count(path, '/');
    while (true) {
        const auto slash = target.find('/');
        const auto segment = target.substr(0, slash);
        if (segment == "..") {
            if (--depth < 0) return false;
        } else if (!segment.empty() && segment != ".") {
            ++depth;
        }
        if (slash == std::string_view::npos) return true;
        target.remove_prefix(slash + 1);
    }
}

Result<SourceFolder> look_at_folder(const std::string& root, const SourceLimits& limits) {
    SourceFolder folder;
    folder.root = root;
    struct stat info = {};
    if (::stat(root.c_str(), &info) != 0) return fail(error_from_errno(errno, root));
    if (!S_ISDIR(info.st_mode)) {
        return fail(ErrorCode::invalid, fmt::format("{}: is no folder; expected the app's", root));
    }
    MOLN_TRY(Walk(folder, limits).folder("", 0));
    return folder;
}

Status write_archive(const SourceFolder& folder,
                     const std::function<Result<bool>(std::string_view)>& write) {
    for (const auto& entry : folder.entries) {
        MOLN_ASSIGN(bool more, write(tar_header(entry)));
        if (more && entry.kind == TarKind::file) {
            MOLN_ASSIGN(more, write_file(folder, entry, write));
        }
        if (!more) return {};
    }
    MOLN_TRY(write(tar_end()));
    return {};
}

}  // namespace moln::cli
