// Static files: a folder with an index.html that no program of its own serves. The edge does.
#include <fmt/format.h>

#include "recipe/language.h"

namespace moln::recipe_detail {

SiteSpec site_of(std::string_view folder) {
    return {.folder = std::string(folder), .not_found = "404.html", .fallback = ""};
}

Result<std::optional<Finding>> detect_static(const SourceListing& source, const PlatformTools&) {
    const auto index = first_of(source, {"index.html", "public/index.html", "dist/index.html"});
    if (index.empty()) return std::nullopt;
    Finding out;
    out.detected = fmt::format("static files ({})", index);
    const auto slash = index.rfind('/');
    out.site = site_of(slash == std::string::npos ? "." : index.substr(0, slash));
    return out;
}

}  // namespace moln::recipe_detail
