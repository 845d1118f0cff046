// PHP: index.php or composer.json, served by PHP's own server with a few workers.
#include <fmt/format.h>

#include "recipe/language.h"

namespace moln::recipe_detail {
namespace {

// Packages that composer fetches, as opposed to demands on PHP itself and its extensions.
bool has_packages(const json::object& composer) {
    const auto* require = composer.if_contains("require");
    if (require == nullptr || !require->is_object()) return false;
    for (const auto& [name, version] : require->get_object()) {
        const std::string_view text = name;
        if (text != "php" && !text.starts_with("ext-")) return true;
    }
    return false;
}

}  // namespace

Result<std::optional<Finding>> detect_php(const SourceListing& source, const PlatformTools& tools) {
    const auto index = first_of(source, {"public/index.php", "web/index.php", "index.php"});
    const bool composer = source.has("composer.json");
    if (index.empty() && !composer) return std::nullopt;
    MOLN_TRY(need(tools, "a PHP app", {"php"}));

    Finding out;
    out.detected = fmt::format("PHP ({})", composer ? "composer.json" : index);
    if (composer) {
        const auto json = parse_json(contents(source, "composer.json"), k_manifest_bytes_max);
        if (!json) return fail_in("composer.json", json.error());
        if (!json->is_object())
            return fail(ErrorCode::invalid, "composer.json: expected an object");
        if (has_packages(json->get_object())) {
            MOLN_TRY(need(tools, "a PHP app with packages", {"composer"}));
            out.steps.push_back({{"composer", "install", "--no-dev", "--no-interaction",
                                  "--no-progress", "--optimize-autoloader"},
                                 {{"COMPOSER_CACHE_DIR", "/cache/composer"}},
                                 "install the packages of composer.json"});
        }
    }
    if (index.empty()) {
        out.advice = "expected an index.php, here or in public/ or web/; found none";
        return out;
    }
    const auto slash = index.rfind('/');
    const auto root = slash == std::string::npos ? "." : index.substr(0, slash);
    out.web_command = shell_exec(fmt::format("php -S \"0.0.0.0:$PORT\" -t {}", root));
    // One worker would let a slow request hold back every other and the health probe.
    out.env = {{"PHP_CLI_SERVER_WORKERS", "4"}};
    // The server ends its workers on no signal; when this one comes nothing is in flight any more.
    out.stop_signal = "SIGKILL";
    out.start_warnings.push_back(
        "PHP's built-in server is made for small sites: name another in [process.web] command");
    return out;
}

}  // namespace moln::recipe_detail
