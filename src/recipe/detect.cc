#include "recipe/detect.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/validate.h"
#include "recipe/language.h"
#include "recipe/procfile.h"

namespace moln {

using namespace recipe_detail;

namespace {

constexpr std::array<std::string_view, 31> k_manifests = {
    "Gemfile",       "Procfile",          "app.js",         "app.py",           "app.rb",
    "asgi.py",       "composer.json",     "config.ru",      "index.html",       "index.js",
    "index.php",     "main.py",           "main.rb",        "manage.py",        "moln.toml",
    "package.json",  "package-lock.json", "pyproject.toml", "requirements.txt", "run.py",
    "server.js",     "server.py",         "server.rb",      "setup.py",         "wsgi.py",
    "go.mod",        "Cargo.toml",        "pom.xml",        "build.gradle",     "Dockerfile",
    "CMakeLists.txt"};

constexpr std::array<PlatformProgram, 12> k_programs = {{
    {"node", "nodejs"},
    {"npm", "npm"},
    {"python3", "python3"},
    {"ensurepip", "python3-venv"},
    {"php", "php-cli"},
    {"composer", "composer"},
    {"ruby", "ruby"},
    {"bundle", "ruby-bundler"},
    {"rackup", "ruby-rack"},
    {"busybox", "busybox"},
    {"gunicorn", "gunicorn"},
    {"git", "git"},
}};

// Folders that we know but build only when told how.
struct Hint {
    std::string_view file;
    std::string_view what;
    std::string_view build;
    std::string_view start;
};
constexpr std::array<Hint, 5> k_hints = {{
    {"go.mod", "a Go module", "go build -o server .", "./server"},
    {"Cargo.toml", "a Rust package", "cargo build --release", "./target/release/NAME"},
    {"pom.xml", "a Maven project", "mvn -q package", "java -jar target/NAME.jar"},
    {"build.gradle", "a Gradle project", "./gradlew build", "java -jar build/libs/NAME.jar"},
    {"CMakeLists.txt", "a CMake project", "cmake -B build && cmake --build build", "./build/NAME"},
}};

std::unexpected<Error> nothing_found(const SourceListing& source) {
    if (source.paths.empty()) {
        return fail(ErrorCode::invalid, "the folder is empty: there is nothing to deploy");
    }
    for (const auto& hint : k_hints) {
        if (!source.has(hint.file)) continue;
        return fail(ErrorCode::invalid,
                    fmt::format("this looks like {} ({}), which Moln builds when a moln.toml says "
                                "how:\n[build]\ncommand = \"{}\"\n[process.web]\ncommand = \"{}\"",
                                hint.what, hint.file, hint.build, hint.start));
    }
    if (source.has("Dockerfile")) {
        return fail(ErrorCode::invalid,
                    "only a Dockerfile tells how to start this folder: build the image and deploy "
                    "it with --image, or write a Procfile (\"web: COMMAND\")");
    }
    return fail(ErrorCode::invalid,
                "nothing here tells how to start it: expected package.json, requirements.txt, "
                "pyproject.toml, app.py, manage.py, composer.json, index.php, Gemfile, config.ru, "
                "index.html, a Procfile (\"web: COMMAND\") or a moln.toml ([process.web])");
}

bool has_start_script(const SourceListing& source) {
    const auto json = parse_json(contents(source, "package.json"), k_manifest_bytes_max);
    if (!json || !json->is_object()) return false;
    const auto* scripts = json->get_object().if_contains("scripts");
    return scripts != nullptr && scripts->is_object() && scripts->get_object().contains("start");
}

// The language of the folder. Many Python, PHP and Ruby apps have a package.json too, for their
// assets; Node.js comes first only if its manifest says how to start.
// Static files need serving only if nothing else is told to run.
enum class StaticFiles { serve, ignore };
Result<std::optional<Finding>> find_language(const SourceListing& source,
                                             const PlatformTools& tools, StaticFiles files) {
    std::vector<Detector> order = {detect_python, detect_php, detect_ruby};
    order.insert(has_start_script(source) ? order.begin() : order.end(), detect_node);
    if (files == StaticFiles::serve) order.push_back(detect_static);
    for (const auto detector : order) {
        MOLN_ASSIGN(auto finding, detector(source, tools));
        if (finding) return finding;
    }
    return std::nullopt;
}

class Detection {
public:
    Detection(const SourceListing& source, const PlatformTools& tools)
        : source_(source), tools_(tools) {}

    Result<Recipe> run() {
        MOLN_TRY(read_app_file());
        MOLN_TRY(read_procfile());
        MOLN_TRY(read_language());
        MOLN_TRY(choose_commands());
        MOLN_ASSIGN(out_.config, apply_app_file(app_file_, std::move(out_.config)));
        return std::move(out_);
    }

private:
    void found(std::string_view what) {
        if (!out_.detected.empty()) out_.detected += ", ";
        out_.detected += what;
    }

    Status read_app_file() {
        if (!source_.has("moln.toml")) return {};
        MOLN_ASSIGN(app_file_, parse_app_file(contents(source_, "moln.toml"), &source_.files));
        out_.name = app_file_.name;
        out_.platform = app_file_.platform;
        return {};
    }

    Status read_procfile() {
        if (!source_.has("Procfile")) return {};
        MOLN_ASSIGN(procfile_, parse_procfile(contents(source_, "Procfile")));
        return {};
    }

    // Whether the files tell all that is to run, so that the language's own start is not wanted. A
    // file that tells of processes, none of them web, describes an app of workers.
    bool web_is_told() const {
        const auto in_procfile = [this](std::string_view name) {
            return std::ranges::find(procfile_, name, &ProcfileEntry::name) != procfile_.end();
        };
        const auto told = [](const auto& part) { return part.second.command.has_value(); };
        const auto web = app_file_.processes.find("web");
        if (in_procfile("web")) return true;
        if (web != app_file_.processes.end()) return told(*web);
        return !procfile_.empty() || std::ranges::any_of(app_file_.processes, told);
    }

    Status read_language() {
        const bool told = web_is_told() || app_file_.site.has_value();
        auto language =
            find_language(source_, tools_, told ? StaticFiles::ignore : StaticFiles::serve);
        if (!language) return fail(language.error());
        if (!*language) {
            if (!told) return nothing_found(source_);
            if (!app_file_.build_command.empty()) add_build_command({});
            return {};
        }
        language_ = std::move(**language);
        found(language_.detected);
        out_.config.env = language_.env;
        out_.warnings = language_.warnings;
        if (app_file_.build_command.empty()) {
            out_.steps = language_.steps;
            for (auto& step : out_.steps) {
                step.env.insert(app_file_.build_env.begin(), app_file_.build_env.end());
            }
        } else {
            add_build_command(language_.env);
        }
        return {};
    }

    void add_build_command(std::map<std::string, std::string> env) {
        for (const auto& [name, value] : app_file_.build_env) env[name] = value;
        out_.steps = {
            {app_file_.build_command, std::move(env), "run [build] command of moln.toml"}};
    }

    Status choose_commands() {
        auto& processes = out_.config.processes;
        if (!procfile_.empty()) found("Procfile");
        if (source_.has("moln.toml")) found("moln.toml");
        for (const auto& entry : procfile_) use_procfile_entry(entry);
        if (web_is_told()) return {};
        // Beside a site only a process that is named runs: what a build needs may look like an app.
        const bool web_is_named = app_file_.processes.contains("web");
        if (app_file_.site && !web_is_named) return {};
        if (language_.site) {
            if (web_is_named) {
                return fail(ErrorCode::invalid,
                            fmt::format("{}: the edge serves them, without a process: take "
                                        "[process.web] out of moln.toml, or give it a command",
                                        language_.detected));
            }
            out_.config.site = language_.site;
            return {};
        }
        if (language_.web_command.empty()) {
            if (language_.detected.empty()) return nothing_found(source_);
            return fail(ErrorCode::invalid,
                        fmt::format("{}: {}", language_.detected, language_.advice));
        }
        processes["web"] = {
            .kind = ProcessKind::web, .command = language_.web_command, .port = k_port_default};
        out_.config.stop_signal = language_.stop_signal;
        auto& warnings = out_.warnings;
        warnings.insert(warnings.end(), language_.start_warnings.begin(),
                        language_.start_warnings.end());
        return {};
    }

    void use_procfile_entry(const ProcfileEntry& entry) {
        const auto part = app_file_.processes.find(entry.name);
        if (part != app_file_.processes.end() && part->second.command) {
            out_.warnings.push_back(
                fmt::format("Procfile:{}: {} is not used: moln.toml has a "
                            "command for it",
                            entry.line, entry.name));
            return;
        }
        if (entry.name == "release") {
            out_.warnings.push_back(
                fmt::format("Procfile:{}: release is not run: put it in "
                            "[build] command of moln.toml, or run it with "
                            "`moln run`",
                            entry.line));
            return;
        }
        const bool web = entry.name == "web";
        out_.config.processes[entry.name] = {.kind = web ? ProcessKind::web : ProcessKind::worker,
                                             .command = {"/bin/sh", "-c", entry.command},
                                             .port = web ? k_port_default : std::uint16_t{0}};
    }

    const SourceListing& source_;
    const PlatformTools& tools_;
    AppFile app_file_;
    std::vector<ProcfileEntry> procfile_;
    Finding language_;
    Recipe out_;
};

}  // namespace

bool is_manifest(std::string_view path) {
    return std::ranges::find(k_manifests, path) != k_manifests.end();
}

std::vector<PlatformProgram> platform_programs() {
    return {k_programs.begin(), k_programs.end()};
}

Result<std::string> wanted_platform(const SourceListing& source) {
    if (!source.has("moln.toml")) return std::string();
    MOLN_ASSIGN(const auto file, parse_app_file(contents(source, "moln.toml"), &source.files));
    return file.platform;
}

std::vector<std::string> named_files(const SourceListing& source) {
    if (!source.has("moln.toml")) return {};
    const auto file = parse_app_file(contents(source, "moln.toml"));
    return file ? named_files(*file) : std::vector<std::string>();
}

Result<Recipe> detect(const SourceListing& source, const PlatformTools& tools) {
    return Detection(source, tools).run();
}

namespace recipe_detail {

Status need(const PlatformTools& tools, std::string_view what,
            std::initializer_list<std::string_view> programs) {
    for (const auto program : programs) {
        if (tools.has(program)) continue;
        const auto known = std::ranges::find(k_programs, program, &PlatformProgram::name);
        const auto package = known == k_programs.end() ? program : known->package;
        return fail(
            ErrorCode::refused,
            fmt::format(
                "{} needs {}, which platform {} does not have: {}", what, program, tools.platform,
                tools.platform == "host"
                    ? fmt::format("install the Debian package {} on the host, or "
                                  "use another platform (`moln platform build "
                                  "debian`)",
                                  package)
                    : fmt::format("use a platform that has the Debian package {}", package)));
    }
    return {};
}

std::vector<std::string> shell_exec(std::string_view text) {
    return {"/bin/sh", "-c", fmt::format("exec {}", text)};
}

std::string first_of(const SourceListing& source, std::initializer_list<std::string_view> names) {
    for (const auto name : names) {
        if (source.has(name)) return std::string(name);
    }
    return "";
}

std::string_view contents(const SourceListing& source, std::string_view path) {
    const auto file = source.files.find(std::string(path));
    return file == source.files.end() ? std::string_view{} : std::string_view(file->second);
}

}  // namespace recipe_detail
}  // namespace moln
