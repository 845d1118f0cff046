// Static files: a folder with an index.html that no program of its own serves.
#include <fmt/format.h>

#include "recipe/language.h"

namespace moln::recipe_detail {

// A server without a handler for the stop signal would never end as the first process of an
// instance: to that one the kernel delivers only what it handles, and SIGKILL.
Status serve_files(const PlatformTools& tools, std::string_view root, Finding& out) {
    if (tools.has("busybox")) {
        out.web_command = shell_exec(fmt::format("busybox httpd -f -p \"$PORT\" -h {}", root));
        out.stop_signal = "SIGKILL";
        return {};
    }
    if (tools.has("python3")) {
        out.web_command =
            shell_exec(fmt::format("python3 -u -m http.server \"$PORT\" --directory {}", root));
        out.stop_signal = "SIGINT";
        return {};
    }
    return need(tools, "a folder of static files", {"busybox"});
}

Result<std::optional<Finding>> detect_static(const SourceListing& source,
                                             const PlatformTools& tools) {
    const auto index = first_of(source, {"index.html", "public/index.html", "dist/index.html"});
    if (index.empty()) return std::nullopt;
    Finding out;
    out.detected = fmt::format("static files ({})", index);
    const auto slash = index.rfind('/');
    const auto root = slash == std::string::npos ? "/app" : "/app/" + index.substr(0, slash);
    MOLN_TRY(serve_files(tools, root, out));
    return out;
}

}  // namespace moln::recipe_detail
