#include "drivers/image/platform_images.h"

#include <algorithm>
#include <filesystem>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "drivers/image/build_settings.h"
#include "drivers/image/workspace.h"
#include "drivers/process/child.h"
#include "io/file/files.h"
#include "io/file/tree.h"
#include "model/validate.h"
#include "recipe/toml_tree.h"

namespace moln {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view k_host = "host";
constexpr std::size_t k_recipe_bytes_max = 64 * 1024;
constexpr int k_versions_a_day_max = 100;
constexpr Milliseconds k_build_limit = minutes(60);

// Documentation and translations are most of what a minimal system does not need.
constexpr const char* k_dpkg_options[] = {
    "path-exclude=/usr/share/doc/*", "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/info/*",
    "path-include=/usr/share/doc/*/copyright"};

std::string text_at(const TomlValue& table, std::string_view key) {
    const auto* value = table.find(key);
    return value != nullptr && value->text() != nullptr ? *value->text() : "";
}

bool is_word(std::string_view text, std::string_view marks) {
    const auto good = [marks](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               marks.find(c) != std::string_view::npos;
    };
    return !text.empty() && text.front() != '-' && std::ranges::all_of(text, good);
}

// Files of the host's own package sources that serve `suite`: the host's choice of mirror is the
// platform's too. Sources of third parties serve suites of other names.
std::vector<std::string> host_sources(const std::string& suite) {
    std::vector<std::string> found;
    std::vector<fs::path> files = {"/etc/apt/sources.list"};
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/etc/apt/sources.list.d", ignored)) {
        const auto extension = entry.path().extension();
        if (extension == ".sources" || extension == ".list") files.push_back(entry.path());
    }
    std::ranges::sort(files);
    for (const auto& file : files) {
        const auto text = read_file(file);
        if (!text) continue;
        // " bookworm " or at the end of the line, in both formats of apt.
        const auto lines = " " + *text + "\n";
        const auto at = lines.find(" " + suite);
        if (at == std::string::npos) continue;
        const char after = lines[at + 1 + suite.size()];
        if (after == ' ' || after == '\n' || after == '-') found.push_back(file);
    }
    return found;
}

std::vector<std::string> proxy_env() {
    auto env = fetch_environment();
    env.insert(env.end(), {"LC_ALL=C.UTF-8", "HOME=/root"});
    return env;
}

Status run_mmdebstrap(const PlatformRecipe& recipe, const std::string& rootfs,
                      const ImageProgress& progress) {
    std::vector<std::string> argv = {"mmdebstrap", "--mode=root", "--variant=minbase",
                                     "--aptopt=Acquire::Languages \"none\"",
                                     "--aptopt=APT::Install-Recommends \"false\""};
    for (const auto* option : k_dpkg_options) argv.push_back(fmt::format("--dpkgopt={}", option));
    argv.push_back(fmt::format("--include={}", fmt::join(recipe.packages, ",")));
    argv.push_back(recipe.suite);
    argv.push_back(rootfs);
    for (auto& source : host_sources(recipe.suite)) argv.push_back(std::move(source));
    const auto result = run_child({.argv = std::move(argv),
                                   .env = proxy_env(),
                                   .time_limit = k_build_limit,
                                   .line = progress.line,
                                   .cancelled = progress.cancelled});
    if (!result) return fail(result.error());
    if (result->exit_code == 0) return {};
    const auto& output = result->output;
    const auto tail = output.size() > 2000 ? output.substr(output.size() - 2000) : output;
    return fail(ErrorCode::refused,
                fmt::format("mmdebstrap failed (exit code {}):\n{}", result->exit_code, tail));
}

std::string today(WallTime now) {
    return fmt::format("{:%Y%m%d}", fmt::gmtime(static_cast<std::time_t>(now.ms / 1000)));
}

}  // namespace

Result<PlatformRecipe> parse_platform_recipe(std::string_view text, std::string_view file) {
    MOLN_ASSIGN(const auto root, parse_toml(text, file, k_recipe_bytes_max));
    PlatformRecipe out{.summary = text_at(root, "summary"),
                       .suite = text_at(root, "suite"),
                       .version = text_at(root, "version"),
                       .packages = {}};
    const auto wrong = [file](std::string_view field, std::string_view expected) {
        return fail(ErrorCode::invalid, fmt::format("{}: {}: expected {}", file, field, expected));
    };
    if (!is_word(out.suite, "-")) return wrong("suite", "a Debian suite such as \"bookworm\"");
    if (!is_word(out.version, ".")) return wrong("version", "a version such as \"12\"");
    const auto* packages = root.find("packages");
    if (packages == nullptr || packages->list() == nullptr || packages->list()->empty()) {
        return wrong("packages", "a list of Debian packages");
    }
    for (const auto& item : *packages->list()) {
        if (item.text() == nullptr || !is_word(*item.text(), "+-.")) {
            return wrong("packages", "names of Debian packages");
        }
        out.packages.push_back(*item.text());
    }
    return out;
}

Result<std::vector<PlatformInfo>> PlatformImages::list() const {
    std::vector<PlatformInfo> out = {
        {.name = std::string(k_host),
         .summary = "this host's own programs, read-only; changes with the host's packages",
         .size = {},
         .made = {},
         .is_default = true}};
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(data_.platforms(), ignored)) {
        const auto manifest = entry.path().string() + "/manifest.json";
        if (!path_exists(manifest)) continue;
        MOLN_ASSIGN(const auto text, read_file(manifest));
        auto info = from_json_text<PlatformInfo>(text, UnknownFields::ignore);
        if (!info) return fail(ErrorCode::corrupt, manifest + ": " + info.error().reason);
        out.push_back(std::move(*info));
    }
    std::ranges::sort(out.begin() + 1, out.end(), {}, &PlatformInfo::name);
    return out;
}

Result<std::string> PlatformImages::resolve(const std::string& name) const {
    if (name.empty()) return std::string(k_host);
    MOLN_ASSIGN(const auto all, list());
    const PlatformInfo* newest = nullptr;
    std::string names;
    for (const auto& info : all) {
        if (info.name == name) return name;
        names += (names.empty() ? "" : ", ") + info.name;
        if (info.name.starts_with(name + "-") && (newest == nullptr || newest->made < info.made)) {
            newest = &info;
        }
    }
    if (newest != nullptr) return newest->name;
    return fail(ErrorCode::not_found,
                fmt::format("no platform \"{}\": there are {}; `moln platform build debian` makes "
                            "one",
                            name.substr(0, k_name_length_max), names));
}

PlatformState PlatformImages::look_at(const std::string& resolved) const {
    return look_at_platform(resolved, resolved == k_host ? "/" : folder(resolved) + "/rootfs");
}

Result<std::string> PlatformImages::fresh_name(const std::string& stem) const {
    for (int n = 1; n <= k_versions_a_day_max; ++n) {
        auto name = n == 1 ? stem : fmt::format("{}-{}", stem, n);
        if (!path_exists(folder(name))) return name;
    }
    return fail(ErrorCode::refused, fmt::format("{} platforms named {} were made today: at most "
                                                "{} are kept a day",
                                                k_versions_a_day_max, stem, k_versions_a_day_max));
}

Result<PlatformInfo> PlatformImages::build(const std::string& name, WallTime now,
                                           const ImageProgress& progress) const {
    MOLN_TRY(validate_name(name));
    const auto file = fmt::format("{}/{}.toml", recipes_, name);
    if (!path_exists(file)) {
        return fail(ErrorCode::not_found,
                    fmt::format("no recipe for a platform \"{}\": {} is missing", name, file));
    }
    MOLN_ASSIGN(const auto text, read_file(file));
    MOLN_ASSIGN(const auto recipe, parse_platform_recipe(text, name + ".toml"));
    MOLN_ASSIGN(const auto workspace, Workspace::make(data_));
    MOLN_ASSIGN(const auto made, workspace.make_layer("platform"));
    MOLN_TRY(run_mmdebstrap(recipe, made + "/rootfs", progress));

    PlatformInfo info{.name = {},
                      .summary = recipe.summary,
                      .size = tree_size(made).bytes,
                      .made = now,
                      .is_default = false};
    MOLN_ASSIGN(info.name, fresh_name(fmt::format("{}-{}-{}", name, recipe.version, today(now))));
    MOLN_TRY(write_file(made + "/manifest.json", to_json_text(info), 0600));
    MOLN_TRY(publish(made, folder(info.name)));
    return info;
}

}  // namespace moln
