#include "drivers/image/workspace.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file/fd.h"
#include "io/file/files.h"
#include "io/file/tree.h"
#include "model/site.h"

namespace moln {

Result<Workspace> Workspace::make(const DataDir& data) {
    MOLN_TRY(make_folders(data.builds(), 0700));
    auto path = data.builds() + "/b-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
        return fail(error_from_errno(errno, "make a folder in " + data.builds()));
    }
    return Workspace(std::move(path));
}

Workspace::Workspace(Workspace&& other) noexcept : path_(std::exchange(other.path_, {})) {}

Workspace::~Workspace() {
    // What cannot be removed now goes with recover().
    if (!path_.empty()) static_cast<void>(remove_tree(path_));
}

std::string Workspace::name() const {
    return path_.substr(path_.rfind('/') + 1);
}

Result<std::string> Workspace::make_layer(const std::string& name) const {
    auto path = path_ + "/" + name;
    MOLN_TRY(make_folders(path, 0755));
    return path;
}

namespace {

// All files of the tree at once; one by one would take a flush each.
Status sync_tree(const std::string& folder) {
    MOLN_ASSIGN(const Fd fd, open_fd(folder, O_RDONLY | O_DIRECTORY));
    if (syncfs(fd.get()) != 0) return fail(error_from_errno(errno, "sync " + folder));
    return {};
}

std::string above_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

}  // namespace

Status publish(const std::string& folder, const std::string& target) {
    const auto above = above_of(target);
    MOLN_TRY(make_folders(above, 0700));
    MOLN_TRY(sync_tree(folder));
    if (rename(folder.c_str(), target.c_str()) != 0) {
        if (errno == EEXIST || errno == ENOTEMPTY) return {};
        return fail(error_from_errno(errno, "rename " + folder + " to " + target));
    }
    return sync_folder(above);
}

Status publish_anew(const std::string& folder, const std::string& target) {
    MOLN_TRY(sync_tree(folder));
    if (renameat2(AT_FDCWD, folder.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) != 0) {
        return fail(error_from_errno(errno, "exchange " + folder + " and " + target));
    }
    return sync_folder(above_of(target));
}

std::string layer_path(const DataDir& data, const std::string& layer) {
    return (is_site_name(layer) ? data.sites() : data.layers()) + "/" + layer;
}

}  // namespace moln
