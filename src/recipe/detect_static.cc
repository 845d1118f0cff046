// Static files: a folder with an index.html that no program of its own serves.
#include <fmt/format.h>

#include "recipe/language.h"

namespace moln::recipe_detail {

Result<std::vector<std::string>> static_server(const PlatformTools& tools, std::string_view root) {
    if (tools.has("busybox")) {
        return shell_exec(fmt::format("busybox httpd -f -p \"$PORT\" -h {}", root));
    }
    if (tools.has("python3")) {
        // 3.11 and later speak HTTP/1.1; buffered output would keep the log back.
        return shell_exec(fmt::format("python3 -u -m http.server \"$PORT\" --directory {}", root));
    }
    return fail(need(tools, "a folder of static files", {"busybox"}).error());
}

Result<std::optional<Finding>> detect_static(const SourceListing& source,
                                             const PlatformTools& tools) {
    const auto index = first_of(source, {"index.html", "public/index.html", "dist/index.html"});
    if (index.empty()) return std::nullopt;
    Finding out;
    out.detected = fmt::format("static files ({})", index);
    const auto slash = index.rfind('/');
    const auto root = slash == std::string::npos ? "/app" : "/app/" + index.substr(0, slash);
    MOLN_ASSIGN(out.web_command, static_server(tools, root));
    return out;
}

}  // namespace moln::recipe_detail
