#include "io/file/tree.h"

#include <array>
#include <cerrno>
#include <memory>

#include <fts.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file/files.h"

namespace moln {
namespace {

using Walk = std::unique_ptr<FTS, int (*)(FTS*)>;

Walk walk(const std::string& path) {
    std::string root = path;
    std::array<char*, 2> roots{root.data(), nullptr};
    return {fts_open(roots.data(), FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, nullptr), fts_close};
}

}  // namespace

Status remove_tree(const std::string& path) {
    if (!path_exists(path)) return {};
    const auto tree = walk(path);
    if (!tree) return fail(error_from_errno(errno, "remove " + path));
    dev_t device = 0;
    while (FTSENT* entry = fts_read(tree.get())) {
        if (entry->fts_level == 0 && entry->fts_info == FTS_D) device = entry->fts_dev;
        if (entry->fts_info == FTS_D) continue;
        const bool folder = entry->fts_info == FTS_DP || entry->fts_info == FTS_DNR;
        // FTS_XDEV does not descend into a mount, but names its root: nothing of it may go.
        if (folder && entry->fts_dev != device) {
            return fail(ErrorCode::refused, std::string("something is mounted at ") +
                                                entry->fts_path + ": unmount it first");
        }
        const int result = folder ? rmdir(entry->fts_accpath) : unlink(entry->fts_accpath);
        if (result != 0 && errno != ENOENT) {
            return fail(error_from_errno(errno, std::string("remove ") + entry->fts_path));
        }
    }
    return {};
}

TreeSize tree_size(const std::string& path) {
    TreeSize size;
    const auto tree = walk(path);
    if (!tree) return size;
    constexpr std::int64_t k_stat_block = 512;  // st_blocks counts these, whatever the file system
    while (const FTSENT* entry = fts_read(tree.get())) {
        switch (entry->fts_info) {
            case FTS_D:  // comes again after what is in it
            case FTS_DNR:
            case FTS_ERR:
            case FTS_NS: continue;  // gone, or there is nothing at `path`
            case FTS_DP: break;
            default: ++size.files; break;
        }
        size.bytes.count += entry->fts_statp->st_blocks * k_stat_block;
    }
    return size;
}

}  // namespace moln
