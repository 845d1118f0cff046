// Which file of a site a path names. Only names that the site's index has are ever looked at: there
// is no way out of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "edge/site/site_index.h"
#include "model/app_config.h"

namespace moln::edge {

// The path below the root, decoded, in `room`, which needs path.size() bytes. `path` begins with
// '/' and is normalised as http/url.h has it. Nothing for one that no file can have: an encoded
// slash or control character, a broken triplet.
std::optional<std::string_view> site_path(std::string_view path, std::span<char> room);

enum class SiteFind : std::uint8_t {
    file,       // 200: the file itself, a folder's index, a page without its ".html", the fallback
    slash,      // 308: it is a folder with an index, and links in that need the slash
    not_found,  // 404: with the site's own page, if it has one
};

struct SiteFound {
    SiteFind what = SiteFind::not_found;
    const SiteEntry* entry = nullptr;  // null of `slash`, and of `not_found` without a page
};

// `path` as site_path() gives it. The fallback answers what could be a page: not a name that says
// that it is something else, as a script that an old page still asks for.
SiteFound find_file(const SiteIndex& index, const SiteSpec& spec, std::string_view path);

}  // namespace moln::edge
