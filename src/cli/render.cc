#include "cli/render.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "model/words.h"

namespace moln::cli {
namespace {

std::string spaced(std::string_view word) {
    std::string out(word);
    std::ranges::replace(out, '_', ' ');
    return out;
}

Cell state_cell(AppState state) {
    const auto word = std::string(enum_word(state));
    switch (state) {
        case AppState::running: return {word, Colour::good};
        case AppState::switching:
        case AppState::canary:
        case AppState::maintenance:
        case AppState::degraded: return {word, Colour::warning};
        case AppState::failed: return {word, Colour::bad};
        case AppState::empty:
        case AppState::stopped: break;
    }
    return {word, Colour::dim};
}

enum class Beside { no, canary };

Cell state_cell(InstanceState state, Beside beside) {
    auto word = spaced(enum_word(state));
    if (beside == Beside::canary) word += " (canary)";
    switch (state) {
        case InstanceState::running: return {word, Colour::good};
        case InstanceState::preparing:
        case InstanceState::starting:
        case InstanceState::draining:
        case InstanceState::stopping: return {word, Colour::warning};
        case InstanceState::unhealthy:
        case InstanceState::backing_off:
        case InstanceState::failed: return {word, Colour::bad};
        case InstanceState::ended: break;
    }
    return {word, Colour::dim};
}

// "2/2", "2/2 + canary 1/2".
std::string ready_words(const ProcessView& process) {
    auto words = fmt::format("{}/{}", process.ready, process.wanted);
    if (process.canary_wanted == 0 && process.canary_ready == 0) return words;
    return words + fmt::format(" + canary {}/{}", process.canary_ready, process.canary_wanted);
}

std::string process_counts(const AppView& view) {
    std::vector<std::string> words;
    for (const auto& process : view.processes) {
        if (process.kind == ProcessKind::cron) continue;
        words.push_back(fmt::format("{} {}", process.name, ready_words(process)));
    }
    if (view.site) words.push_back("site by the edge");
    return joined(words, ", ");
}

// One for a browser, if there is one.
std::string first_url(const AppView& view) {
    const auto http = std::ranges::find_if(
        view.urls, [](const std::string& url) { return url.starts_with("http"); });
    if (http != view.urls.end()) return *http;
    return view.urls.empty() ? "" : view.urls.front();
}

// What its canary gets.
std::string canary_words(const CanarySpec& canary) {
    std::vector<std::string> words;
    if (canary.share != 0) words.push_back(fmt::format("{} % of the clients", canary.share));
    if (!canary.header.empty()) words.push_back("requests with " + canary.header);
    if (!canary.cookie.empty()) words.push_back("requests with the cookie " + canary.cookie);
    if (canary.mirror != 0) {
        words.push_back(fmt::format("a copy of {} % of the others", canary.mirror));
    }
    return words.empty() ? "nothing" : joined(words, ", ");
}

std::string number_or_dash(std::int64_t number) {
    return number == 0 ? "-" : std::to_string(number);
}

// Share of the requests that the cache could have answered; "-" before the first.
std::string hit_share(const EdgeCacheReport& cache) {
    const auto asked = cache.hits_total + cache.misses_total + cache.collapsed_total;
    return asked == 0 ? "-" : fmt::format("{} %", cache.hits_total * 100 / asked);
}

bool is_there(const CertificateView& view) {
    return view.state == CertificateState::valid || view.state == CertificateState::ended;
}

// What the authority said, and when it is asked again.
std::string trouble_words(const std::string& trouble, Milliseconds retry_in) {
    if (retry_in.count <= 0) return trouble;
    return fmt::format("{}; tried again in {}", trouble, duration_words(retry_in));
}

// A certificate may be of a hundred hosts; `cert show` and --json have all.
std::string some_of(const std::vector<std::string>& all) {
    constexpr std::size_t k_shown = 3;
    if (all.size() <= k_shown + 1) return joined(all, ", ");
    return fmt::format("{} and {} more", joined({all.begin(), all.begin() + k_shown}, ", "),
                       all.size() - k_shown);
}

Cell ends_cell(const CertificateView& view) {
    if (!is_there(view)) {
        return {std::string(enum_word(view.state)),
                view.state == CertificateState::ordered ? Colour::dim : Colour::warning};
    }
    if (view.expires_in.count <= 0) return {"has ended", Colour::bad};
    return {duration_words(view.expires_in),
            view.expires_in <= days(14) ? Colour::warning : Colour::plain};
}

}  // namespace

std::string milliseconds_words(std::optional<std::int64_t> us) {
    if (!us) return "-";
    if (*us < 1000) return fmt::format("{} µs", *us);
    if (*us < 1'000'000) return fmt::format("{} ms", *us / 1000);
    return fmt::format("{} s", *us / 1'000'000);
}

std::string nothing(const Style& style, std::string_view text) {
    return paint(style, Colour::dim, text) + "\n";
}

std::string short_app(const AppId& id) {
    constexpr std::string_view k_default = "default/";
    return id.text.starts_with(k_default) ? id.text.substr(k_default.size()) : id.text;
}

std::string render_status(const StatusView& view, const Style& style) {
    const auto& counts = view.counts;
    std::string edge = "not connected";
    if (view.edge.connected) {
        edge = view.edge.listens.empty() ? "connected"
                                         : "listens on " + joined(view.edge.listens, ", ");
        if (!view.edge.tls_listens.empty()) {
            edge += ", TLS on " + joined(view.edge.tls_listens, ", ");
        }
    }
    std::string out;
    const auto row = [&](std::string_view name, const std::string& text) {
        out += fmt::format("{:<11}{}\n", name, text);
    };
    row("node",
        fmt::format("{}, moln {}, up {}", view.node, view.version, duration_words(view.uptime)));
    row("machine",
        fmt::format("{} memory, {:g} cores, {} free for data", size_words(view.memory),
                    static_cast<double>(view.cpu_millis) / 1000, size_words(view.disk_free)));
    row("edge", paint(style, view.edge.connected ? Colour::good : Colour::bad, edge));
    for (const auto& one : view.edge.leaving) {
        std::vector<std::string> open;
        if (one.requests_open > 0) open.push_back(count_words(one.requests_open, "request"));
        if (one.tunnels_open > 0) open.push_back(count_words(one.tunnels_open, "connection"));
        if (!open.empty()) open.push_back("oldest " + duration_words(one.oldest_open));
        if (open.empty()) open.emplace_back("what it has begun");
        const auto text =
            fmt::format("process {} was replaced and finishes {}", one.pid, joined(open, ", "));
        row("", text);
    }
    row("apps", std::to_string(counts.apps));
    auto instances = fmt::format("{} of {} ready", counts.instances_ready, counts.instances_wanted);
    if (counts.instances_canary > 0) {
        instances += fmt::format(", {} of canaries", counts.instances_canary);
    }
    if (counts.instances_draining > 0) {
        instances += fmt::format(", {} draining", counts.instances_draining);
    }
    row("instances",
        paint(style,
              counts.instances_ready >= counts.instances_wanted ? Colour::good : Colour::warning,
              instances));
    row("volumes", std::to_string(counts.volumes));
    row("trash", fmt::format("{}, {}", count_words(counts.trash_items, "item"),
                             size_words(counts.trash_size)));
    for (const auto& warning : view.warnings) {
        out += paint(style, Colour::warning, "warning: ") + printable(warning) + "\n";
    }
    if (counts.apps == 0) out += "\nNothing is deployed yet: try `moln deploy` in a folder.\n";
    return out;
}

std::string render_apps(const std::vector<AppView>& views, const Style& style) {
    if (views.empty()) return nothing(style, "No apps. `moln deploy` in a folder makes one.");
    Table table({"APP", "STATE", "RELEASE", "INSTANCES", "AGE", "URL"});
    for (const auto& view : views) {
        auto release = number_or_dash(view.release);
        if (view.canary) release = fmt::format("{}, canary {}", view.release_served, view.release);
        table.add({view.name, state_cell(view.state), release, process_counts(view),
                   age(style, view.created), first_url(view)});
    }
    return table.text(style);
}

std::string render_app(const AppView& view, const Style& style) {
    auto out = render_apps({view}, style);
    out += "\n";
    Table table({"PROCESS", "KIND", "READY", "DRAINING", "MEMORY", "CPU", "RUNS"});
    for (const auto& process : view.processes) {
        const auto words = process.command.size() == 3 && process.command[1] == "-c"
                               ? process.command[2]
                               : joined(process.command, " ");
        table.add({process.name, std::string(enum_word(process.kind)), ready_words(process),
                   std::to_string(process.draining), size_words(process.memory),
                   fmt::format("{:g}", static_cast<double>(process.cpu_millis) / 1000),
                   process.schedule.empty() ? words : process.schedule + "  " + words});
    }
    if (view.site) table.add({"site", "site", "-", "-", "-", "-", "served by the edge"});
    out += table.text(style);
    if (view.canary) {
        out += fmt::format("canary  release {} gets {}\n", view.release,
                           printable(canary_words(*view.canary)));
    }
    for (const auto& url : view.urls) out += fmt::format("url     {}\n", printable(url));
    if (!view.source.empty()) out += fmt::format("source  {}\n", printable(view.source));
    if (!view.rollout.reason.empty()) {
        out += paint(style, Colour::bad, "failed: ") + printable(view.rollout.reason) + "\n";
    }
    return out;
}

std::string render_instances(const std::vector<InstanceView>& views, const Style& style) {
    if (views.empty()) return nothing(style, "No instances; a site needs none.");
    Table table({"INSTANCE", "APP", "RELEASE", "STATE", "AGE", "RESTARTS", "MEMORY", "NOTE"});
    for (const auto& view : views) {
        auto note = view.text;
        // The state is said already.
        if (note.starts_with("draining: ")) note = note.substr(10);
        table.add({view.id.text, short_app(view.app), std::to_string(view.release),
                   state_cell(view.state, view.canary ? Beside::canary : Beside::no),
                   age(style, view.created), std::to_string(view.restarts),
                   view.memory.count == 0 ? "-" : size_words(view.memory), note});
    }
    return table.text(style);
}

std::string render_releases(const std::vector<ReleaseView>& views, const Style& style) {
    if (views.empty()) return nothing(style, "No releases.");
    Table table({"RELEASE", "STATE", "AGE", "WHAT", "SOURCE"});
    for (const auto& view : views) {
        Colour colour = Colour::dim;
        if (view.state == ReleaseState::serving) colour = Colour::good;
        const bool comes =
            view.state == ReleaseState::switching || view.state == ReleaseState::canary;
        if (comes) colour = Colour::warning;
        if (view.state == ReleaseState::failed) colour = Colour::bad;
        table.add({std::to_string(view.number),
                   {std::string(enum_word(view.state)), colour},
                   age(style, view.created),
                   view.description,
                   view.source});
    }
    return table.text(style);
}

// What clients that want an answer of OCSP in the handshake will find; "": there is none to speak
// of.
std::string staple_words(const CertificateView& view) {
    if (view.ocsp.empty() && !view.must_staple) return "";
    auto words = view.stapled_until.ms == 0
                     ? std::string("none yet")
                     : fmt::format("until {}", clock_text(view.stapled_until));
    if (!view.staple_trouble.empty()) words += ": " + view.staple_trouble;
    return words;
}

std::string render_certificates(const std::vector<CertificateView>& views, const Style& style) {
    if (views.empty()) {
        return nothing(style,
                       "No certificates. Local hosts get theirs by themselves; `moln cert "
                       "add` adds others.");
    }
    Table table({"CERTIFICATE", "HOSTS", "SOURCE", "ISSUER", "ENDS IN", "USED BY"});
    for (const auto& view : views) {
        table.add({view.id.empty() ? "-" : view.id.text, some_of(view.hosts),
                   is_there(view) ? std::string(enum_word(view.source)) : "-",
                   view.issuer.empty() ? "-" : view.issuer, ends_cell(view),
                   view.used_by.empty() ? "no route" : some_of(view.used_by)});
    }
    auto out = table.text(style);
    for (const auto& view : views) {
        if (view.trouble.empty()) continue;
        out += paint(style, Colour::warning, printable(some_of(view.hosts)) + ": ") +
               printable(trouble_words(view.trouble, view.retry_in)) + "\n";
    }
    for (const auto& view : views) {
        if (!view.must_staple || view.stapled_until.ms != 0) continue;
        out += paint(style, Colour::warning, printable(some_of(view.hosts)) + ": ") +
               printable(
                   "must-staple, and there is no answer of its authority to staple: some "
                   "clients will not connect" +
                   (view.staple_trouble.empty() ? "" : ": " + view.staple_trouble)) +
               "\n";
    }
    return out;
}

std::string render_acme(const AcmeView& view, const Style& style) {
    if (view.directory.empty()) {
        return nothing(style,
                       "Public hosts get no certificates by themselves: `moln cert acme "
                       "--agree-tos` lets them have Let's Encrypt's.");
    }
    std::string out;
    const auto row = [&](std::string_view name, const std::string& text) {
        out += fmt::format("{:<13}{}\n", name, text);
    };
    row("authority", printable(view.authority));
    row("directory", printable(view.directory));
    row("mail", view.email.empty() ? "none" : printable(view.email));
    row("terms", "agreed to on " + clock_text(view.agreed));
    if (!view.enabled) {
        row("state", paint(style, Colour::warning, "off: nothing is ordered or renewed"));
        return out;
    }
    row("state", view.registered
                     ? paint(style, Colour::good, "it knows this cloud")
                     : paint(style, Colour::warning, "it does not know this cloud yet"));
    if (!view.trouble.empty()) {
        row("trouble",
            paint(style, Colour::bad, printable(trouble_words(view.trouble, view.retry_in))));
    }
    row("waiting", count_words(view.waiting, "host"));
    return out;
}

std::string render_certificate(const CertificateView& view, const Style& style) {
    std::string out;
    const auto row = [&](std::string_view name, const std::string& text) {
        out += fmt::format("{:<13}{}\n", name, text);
    };
    const auto ends = ends_cell(view);
    row("certificate", view.id.empty() ? "-" : printable(view.id.text));
    row("hosts", printable(joined(view.hosts, ", ")));
    if (!view.trouble.empty()) {
        row("trouble",
            paint(style, Colour::warning, printable(trouble_words(view.trouble, view.retry_in))));
    }
    if (!is_there(view)) {
        row("state", paint(style, ends.colour, ends.text));
        return out;
    }
    row("source", std::string(enum_word(view.source)));
    row("issuer", printable(view.issuer));
    row("key", printable(view.key_type));
    row("SHA-256", printable(view.fingerprint));
    row("valid from", clock_text(view.not_before));
    const auto left = view.expires_in.count > 0 ? "in " + ends.text : ends.text;
    row("ends", fmt::format("{}, {}", clock_text(view.not_after), paint(style, ends.colour, left)));
    row("used by", view.used_by.empty() ? "no route" : printable(joined(view.used_by, ", ")));
    if (!view.ocsp.empty()) row("OCSP", printable(view.ocsp));
    if (const auto words = staple_words(view); !words.empty()) {
        const bool bad = view.must_staple && view.stapled_until.ms == 0;
        row("stapled", bad ? paint(style, Colour::warning, printable(words)) : printable(words));
    }
    if (view.must_staple) row("must-staple", "yes: some clients take it with a staple alone");
    if (view.chain) out += "\n" + *view.chain;
    return out;
}

// Empty: no edge has a disk tier.
std::string render_cache_disk(const std::vector<CacheView>& views, const Style& style) {
    Table table({"NODE", "ON DISK", "SIZE", "OF", "HITS", "WRITTEN", "DROPPED", "ERRORS"});
    bool any = false;
    for (const auto& [node, cache] : views) {
        if (cache.disk_size_max.count == 0) continue;
        any = true;
        const auto number = [](std::int64_t count) { return fmt::format("{}", count); };
        table.add({node.text, number(cache.disk_objects), size_words(cache.disk_size),
                   size_words(cache.disk_size_max), number(cache.disk_hits_total),
                   number(cache.disk_writes_total), number(cache.disk_drops_total),
                   number(cache.disk_errors_total)});
    }
    return any ? table.text(style) : std::string();
}

// Empty: nothing was given compressed.
std::string render_cache_codings(const std::vector<CacheView>& views, const Style& style) {
    Table table({"NODE", "COMPRESSED", "SAVED", "FORMS MADE"});
    bool any = false;
    for (const auto& [node, cache] : views) {
        if (cache.coded_total == 0) continue;
        any = true;
        table.add({node.text, fmt::format("{}", cache.coded_total), size_words(cache.coded_saved),
                   fmt::format("{}", cache.codings_total)});
    }
    return any ? "\n" + table.text(style) : std::string();
}

std::string render_cache(const std::vector<CacheView>& views, const Style& style) {
    if (views.empty()) return nothing(style, "No edge is connected.");
    Table table({"NODE", "OBJECTS", "SIZE", "OF", "HITS", "SHARE", "STALE", "FETCHED", "WAITED",
                 "PASSED", "VALIDATED", "EVICTED", "PURGES"});
    for (const auto& [node, cache] : views) {
        const auto number = [](std::int64_t count) { return fmt::format("{}", count); };
        table.add({node.text, number(cache.objects), size_words(cache.size),
                   size_words(cache.size_max), number(cache.hits_total), hit_share(cache),
                   number(cache.stale_hits_total), number(cache.misses_total),
                   number(cache.collapsed_total), number(cache.passes_total),
                   number(cache.revalidations_total), number(cache.evictions_total),
                   number(cache.purges_total)});
    }
    const std::string disk = render_cache_disk(views, style);
    return table.text(style) + (disk.empty() ? "" : "\n" + disk) +
           render_cache_codings(views, style);
}

std::string render_purge(const PurgeView& view, const Style& /*style*/) {
    return printable(view.text) + "\n";
}

std::string render_env(const std::vector<EnvView>& views, const Style& style) {
    if (views.empty()) return nothing(style, "No environment variables are set.");
    Table table({"NAME", "VALUE", "FROM"});
    for (const auto& view : views) {
        table.add({view.name, view.value, view.origin == EnvOrigin::set ? "env set" : "release"});
    }
    return table.text(style);
}

std::string render_secrets(const std::vector<SecretView>& views, const Style& style) {
    if (views.empty()) return nothing(style, "No secrets.");
    std::string out;
    for (const auto& view : views) out += printable(view.name) + "\n";
    return out;
}

std::string render_volumes(const std::vector<VolumeView>& views, const Style& style) {
    if (views.empty()) return nothing(style, "No volumes. A [[volume]] in moln.toml makes one.");
    Table table({"VOLUME", "APP", "NAME", "LIFETIME", "USED", "SIZE", "COPIES", "RESTORE POINT",
                 "PLACE", "RESET"});
    for (const auto& view : views) {
        table.add({view.id.text, short_app(view.app), view.name,
                   std::string(enum_word(view.lifetime)), view.used ? size_words(*view.used) : "-",
                   size_words(view.size), std::to_string(view.copies),
                   view.restore_point ? Cell(age(style, *view.restore_point) + " ago")
                                      : Cell("none", Colour::warning),
                   view.path.empty() ? view.place : fmt::format("{}, at {}", view.place, view.path),
                   view.reset_text});
    }
    return table.text(style);
}

std::string render_trash(const std::vector<TrashView>& views, const Style& style) {
    if (views.empty()) return nothing(style, "The trash is empty.");
    Table table({"TRASH", "APP", "WHAT", "SIZE", "DROPPED", "KEPT FOR"});
    for (const auto& view : views) {
        const auto left = view.expires - style.now;
        table.add({view.id.text, short_app(view.app), view.what, size_words(view.size),
                   age(style, view.dropped) + " ago",
                   view.purging ? "being destroyed" : duration_words(left)});
    }
    return table.text(style);
}

std::string render_platforms(const std::vector<PlatformView>& views, const Style& style) {
    if (views.empty()) return nothing(style, "No platforms.");
    Table table({"PLATFORM", "SIZE", "MADE", "WHAT"});
    for (const auto& view : views) {
        table.add({view.is_default ? view.name + " (default)" : view.name,
                   view.size.count == 0 ? "-" : size_words(view.size), age(style, view.made),
                   view.summary});
    }
    return table.text(style);
}

std::string render_event(const Event& event, const Style& style) {
    Colour colour = Colour::plain;
    if (event.level == EventLevel::warning) colour = Colour::warning;
    if (event.level == EventLevel::error) colour = Colour::bad;
    auto out = paint(style, Colour::dim, clock_text(event.at)) + "  ";
    out += paint(style, colour, fmt::format("{:<24}", printable(event.name))) + "  ";
    if (!event.app.empty()) out += printable(short_app(event.app)) + ": ";
    return out + printable(event.text) + "\n";
}

std::string render_log(const LogView& line, const Style& style) {
    const auto prefix = fmt::format("{}  {}", clock_text(line.at), printable(line.instance.text));
    const bool is_error = line.stream == "stderr";
    return paint(style, Colour::dim, prefix) + (is_error ? " ! " : " | ") + line.text + "\n";
}

std::string render_top(const TopView& view, const Style& style) {
    std::string out;
    if (!view.apps.empty()) {
        Table apps({"APP", "PROCESS", "REQ/S", "ERR/S", "P50", "P99", "WAITING", "QUEUED"});
        for (const auto& row : view.apps) {
            apps.add({short_app(row.app),
                      row.process,
                      fmt::format("{:.1f}", row.requests_per_s),
                      {fmt::format("{:.1f}", row.errors_per_s),
                       row.errors_per_s > 0 ? Colour::bad : Colour::plain},
                      milliseconds_words(row.p50_us),
                      milliseconds_words(row.p99_us),
                      {std::to_string(row.held), row.held > 0 ? Colour::warning : Colour::plain},
                      milliseconds_words(row.queue_us)});
        }
        out += apps.text(style) + "\n";
    }
    if (view.instances.empty()) return out + nothing(style, "No instances.");
    Table table({"INSTANCE", "APP", "STATE", "CPU", "MEMORY", "OF", "REQ/S", "ERR/S", "OPEN"});
    for (const auto& row : view.instances) {
        table.add({row.id.text, short_app(row.app),
                   state_cell(row.state, row.canary ? Beside::canary : Beside::no),
                   fmt::format("{:.1f} %", row.cpu_percent), size_words(row.memory),
                   row.memory_max.count == 0 ? "-" : size_words(row.memory_max),
                   fmt::format("{:.1f}", row.requests_per_s),
                   fmt::format("{:.1f}", row.errors_per_s),
                   std::to_string(row.requests_open + row.tunnels_open)});
    }
    return out + table.text(style);
}

std::string render_plan(const PlanView& view, const Style& style) {
    std::string out;
    if (!view.detected.empty()) out += fmt::format("detected  {}\n", printable(view.detected));
    for (const auto& [name, process] : view.config.processes) {
        const auto words = process.command.size() == 3 && process.command[1] == "-c"
                               ? process.command[2]
                               : joined(process.command, " ");
        out += fmt::format("{:<10}{} × {}\n", printable(name), process.instances, printable(words));
    }
    if (view.config.site) {
        out += fmt::format("{:<10}the files of {}, served by the edge\n", "site",
                           printable(view.config.site->folder));
    }
    for (const auto& warning : view.warnings) {
        out += paint(style, Colour::warning, "warning: ") + printable(warning) + "\n";
    }
    out += view.effects.empty() ? "Nothing would change.\n" : "This would happen:\n";
    for (const auto& effect : view.effects) out += fmt::format("  - {}\n", printable(effect));
    return out;
}

std::string render_change(const ChangeView& view, const Style& style) {
    std::string out;
    for (const auto& warning : view.warnings) {
        out += paint(style, Colour::warning, "warning: ") + printable(warning) + "\n";
    }
    if (!view.reply.text.empty()) out += printable(view.reply.text) + "\n";
    if (view.app) {
        for (const auto& url : view.app->urls) out += fmt::format("  {}\n", printable(url));
    }
    return out;
}

}  // namespace moln::cli
