#include "runtime/edge/site_shelf.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "io/file/files.h"
#include "runtime/edge/say.h"

namespace moln::edge_loop {
namespace {

constexpr int k_flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

Result<std::uint64_t> size_of(const Fd& file, const std::string& path) {
    struct stat about{};
    if (::fstat(file.get(), &about) != 0) return fail(error_from_errno(errno, "stat " + path));
    if (!S_ISREG(about.st_mode)) return fail(ErrorCode::invalid, path + " is no file");
    return static_cast<std::uint64_t>(about.st_size);
}

// Published anew under its name, as it had been damaged: who asks from now on is given that.
bool is_replaced(const Folder& folder, const OpenSite& site, const std::string& name) {
    const auto now = folder.open_file(name + "/" + k_site_content, k_flags, 0);
    struct stat before{};
    struct stat after{};
    if (!now || ::fstat(site.content.get(), &before) != 0 || ::fstat(now->get(), &after) != 0) {
        return false;
    }
    return before.st_ino != after.st_ino || before.st_dev != after.st_dev;
}

}  // namespace

Result<std::shared_ptr<const OpenSite>> SiteShelf::open(const std::string& name) const {
    if (!is_site_name(name)) {
        return fail(ErrorCode::invalid, fmt::format("\"{}\" is no name of a site", name));
    }
    const auto manifest_name = name + "/" + k_site_manifest;
    const auto content_name = name + "/" + k_site_content;
    MOLN_ASSIGN(const auto manifest, folder_->open_file(manifest_name, k_flags, 0));
    MOLN_ASSIGN(auto content, folder_->open_file(content_name, k_flags, 0));
    const auto path = folder_->path_of(manifest_name);
    MOLN_ASSIGN(const auto text, read_rest(manifest, path, k_site_manifest_bytes_max));
    MOLN_ASSIGN(const auto bytes, size_of(content, folder_->path_of(content_name)));
    auto index = edge::read_site(text, bytes);
    if (!index) return fail_in(path, index.error());
    return std::make_shared<const OpenSite>(std::move(*index), std::move(content));
}

std::shared_ptr<const OpenSite> SiteShelf::site_of(const EdgeApp& app) {
    if (!folder_ || !app.site) return nullptr;
    std::erase_if(opened_, [](const auto& one) { return one.second.expired(); });
    if (const auto known = opened_.find(app.site->name); known != opened_.end()) {
        // It may have gone since: its last request ends on another thread.
        auto site = known->second.lock();
        if (site && !is_replaced(*folder_, *site, app.site->name)) return site;
    }
    auto opened = open(app.site->name);
    if (!opened) {
        say("site_unreadable", "app={} reason={}", app.app.text, opened.error().reason);
        return nullptr;
    }
    opened_[app.site->name] = *opened;
    return std::move(*opened);
}

}  // namespace moln::edge_loop
