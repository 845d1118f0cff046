#include "drivers/volume/copy_tree.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>

#include <fts.h>
#include <sys/stat.h>

#include "io/file/files.h"
#include "io/file/tree.h"

namespace moln {
namespace {

namespace fs = std::filesystem;

Status copy_entry(const FTSENT& entry, const fs::path& to) {
    std::error_code error;
    switch (entry.fts_info) {
        case FTS_D: return make_folders(to, (entry.fts_statp->st_mode & 0777) | 0700);
        case FTS_F: fs::copy_file(entry.fts_accpath, to, error); break;
        case FTS_SL:
        case FTS_SLNONE: fs::copy_symlink(entry.fts_accpath, to, error); break;
        case FTS_DNR:
        case FTS_ERR:
        case FTS_NS:
            return fail(error_from_errno(entry.fts_errno, std::string("read ") + entry.fts_path));
        default: break;
    }
    if (error) {
        return fail(error_from_errno(error.value(), std::string("copy ") + entry.fts_path));
    }
    return {};
}

Status copy_into(const std::string& from, const std::string& target) {
    std::string root = from;
    std::array<char*, 2> roots{root.data(), nullptr};
    const std::unique_ptr<FTS, int (*)(FTS*)> tree(
        fts_open(roots.data(), FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, nullptr), fts_close);
    if (!tree) return fail(error_from_errno(errno, "read " + from));
    while (const FTSENT* entry = fts_read(tree.get())) {
        MOLN_TRY(copy_entry(*entry, target + std::string(entry->fts_path).substr(from.size())));
    }
    return {};
}

}  // namespace

Status copy_tree(const std::string& from, const std::string& target) {
    if (path_exists(target)) {
        return fail(ErrorCode::exists, target + " is there already: name a new folder");
    }
    const auto beside = target + ".new";
    MOLN_TRY(remove_tree(beside));
    auto copied = copy_into(from, beside);
    if (!copied) {
        (void)remove_tree(beside);
        return copied;
    }
    return rename_path(beside, target);
}

}  // namespace moln
