// Node.js: package.json, or a lone server.js.
#include <fmt/format.h>

#include "recipe/language.h"

namespace moln::recipe_detail {
namespace {

const std::map<std::string, std::string> k_build_env = {{"npm_config_cache", "/cache/npm"},
                                                        {"npm_config_update_notifier", "false"},
                                                        {"npm_config_fund", "false"},
                                                        {"npm_config_audit", "false"}};

const json::object* object_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    return value == nullptr ? nullptr : value->if_object();
}

std::string text_at(const json::object* object, std::string_view key) {
    if (object == nullptr) return "";
    const auto* value = object->if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

class Node {
public:
    Node(const SourceListing& source, const PlatformTools& tools, const json::object& package)
        : source_(source),
          tools_(tools),
          package_(package),
          scripts_(object_at(package, "scripts")) {}

    Result<std::optional<Finding>> find() {
        out_.detected = "Node.js (package.json)";
        out_.env = {{"NODE_ENV", "production"},
                    {"PATH", fmt::format("/app/node_modules/.bin:{}", k_path_default)}};
        MOLN_TRY(need(tools_, "a Node.js app", {"node"}));
        MOLN_TRY(plan_steps());
        MOLN_TRY(find_start());
        return std::move(out_);
    }

private:
    bool depends_on(std::string_view name) const {
        for (const auto* kind : {"dependencies", "devDependencies"}) {
            const auto* table = object_at(package_, kind);
            if (table != nullptr && table->contains(name)) return true;
        }
        return false;
    }

    bool has_packages(std::initializer_list<std::string_view> kinds) const {
        for (const auto kind : kinds) {
            const auto* table = object_at(package_, kind);
            if (table != nullptr && !table->empty()) return true;
        }
        return false;
    }

    void step(std::vector<std::string> argv, std::string why) {
        auto env = k_build_env;
        env["PATH"] = out_.env["PATH"];
        out_.steps.push_back({std::move(argv), std::move(env), std::move(why)});
    }

    Status plan_steps() {
        const bool builds = !text_at(scripts_, "build").empty();
        const bool runtime = has_packages({"dependencies", "optionalDependencies"});
        const bool any = runtime || (builds && has_packages({"devDependencies"}));
        const auto lock = first_of(source_, {"package-lock.json", "npm-shrinkwrap.json"});
        if (any || builds) MOLN_TRY(need(tools_, "a Node.js app with packages", {"npm"}));
        if (any) install(lock, builds);
        if (builds) step({"npm", "run", "build"}, "run the build script of package.json");
        if (any && builds) {
            step({"npm", "prune", "--omit=dev"}, "remove the packages that only the build needs");
        }
        return {};
    }

    void install(const std::string& lock, bool with_dev) {
        std::vector<std::string> argv = {"npm", lock.empty() ? "install" : "ci"};
        argv.push_back(with_dev ? "--include=dev" : "--omit=dev");
        step(std::move(argv),
             fmt::format("install the packages of {}", lock.empty() ? "package.json" : lock));
        if (!lock.empty()) return;
        const auto other = first_of(source_, {"yarn.lock", "pnpm-lock.yaml"});
        out_.warnings.push_back(
            other.empty() ? "package-lock.json is missing: each build may install other versions; "
                            "run `npm install` and keep the file it writes"
                          : fmt::format("{} is not obeyed: packages are installed with npm; keep a "
                                        "package-lock.json for the same versions every time",
                                        other));
    }

    Status find_start() {
        const auto start = text_at(scripts_, "start");
        if (!start.empty()) {
            // The script itself rather than `npm start`: one process less between the signal that
            // stops the app and the app. Hooks around it need npm.
            const bool hooks =
                !text_at(scripts_, "prestart").empty() || !text_at(scripts_, "poststart").empty();
            if (hooks) {
                MOLN_TRY(need(tools_, "a start script with hooks", {"npm"}));
                out_.web_command = {"npm", "start"};
            } else {
                out_.web_command = {"/bin/sh", "-c", start};
            }
            return {};
        }
        const auto main = text_at(&package_, "main");
        if (!main.empty() && (main.find('/') != std::string::npos || source_.has(main))) {
            out_.web_command = {"node", main};
            return {};
        }
        const auto file = first_of(
            source_, {"server.js", "app.js", "index.js", "server.mjs", "app.mjs", "index.mjs"});
        if (!file.empty()) {
            out_.web_command = {"node", file};
            return {};
        }
        return built_site();
    }

    // Tools that make static files: what they build is served.
    Status built_site() {
        const auto folder = depends_on("vite")            ? "dist"
                            : depends_on("react-scripts") ? "build"
                                                          : "";
        if (*folder != '\0' && !text_at(scripts_, "build").empty()) {
            out_.site = site_of(folder);
            // As the tools' own servers do: such pages find their way by themselves.
            out_.site->fallback = out_.site->index;
            out_.detected = fmt::format("Node.js (package.json), static files of {}/", folder);
            return {};
        }
        out_.advice =
            "expected a \"start\" script or \"main\" in package.json, or a server.js, "
            "app.js or index.js; found none of them";
        return {};
    }

    const SourceListing& source_;
    const PlatformTools& tools_;
    const json::object& package_;
    const json::object* scripts_;
    Finding out_;
};

}  // namespace

Result<std::optional<Finding>> detect_node(const SourceListing& source,
                                           const PlatformTools& tools) {
    if (source.has("package.json")) {
        const auto package = parse_json(contents(source, "package.json"), k_manifest_bytes_max);
        if (!package) return fail_in("package.json", package.error());
        if (!package->is_object()) {
            return fail(ErrorCode::invalid, "package.json: expected an object");
        }
        return Node(source, tools, package->get_object()).find();
    }
    // A page beside an app.js or index.js is a static site with a script.
    const auto file = source.has("index.html")
                          ? first_of(source, {"server.js", "server.mjs"})
                          : first_of(source, {"server.js", "server.mjs", "app.js", "index.js"});
    if (file.empty()) return std::nullopt;
    MOLN_TRY(need(tools, "a Node.js app", {"node"}));
    Finding out;
    out.detected = fmt::format("Node.js ({})", file);
    out.env = {{"NODE_ENV", "production"}};
    out.web_command = {"node", file};
    return out;
}

}  // namespace moln::recipe_detail
