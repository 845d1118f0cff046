#include "drivers/image/site_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "model/site.h"
#include "model/words.h"

namespace moln {
namespace {

// What tells Moln and its builders about the app is not the site's.
constexpr std::array<std::string_view, 5> k_of_the_app = {"Procfile", "moln.toml", "package.json",
                                                          "package-lock.json", "yarn.lock"};

// Below `folder` and through no link: what a build has left there may lead anywhere on this host.
Result<Fd> open_below(const Fd& folder, const std::string& path, int flags) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const auto fd = ::syscall(SYS_openat2, folder.get(), path.c_str(), &how, sizeof how);
    if (fd < 0) return fail(error_from_errno(errno, "open " + path));
    return Fd(static_cast<int>(fd));
}

class Finder {
public:
    explicit Finder(bool is_app_folder) : is_app_folder_(is_app_folder) {}

    Status walk(Fd folder, const std::string& prefix, std::size_t depth, SourceFiles& out) {
        if (depth > k_site_depth_max) {
            return fail(ErrorCode::refused, fmt::format("{}: folders are nested deeper than {}",
                                                        prefix, k_site_depth_max));
        }
        const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(folder.get()), ::closedir);
        if (!listing) return fail(error_from_errno(errno, "list " + prefix));
        (void)folder.release();
        while (const dirent* entry = ::readdir(listing.get())) {
            const std::string_view name = entry->d_name;
            if (is_hidden(name, depth)) continue;
            MOLN_TRY(look(::dirfd(listing.get()), prefix, name, depth, out));
        }
        return {};
    }

private:
    bool is_hidden(std::string_view name, std::size_t depth) const {
        if (name.starts_with('.')) return depth > 0 || name != ".well-known";
        if (name == "node_modules") return true;
        return depth == 0 && is_app_folder_ &&
               std::ranges::find(k_of_the_app, name) != k_of_the_app.end();
    }

    Status look(int folder, const std::string& prefix, std::string_view name, std::size_t depth,
                SourceFiles& out) {
        const auto path = prefix + std::string(name);
        struct stat about{};
        if (::fstatat(folder, std::string(name).c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) {
            return fail(error_from_errno(errno, "look at " + path));
        }
        if (S_ISDIR(about.st_mode)) {
            Fd below(::openat(folder, std::string(name).c_str(),
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            if (!below.valid()) return fail(error_from_errno(errno, "open " + path));
            return walk(std::move(below), path + "/", depth + 1, out);
        }
        if (!S_ISREG(about.st_mode) || !is_site_path(path) || valid_utf8(path) != path) {
            out.left_out.push_back(path);
            return {};
        }
        if (out.files.size() == k_site_files_max) {
            return fail(ErrorCode::refused,
                        fmt::format("the site has more than {} files", k_site_files_max));
        }
        out.files.push_back({path, static_cast<std::uint64_t>(about.st_size)});
        bytes_ += static_cast<std::uint64_t>(about.st_size);
        if (std::cmp_greater(bytes_, k_site_bytes_max.count)) {
            return fail(ErrorCode::refused,
                        fmt::format("the site has more than {} bytes", k_site_bytes_max.count));
        }
        return {};
    }

    bool is_app_folder_;
    std::uint64_t bytes_ = 0;
};

}  // namespace

Result<SourceFiles> find_site_files(const std::string& root, const std::string& folder) {
    MOLN_ASSIGN(const Fd top, open_fd(root, O_RDONLY | O_DIRECTORY));
    auto opened = open_below(top, folder, O_RDONLY | O_DIRECTORY);
    if (!opened) {
        return fail(ErrorCode::invalid,
                    fmt::format("site.folder: expected a folder of the app's files, made by its "
                                "build or there before, found none called \"{}\"",
                                folder));
    }
    SourceFiles out;
    MOLN_ASSIGN(auto walked, open_below(*opened, ".", O_RDONLY | O_DIRECTORY));
    MOLN_TRY(Finder(folder == ".").walk(std::move(walked), "", 0, out));
    out.folder = std::move(*opened);
    std::ranges::sort(out.files, {}, &SourceFile::path);
    std::ranges::sort(out.left_out);
    return out;
}

Result<Fd> open_site_file(const SourceFiles& found, const std::string& path) {
    MOLN_ASSIGN(auto file, open_below(found.folder, path, O_RDONLY | O_NONBLOCK));
    struct stat about{};
    if (::fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode)) {
        return fail(ErrorCode::conflict, path + " is no file any more");
    }
    return file;
}

}  // namespace moln
