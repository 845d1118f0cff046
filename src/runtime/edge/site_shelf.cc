#include "runtime/edge/site_shelf.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "io/file/files.h"
#include "runtime/edge/say.h"

namespace moln::edge_loop {
namespace {

Result<std::uint64_t> size_of(const Fd& file, const std::string& path) {
    struct stat about{};
    if (::fstat(file.get(), &about) != 0) return fail(error_from_errno(errno, "stat " + path));
    if (!S_ISREG(about.st_mode)) return fail(ErrorCode::invalid, path + " is no file");
    return static_cast<std::uint64_t>(about.st_size);
}

}  // namespace

Result<std::shared_ptr<const OpenSite>> SiteShelf::open(const std::string& name) const {
    if (!is_site_name(name)) {
        return fail(ErrorCode::invalid, fmt::format("\"{}\" is no name of a site", name));
    }
    constexpr int k_flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
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

OpenSites SiteShelf::sites_of(const EdgeSnapshot& snapshot) {
    OpenSites out(snapshot.apps.size());
    auto before = std::exchange(opened_, {});
    if (!folder_) return out;
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (!snapshot.apps[i].site) continue;
        const auto& name = snapshot.apps[i].site->name;
        auto& place = opened_[name];
        if (!place) {
            if (const auto known = before.find(name); known != before.end()) place = known->second;
        }
        if (!place) {
            auto opened = open(name);
            if (opened) {
                place = std::move(*opened);
            } else {
                say("site_unreadable", "app={} reason={}", snapshot.apps[i].app.text,
                    opened.error().reason);
            }
        }
        out[i] = place;
    }
    return out;
}

}  // namespace moln::edge_loop
