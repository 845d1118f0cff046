#include "recipe/app_file.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "model/limits.h"
#include "model/quantity.h"
#include "model/route.h"
#include "model/validate.h"
#include "recipe/table_reader.h"
#include "recipe/toml_tree.h"

namespace moln {
namespace {

bool is_pem(std::string_view text) {
    return text.find("-----BEGIN") != std::string_view::npos;
}

class AppFileReader {
public:
    AppFileReader(std::string_view file, const std::map<std::string, std::string>* beside)
        : beside_(beside), problems_(file) {
        out_.file = file;
    }

    Result<AppFile> read(const TomlValue& root) {
        TableReader top(root, "", problems_);
        out_.name = top.text("name").value_or("");
        if (top.has("name") && !problems_.has(top.line("name"), "name")) {
            problems_.take(top.line("name"), "name", validate_name(out_.name));
        }
        out_.platform = top.text("platform").value_or("");
        out_.stop_signal = top.text("stop_signal");
        place("stop_signal", "stop_signal", top.line("stop_signal"));
        if (const auto* table = top.table("build")) read_build(*table);
        if (const auto* table = top.table("process")) read_processes(*table);
        if (const auto* table = top.table("site")) read_site(*table);
        if (const auto* table = top.table("health")) read_health(*table);
        for (const auto* table : top.tables("route")) read_route(*table);
        if (const auto* table = top.table("env")) {
            out_.env = read_env(*table, "env");
            place("env", "env", table->line);
        }
        for (const auto* table : top.tables("volume")) read_volume(*table);
        if (const auto* table = top.table("drain")) read_drain(*table);
        const auto before = problems_.size();
        top.refuse_unknown();
        if (problems_.size() > before) broken_.insert("");
        check_pieces();
        MOLN_TRY(problems_.status());
        return std::move(out_);
    }

private:
    void place(std::string field, std::string name, int line) {
        out_.places[std::move(field)] = {std::move(name), line};
    }

    // Notes where every key of a table was written, under the configuration's own names.
    void place_keys(const TableReader& table, const std::string& field,
                    std::initializer_list<std::pair<std::string_view, std::string_view>> renamed) {
        place(field, table.name(), table.own_line());
        for (const auto& entry : table.entries()) {
            std::string_view key = entry.key;
            for (const auto& [written, own] : renamed) {
                if (written == key) key = own;
            }
            place(fmt::format("{}.{}", field, key), table.name_of(entry.key), entry.line);
        }
    }

    void read_build(const TomlValue& value) {
        TableReader table(value, "build", problems_);
        out_.build_command = table.command("command").value_or(std::vector<std::string>{});
        if (const auto* env = table.table("env")) out_.build_env = read_env(*env, "build.env");
        table.refuse_unknown();
    }

    void read_processes(const TomlValue& value) {
        const TableReader all(value, "process", problems_);
        for (const auto& entry : all.entries()) {
            const auto name = "process." + entry.key;
            const auto before = problems_.size();
            if (auto good = validate_name(entry.key); !good) {
                problems_.take(entry.line, name, good);
            } else if (entry.value.table() == nullptr) {
                problems_.add(entry.line, name, "expected a table", &entry.value);
            } else {
                read_process(entry.key, TableReader(entry.value, name, problems_));
            }
            if (problems_.size() > before) broken_.insert("processes." + entry.key);
        }
    }

    void read_process(const std::string& name, TableReader table) {
        auto& part = out_.processes[name];
        part.command = table.command("command");
        part.schedule = table.text("schedule");
        part.instances = table.whole("instances", 0, k_instances_per_process_max);
        part.memory = table.size("memory");
        part.cpu_millis = table.thousandths("cpu");
        part.pids = table.whole("pids", 1, k_pids_max);
        if (const auto port = table.whole("port", 1, 65'535)) {
            part.port = static_cast<std::uint16_t>(*port);
        }
        part.concurrency = table.whole("concurrency", 0, k_concurrency_max);
        part.queue = table.whole("queue", 0, k_queue_max);
        part.queue_time = table.duration("queue_time");
        part.protocol = table.word<WebProtocol>("protocol");
        part.balance = table.parsed("balance", parse_balance);
        part.affinity = table.flag("affinity");
        part.slow_start = table.duration("slow_start");
        part.replay = table.size("replay");
        part.retry = table.word<RetryMode>("retry");
        part.answer_timeout = table.duration("answer_timeout");
        table.refuse_unknown({"build", "drain", "env", "health", "route", "site", "volume"});
        place_keys(table, "processes." + name, {{"cpu", "cpu_millis"}});
    }

    // `[site]` is enough.
    void read_site(const TomlValue& value) {
        TableReader table(value, "site", problems_);
        SiteSpec site{.not_found = "404.html", .fallback = ""};
        site.folder = table.text("folder").value_or(site.folder);
        site.index = table.text("index").value_or(site.index);
        site.not_found = table.text("not_found").value_or(site.not_found);
        site.fallback = table.text("fallback").value_or(site.fallback);
        while (site.folder.size() > 1 && site.folder.ends_with('/')) site.folder.pop_back();
        table.refuse_unknown();
        place_keys(table, "site", {});
        out_.site = std::move(site);
    }

    void read_health(const TomlValue& value) {
        TableReader table(value, "health", problems_);
        HealthSpec health;
        const auto path = table.text("path");
        const auto tcp = table.flag("tcp");
        if (path) {
            health.kind = HealthKind::http;
            health.path = *path;
        }
        if (path && tcp.value_or(false)) {
            problems_.add(table.line("tcp"), "health.tcp",
                          "expected either path or tcp, found both");
        }
        if (!path && tcp == false) {
            problems_.add(table.line("tcp"), "health.tcp", "expected a path when tcp is false");
        }
        health.interval = table.duration("interval").value_or(health.interval);
        health.timeout = table.duration("timeout").value_or(health.timeout);
        health.start_grace = table.duration("grace").value_or(health.start_grace);
        health.unhealthy_after = table.whole("unhealthy_after", 1, 100).value_or(3);
        table.refuse_unknown();
        place_keys(table, "health", {{"grace", "start_grace"}});
        out_.health = health;
    }

    // `cache = {}` is enough.
    std::optional<CacheSpec> read_cache(TableReader& route) {
        const auto* value = route.table("cache", "{} or { ttl = \"60s\" }");
        if (value == nullptr) return std::nullopt;
        TableReader table(*value, "route.cache", problems_);
        CacheSpec cache;
        cache.ttl = table.duration("ttl").value_or(cache.ttl);
        cache.stale_while_revalidate =
            table.duration("stale_while_revalidate").value_or(cache.stale_while_revalidate);
        cache.stale_if_error = table.duration("stale_if_error").value_or(cache.stale_if_error);
        cache.compress = table.flag("compress").value_or(cache.compress);
        table.refuse_unknown();
        return cache;
    }

    // `rate_limit = "20/s"` is of each client.
    std::optional<RateSpec> read_rate(TableReader& route) {
        constexpr std::string_view k_key = "rate_limit";
        if (!route.has(k_key)) return std::nullopt;
        if (!route.peek_text(k_key).empty()) {
            return RateSpec{.client = route.parsed(k_key, parse_rate), .route = std::nullopt};
        }
        const auto* value = route.table(k_key, "{ client = \"20/s\" }, or text such as \"20/s\"");
        if (value == nullptr) return std::nullopt;
        TableReader table(*value, "route.rate_limit", problems_);
        RateSpec rate;
        rate.client = table.parsed("client", parse_rate);
        rate.route = table.parsed("route", parse_rate);
        table.refuse_unknown();
        return rate;
    }

    std::optional<AuthSpec> read_auth(TableReader& route) {
        const auto* value = route.table("auth", "{ users = [\"alice:$y$…\"] }");
        if (value == nullptr) return std::nullopt;
        TableReader table(*value, "route.auth", problems_);
        AuthSpec auth;
        auth.users = table.texts("users");
        auth.realm = table.text("realm").value_or(auth.realm);
        table.refuse_unknown();
        return auth;
    }

    std::optional<ForwardAuthSpec> read_forward_auth(TableReader& route) {
        const auto* value =
            route.table("forward_auth", "{ process = \"auth\", path = \"/check\" }");
        if (value == nullptr) return std::nullopt;
        TableReader table(*value, "route.forward_auth", problems_);
        ForwardAuthSpec auth;
        auth.process = table.text("process").value_or(auth.process);
        auth.path = table.text("path").value_or("");
        auth.copy = table.texts("copy");
        table.refuse_unknown();
        return auth;
    }

    // `ca` is the text itself or the name of a file.
    std::optional<ClientCertSpec> read_client_cert(TableReader& route) {
        const auto* value = route.table("client_cert", "{ ca = \"ca.pem\" }");
        if (value == nullptr) return std::nullopt;
        TableReader table(*value, "route.client_cert", problems_);
        ClientCertSpec spec;
        spec.ca = table.text("ca").value_or("");
        spec.need = table.word<ClientCertNeed>("need").value_or(spec.need);
        const bool inside = spec.ca.find('/') == std::string::npos && !spec.ca.starts_with('.');
        if (!is_pem(spec.ca) && (spec.ca.empty() || !inside)) {
            problems_.add(table.line("ca"), "route.client_cert.ca",
                          "expected the name of a file beside moln.toml, such as \"ca.pem\", or "
                          "its text",
                          value->find("ca"));
        } else if (!is_pem(spec.ca)) {
            take_file(table.line("ca"), "route.client_cert.ca", spec.ca);
        }
        table.refuse_unknown();
        return spec;
    }

    // The text of a file beside this one in place of its name.
    void take_file(int line, std::string_view field, std::string& name) {
        if (beside_ == nullptr) return;
        const auto found = beside_->find(name);
        if (found != beside_->end()) {
            name = found->second;
        } else {
            problems_.add(line, field,
                          fmt::format("there is no file {} beside {}: put it there, or its text in "
                                      "place of its name",
                                      name, out_.file));
        }
    }

    void read_route(const TomlValue& value) {
        const auto before = problems_.size();
        TableReader table(value, "route", problems_);
        const auto hosts = table.texts("host");
        RouteSpec route;
        route.listen = table.text("listen").value_or("");
        if (!table.has("host") && !is_stream(route)) {
            problems_.add(table.own_line(), "route", "expected a host or a listen, found none");
        }
        if (hosts.empty() && table.has("host") && problems_.size() == before) {
            problems_.add(table.line("host"), "route.host",
                          "expected at least one host, found none");
        }
        route.path = table.text("path").value_or(route.path);
        route.process = table.text("process").value_or(route.process);
        route.https = table.word<Https>("https").value_or(route.https);
        route.hsts = table.duration("hsts").value_or(route.hsts);
        if (const auto port = table.whole("port", 1, 65'535)) {
            route.port = static_cast<std::uint16_t>(*port);
        }
        route.accept_proxy = table.flag("accept_proxy").value_or(false);
        route.send_proxy = table.word<SendProxy>("send_proxy").value_or(route.send_proxy);
        route.idle = table.duration("idle").value_or(route.idle);
        route.keep_source = table.flag("keep_source").value_or(false);
        route.cache = read_cache(table);
        route.rate = read_rate(table);
        route.auth = read_auth(table);
        route.forward_auth = read_forward_auth(table);
        route.client_cert = read_client_cert(table);
        table.refuse_unknown();
        const auto everyone = std::vector<std::string>{"*"};
        for (const auto& host : table.has("host") ? hosts : everyone) {
            place_keys(table, fmt::format("routes.{}", out_.routes.size()),
                       {{"rate_limit", "rate"}});
            if (problems_.size() > before) {
                broken_.insert(fmt::format("routes.{}", out_.routes.size()));
            }
            route.host = host;
            out_.routes.push_back(route);
        }
    }

    void read_volume(const TomlValue& value) {
        const auto before = problems_.size();
        TableReader table(value, "volume", problems_);
        VolumeSpec volume;
        volume.path = table.text("path").value_or("");
        volume.name = table.text("name").value_or("");
        for (const auto* key : {"name", "path"}) {
            if (!table.has(key)) {
                problems_.add(table.own_line(), "volume",
                              fmt::format("expected a {}, found none", key));
            }
        }
        if (volume.path == "/app") {
            problems_.add(table.line("path"), "volume.path",
                          "expected a folder that does not hide the app's own files, such as "
                          "\"/app/data\" or \"/data\", found \"/app\"");
        }
        volume.lifetime = table.word<Lifetime>("lifetime").value_or(volume.lifetime);
        volume.sharing = table.word<Sharing>("sharing").value_or(volume.sharing);
        volume.size = table.size("size").value_or(volume.size);
        volume.processes = table.texts("processes");
        table.refuse_unknown();
        const auto field = fmt::format("volumes.{}", out_.volumes.size());
        place_keys(table, field, {});
        if (problems_.size() > before) broken_.insert(field);
        out_.volumes.push_back(std::move(volume));
    }

    void read_drain(const TomlValue& value) {
        TableReader table(value, "drain", problems_);
        if (table.peek_text("limit") == "until done") {
            table.text("limit");
        } else {
            out_.drain.limit = table.duration("limit", "\"until done\" or a duration");
        }
        table.refuse_unknown();
        place_keys(table, "drain", {});
    }

    std::map<std::string, std::string> read_env(const TomlValue& value, const std::string& name) {
        TableReader table(value, name, problems_);
        std::map<std::string, std::string> env;
        for (const auto& entry : table.entries()) {
            const auto where = fmt::format("{}.{}", name, entry.key);
            const auto good_name = validate_env_name(entry.key);
            problems_.take(entry.line, where, good_name);
            const auto text = table.scalar_as_text(entry.key);
            if (!text) continue;
            const auto good_value = validate_env_value(*text);
            problems_.take(entry.line, where, good_value);
            if (good_name && good_value) env[entry.key] = *text;
        }
        return env;
    }

    // Whatever is wrong without knowing what detection will add, found by the same validation
    // that sees the whole later: commands that may still come are filled in, and what they decide
    // is left to apply_app_file(). A table in which something was not understood is looked at by
    // itself, so that nothing is told of it that may only follow from that.
    void check_pieces() {
        auto config = merge(out_, {});
        if (!out_.site) config.processes["web"].kind = ProcessKind::web;
        for (auto& [name, process] : config.processes) {
            if (process.command.empty()) process.command = {"to-be-detected"};
            if (process.kind == ProcessKind::web && process.port == 0) {
                process.port = k_port_default;
            }
        }
        std::vector<Problem> found;
        const auto tell = [&](const Problem& problem, const Places& places) {
            found.push_back(placed(problem, places));
        };
        const auto routes = take_broken(config.routes, "routes");
        const auto volumes = take_broken(config.volumes, "volumes");
        for (const auto& problem : find_problems(config)) {
            tell(problem, {{"routes", routes.clean}, {"volumes", volumes.clean}});
        }
        for (std::size_t i = 0; i < routes.broken.size(); ++i) {
            const Places places = {{"routes", {routes.broken_at[i]}}};
            for (auto problem : find_problems(routes.broken[i])) {
                problem.field = "routes.0." + problem.field;
                tell(problem, places);
            }
        }
        for (std::size_t i = 0; i < volumes.broken.size(); ++i) {
            AppConfig alone{.volumes = {volumes.broken[i]}, .site = SiteSpec{.folder = "public"}};
            for (const auto& problem : find_problems(alone)) {
                tell(problem, {{"volumes", {volumes.broken_at[i]}}});
            }
        }
        std::erase_if(found, [&](const Problem& problem) {
            return !is_decided(problem) || follows(problem);
        });
        tell_writers();
        for (const auto& problem : found) problems_.add(problem, out_.places);
    }

    // Those of an exclusive volume, if there are too many already: they do not become fewer by what
    // detection adds, nor by what was meant by a key that is not understood.
    void tell_writers() {
        const auto is_volume = [](const auto& table) { return table.starts_with("volumes."); };
        if (std::ranges::any_of(broken_, is_volume)) return;
        auto declared = merge(out_, {});
        for (const auto& [name, part] : out_.processes) {
            if (!part.instances && broken_.contains("processes." + name)) {
                declared.processes.erase(name);
            }
        }
        for (const auto& problem : find_problems(declared)) {
            if (problem.field.ends_with(".sharing")) problems_.add(problem, out_.places);
        }
    }

    // Which of the tables of the file a list of the configuration looked at is made of.
    using Places = std::map<std::string_view, std::vector<std::size_t>>;

    template <typename T>
    struct Parted {
        std::vector<std::size_t> clean;
        std::vector<T> broken;
        std::vector<std::size_t> broken_at;
    };

    template <typename T>
    Parted<T> take_broken(std::vector<T>& all, std::string_view list) const {
        Parted<T> parted;
        std::vector<T> clean;
        for (std::size_t i = 0; i < all.size(); ++i) {
            const bool broken = broken_.contains(fmt::format("{}.{}", list, i));
            (broken ? parted.broken : clean).push_back(std::move(all[i]));
            (broken ? parted.broken_at : parted.clean).push_back(i);
        }
        all = std::move(clean);
        return parted;
    }

    static Problem placed(Problem problem, const Places& places) {
        const auto dot = problem.field.find('.');
        const auto found = places.find(std::string_view(problem.field).substr(0, dot));
        if (found == places.end() || dot == std::string::npos) return problem;
        const auto end = problem.field.find('.', dot + 1);
        const auto at = found->second.at(std::stoul(problem.field.substr(dot + 1)));
        const auto rest = end == std::string::npos ? "" : problem.field.substr(end);
        problem.field = fmt::format("{}.{}{}", found->first, at, rest);
        return problem;
    }

    // Whatever detection finds does not change it. It makes web processes of no name but these.
    bool is_decided(const Problem& problem) const {
        const std::string_view field = problem.field;
        if (field.starts_with("routes.") && field.ends_with(".process")) {
            const auto& route = out_.routes.at(std::stoul(problem.field.substr(7)));
            return route.process != "web" && route.process != k_site_process;
        }
        return !field.ends_with(".processes") && !field.ends_with(".sharing") &&
               (beside_ != nullptr || !field.ends_with(".client_cert.ca"));
    }

    // May it be there only because something else was not understood?
    bool follows(const Problem& problem) const {
        const std::string_view field = problem.field;
        if (is_of_broken_process(problem)) return true;
        const auto table_end = field.find('.', field.find('.') + 1);
        const auto table = std::string(field.substr(0, table_end));
        const bool whole = table_end == std::string_view::npos;
        const auto key = std::string(field.substr(0, field.find('.', whole ? 0 : table_end + 1)));
        const auto place = out_.places.find(whole ? table : key);
        if (place != out_.places.end() && problems_.has(place->second.line, place->second.name)) {
            return true;
        }
        if (!broken_.contains(table)) return false;
        // A key that would make it right may be the one that is misspelt.
        return place == out_.places.end() || problem.message.starts_with("expected none");
    }

    // A route that leads to, or asks, a process of which nobody can tell what it would be.
    bool is_of_broken_process(const Problem& problem) const {
        if (!problem.field.starts_with("routes.")) return false;
        const auto at = problem.field.find_first_of("0123456789");
        if (at == std::string::npos) return false;
        const auto& route = out_.routes.at(std::stoul(problem.field.substr(at)));
        std::string process;
        if (problem.field.ends_with(".process")) {
            process = route.process;
        } else if (problem.message.starts_with("process: ") && route.forward_auth) {
            process = route.forward_auth->process;
        }
        return !process.empty() &&
               (broken_.contains("") || broken_.contains("processes." + process));
    }

public:
    static AppConfig merge(const AppFile& file, AppConfig base) {
        for (const auto& [name, part] : file.processes) merge_process(name, part, base);
        if (file.site) base.site = *file.site;
        if (file.health) base.health = *file.health;
        base.routes.insert(base.routes.end(), file.routes.begin(), file.routes.end());
        for (const auto& [name, value] : file.env) base.env[name] = value;
        base.volumes = file.volumes;
        base.drain = file.drain;
        if (file.stop_signal) base.stop_signal = *file.stop_signal;
        return base;
    }

private:
    static void merge_process(const std::string& name, const ProcessPart& part, AppConfig& base) {
        auto& process = base.processes[name];
        if (part.command) process.command = *part.command;
        if (part.schedule) process.schedule = *part.schedule;
        if (part.instances) process.instances = *part.instances;
        if (part.memory) process.memory = *part.memory;
        if (part.cpu_millis) process.cpu_millis = *part.cpu_millis;
        if (part.pids) process.pids = *part.pids;
        if (part.port) process.port = *part.port;
        if (part.concurrency) process.concurrency = *part.concurrency;
        if (part.queue) process.queue = *part.queue;
        if (part.queue_time) process.queue_time = *part.queue_time;
        if (part.protocol) process.protocol = *part.protocol;
        if (part.balance) process.balance = *part.balance;
        if (part.affinity) process.affinity = *part.affinity;
        if (part.slow_start) process.slow_start = *part.slow_start;
        if (part.replay) process.replay = *part.replay;
        if (part.retry) process.retry = *part.retry;
        if (part.answer_timeout) process.answer_timeout = *part.answer_timeout;
        if (part.schedule) {
            process.kind = ProcessKind::cron;
        } else if (name == "web" || part.port) {
            process.kind = ProcessKind::web;
        }
        if (process.kind == ProcessKind::web && process.port == 0) process.port = k_port_default;
    }

    AppFile out_;
    const std::map<std::string, std::string>* beside_;
    FileProblems problems_;
    std::set<std::string> broken_;  // tables in which something was not understood: "routes.3"
};

}  // namespace

Result<AppFile> parse_app_file(std::string_view text,
                               const std::map<std::string, std::string>* beside,
                               std::string_view file) {
    MOLN_ASSIGN(const auto root, parse_toml(text, file, k_app_file_bytes_max));
    return AppFileReader(file, beside).read(root);
}

std::vector<std::string> named_files(const AppFile& file) {
    std::set<std::string> names;
    for (const auto& route : file.routes) {
        if (route.client_cert && !is_pem(route.client_cert->ca)) {
            names.insert(route.client_cert->ca);
        }
    }
    return {names.begin(), names.end()};
}

Result<AppConfig> apply_app_file(const AppFile& file, AppConfig base) {
    auto config = AppFileReader::merge(file, std::move(base));
    FileProblems problems(file.file);
    for (const auto& problem : find_problems(config)) problems.add(problem, file.places);
    MOLN_TRY(problems.status());
    return config;
}

}  // namespace moln
