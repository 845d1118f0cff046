// Python: requirements.txt, pyproject.toml, manage.py (Django), or a lone app.py.
#include <algorithm>

#include <fmt/format.h>

#include "recipe/language.h"
#include "recipe/toml_tree.h"

namespace moln::recipe_detail {
namespace {

constexpr std::string_view k_venv = "/app/.moln/venv";

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The package of "Flask[async]>=2; python_version > '3'": "flask". "" for comments and options.
std::string package_name(std::string_view line) {
    std::string name;
    for (const char c : line.substr(std::min(line.find_first_not_of(" \t"), line.size()))) {
        if (!is_word(c) && c != '-' && c != '.') break;
        name += c == '_' ? '-' : lower(c);
    }
    return name;
}

// The name that `module` gives the object made by `call`: "app" of "app = Flask(__name__)".
std::string assigned_to(std::string_view module, std::string_view call) {
    for (auto at = module.find(call); at != std::string_view::npos;
         at = module.find(call, at + 1)) {
        auto before = module.substr(0, at);
        const auto skip = [&before](std::string_view chars) {
            const auto last = before.find_last_not_of(chars);
            before = before.substr(0, last == std::string_view::npos ? 0 : last + 1);
        };
        skip(" \t");
        if (!before.ends_with('=')) continue;
        before.remove_suffix(1);
        skip(" \t");
        std::size_t begin = before.size();
        while (begin > 0 && is_word(before[begin - 1])) --begin;
        if (begin < before.size()) return std::string(before.substr(begin));
    }
    return "";
}

std::string without_py(std::string_view file) {
    return std::string(file.substr(0, file.size() - 3));
}

class Python {
public:
    Python(const SourceListing& source, const PlatformTools& tools)
        : source_(source), tools_(tools) {}

    Result<std::optional<Finding>> find() {
        const auto manifest = first_of(source_, {"requirements.txt", "pyproject.toml", "setup.py"});
        file_ = first_of(source_, {"app.py", "main.py", "server.py", "run.py"});
        const auto marker = !manifest.empty()
                                ? manifest
                                : first_of(source_, {"manage.py", "wsgi.py", "asgi.py", "app.py",
                                                     "main.py", "server.py", "run.py"});
        if (marker.empty()) return std::nullopt;
        MOLN_TRY(need(tools_, "a Python app", {"python3"}));
        out_.detected = fmt::format("Python ({})", marker);
        out_.env = {{"PYTHONUNBUFFERED", "1"}};
        MOLN_TRY(plan_steps());
        find_start();
        return std::move(out_);
    }

private:
    Status plan_steps() {
        std::vector<std::string> install;
        std::string from;
        read_requirements();
        MOLN_ASSIGN(const bool project, read_project());
        if (!packages_.empty() && source_.has("requirements.txt")) {
            install = {"-r", "requirements.txt"};
            from = "requirements.txt";
        } else if (project) {
            install = {"."};
            from = "pyproject.toml";
        } else if (source_.has("Pipfile") && packages_.empty()) {
            out_.warnings.push_back(
                "Pipfile is not read: write its packages to a requirements.txt");
        }
        if (install.empty()) return {};
        MOLN_TRY(need(tools_, "a Python app with packages", {"ensurepip"}));
        out_.env["VIRTUAL_ENV"] = k_venv;
        out_.env["PATH"] = fmt::format("{}/bin:{}", k_venv, k_path_default);
        // What the platform's own packages provide is taken from there.
        out_.steps.push_back(
            {{"python3", "-m", "venv", "--clear", "--system-site-packages", std::string(k_venv)},
             {},
             "make a virtual environment"});
        std::vector<std::string> argv = {fmt::format("{}/bin/pip", k_venv), "install", "--no-input",
                                         "--disable-pip-version-check"};
        argv.insert(argv.end(), install.begin(), install.end());
        out_.steps.push_back({std::move(argv),
                              {{"PIP_CACHE_DIR", "/cache/pip"}, {"PATH", out_.env["PATH"]}},
                              fmt::format("install the packages of {}", from)});
        return {};
    }

    void read_requirements() {
        auto text = contents(source_, "requirements.txt");
        while (!text.empty()) {
            const auto end = std::min(text.find('\n'), text.size());
            const auto line = text.substr(0, end);
            // "-r other.txt", "--index-url …": pip must look, whatever it finds.
            auto name = line.starts_with('-') ? std::string("-") : package_name(line);
            if (!name.empty()) packages_.push_back(std::move(name));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
    }

    // Whether pyproject.toml describes a project to install, with its dependencies noted.
    Result<bool> read_project() {
        if (!source_.has("pyproject.toml")) return false;
        MOLN_ASSIGN(const auto root, parse_toml(contents(source_, "pyproject.toml"),
                                                "pyproject.toml", k_manifest_bytes_max));
        const auto* project = root.find("project");
        if (project == nullptr) return false;
        const auto* dependencies = project->find("dependencies");
        if (dependencies != nullptr && dependencies->list() != nullptr) {
            for (const auto& item : *dependencies->list()) {
                if (item.text() != nullptr) packages_.push_back(package_name(*item.text()));
            }
        }
        return true;
    }

    bool uses(std::string_view package) const {
        return std::ranges::find(packages_, package) != packages_.end();
    }

    void start_with(std::string_view text) { out_.web_command = shell_exec(text); }

    void find_start() {
        if (source_.has("manage.py") && start_django()) return;
        for (const auto* module : {"wsgi.py", "asgi.py", "app.py", "main.py", "server.py"}) {
            if (source_.has(module) && start_server(module)) return;
        }
        if (!file_.empty()) {
            out_.web_command = {"python3", file_};
            return;
        }
        out_.advice =
            "expected a manage.py, wsgi.py, app.py, main.py, server.py or run.py that "
            "starts it, or a Procfile (\"web: COMMAND\"); found none of them";
    }

    bool start_django() {
        // os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')
        const auto text = contents(source_, "manage.py");
        const auto key = text.find("DJANGO_SETTINGS_MODULE");
        if (key == std::string_view::npos) return false;
        auto rest = text.substr(key + std::string_view("DJANGO_SETTINGS_MODULE").size());
        rest.remove_prefix(std::min(rest.find(','), rest.size()));
        const auto begin = rest.find_first_of("'\"");
        if (begin == std::string_view::npos) return false;
        rest.remove_prefix(begin + 1);
        const auto module = rest.substr(0, rest.find('.'));
        if (module.empty() || !std::ranges::all_of(module, is_word)) return false;
        out_.detected = fmt::format("{}, Django", out_.detected);
        if (uses("gunicorn")) {
            start_with(fmt::format("python3 -m gunicorn --bind \"0.0.0.0:$PORT\" {}.wsgi", module));
        } else {
            start_with("python3 manage.py runserver \"0.0.0.0:$PORT\" --noreload");
            out_.stop_signal = "SIGINT";  // the one that it handles
            out_.start_warnings.push_back(
                "this runs Django's development server: add gunicorn to "
                "the requirements for real use");
        }
        return true;
    }

    bool start_server(std::string_view module) {
        const auto text = contents(source_, module);
        const auto name = without_py(module);
        const auto asgi = assigned_to(text, "FastAPI(") + assigned_to(text, "Starlette(");
        if (!asgi.empty() && uses("uvicorn")) {
            start_with(fmt::format("python3 -m uvicorn --host 0.0.0.0 --port \"$PORT\" {}:{}", name,
                                   asgi));
            return true;
        }
        const auto flask = assigned_to(text, "Flask(");
        const auto wsgi = !flask.empty()        ? flask
                          : module == "wsgi.py" ? wsgi_name(text)
                                                : assigned_to(text, "get_wsgi_application(");
        if (wsgi.empty()) return false;
        if (uses("gunicorn")) {
            start_with(
                fmt::format("python3 -m gunicorn --bind \"0.0.0.0:$PORT\" {}:{}", name, wsgi));
            return true;
        }
        if (flask.empty() || text.find(".run(") != std::string_view::npos) return false;
        start_with(
            fmt::format("python3 -m flask --app {} run --host 0.0.0.0 --port \"$PORT\"", name));
        out_.stop_signal = "SIGINT";  // the one that it handles
        out_.start_warnings.push_back(
            "this runs Flask's development server: add gunicorn to the "
            "requirements for real use");
        return true;
    }

    static std::string wsgi_name(std::string_view text) {
        for (const auto* name : {"application", "app"}) {
            if (text.find(name) != std::string_view::npos) return name;
        }
        return "";
    }

    const SourceListing& source_;
    const PlatformTools& tools_;
    std::vector<std::string> packages_;
    std::string file_;
    Finding out_;
};

}  // namespace

Result<std::optional<Finding>> detect_python(const SourceListing& source,
                                             const PlatformTools& tools) {
    return Python(source, tools).find();
}

}  // namespace moln::recipe_detail
