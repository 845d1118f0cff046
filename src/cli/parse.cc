#include "cli/parse.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/exit_code.h"
#include "cli/usage.h"
#include "cli/verbs.h"

namespace moln::cli {
namespace {

using Setup = std::function<void(CLI::App&, Invocation&)>;

void wait_option(CLI::App& app, Invocation& to) {
    app.add_flag("--no-wait", to.no_wait, "Do not wait until it is done");
}

void generation_option(CLI::App& app, Invocation& to) {
    app.add_option("--if-generation", to.generation, "Only if the app is still at this generation")
        ->type_name("N");
}

void change_options(CLI::App& app, Invocation& to) {
    wait_option(app, to);
    generation_option(app, to);
}

void yes_option(CLI::App& app, Invocation& to) {
    app.add_flag("-y,--yes", to.yes, "Do not ask");
}

CLI::Option* words(CLI::App& app, Invocation& to, const char* name, const char* help) {
    return app.add_option(name, to.words, help)->type_name("");
}

void deploy_options(CLI::App& app, Invocation& to) {
    words(app, to, "DIR", "Source folder")->expected(0, 1);
    app.add_option("--image", to.image, "An OCI image instead of a folder")->type_name("REF");
    app.add_flag("--plain-http", to.plain_http, "The image's registry is on loopback without TLS");
    app.add_option("--platform", to.platform, "Platform image to stand on")->type_name("NAME");
    app.add_flag("--dry-run", to.dry_run, "Say what would be done and dropped; do nothing");
    auto* canary =
        app.add_option("--canary", to.canary,
                       "Beside what serves, for this share of the clients: 10%; see promote")
            ->type_name("SHARE");
    app.add_option("--canary-header", to.canary_header,
                   "And for requests with it: \"X-Canary: yes\"")
        ->type_name("HEADER")
        ->needs(canary);
    app.add_option("--canary-cookie", to.canary_cookie, "And for requests with it: canary=yes")
        ->type_name("COOKIE")
        ->needs(canary);
    app.add_option("--mirror", to.mirror, "And a copy of this share of the others: 20%")
        ->type_name("SHARE")
        ->needs(canary);
    change_options(app, to);
}

void canary_options(CLI::App& app, Invocation& to) {
    app.add_option("SHARE", to.canary, "Of the clients: 25%")->type_name("");
    app.add_option("--mirror", to.mirror, "A copy of this share of the others: 20%")
        ->type_name("SHARE");
    app.add_option("--header", to.canary_header, "Requests with it too: \"X-Canary: yes\"")
        ->type_name("HEADER");
    app.add_option("--cookie", to.canary_cookie, "Requests with it too: canary=yes")
        ->type_name("COOKIE");
    change_options(app, to);
}

void maintenance_options(CLI::App& app, Invocation& to) {
    app.add_option("--page", to.page, "HTML to answer with; - for standard input")
        ->type_name("FILE");
    app.add_option("--retry-after", to.retry_after, "When clients are to come again: 10m")
        ->type_name("DURATION");
    app.add_option("--allow", to.allow, "Network that still reaches the app: 10.0.0.0/8")
        ->type_name("NETWORK")
        ->allow_extra_args(false);
    app.add_flag("--pass", to.pass, "Make a cookie with which one still reaches the app");
    change_options(app, to);
}

void logs_options(CLI::App& app, Invocation& to) {
    app.add_flag("-f,--follow", to.follow, "Go on with new lines");
    app.add_option("--process", to.process, "Only of this process")->type_name("NAME");
    app.add_option("--instance", to.instance, "Only of this instance")->type_name("ID");
    app.add_option("-n,--lines", to.lines, "Lines of the past; 100, or all with --since")
        ->type_name("N")
        ->check(CLI::Range(0, 10'000));
    app.add_option("--since", to.since, "Only what was printed so long ago, and later: 10m")
        ->type_name("DURATION");
}

void events_options(CLI::App& app, Invocation& to) {
    app.add_flag("-f,--follow", to.follow, "Go on with new events");
    app.add_option("-n,--lines", to.lines, "Events of the past; 100 without it")
        ->type_name("N")
        ->check(CLI::Range(0, 10'000));
}

void top_options(CLI::App& app, Invocation& to) {
    auto* routes = app.add_flag("--routes", to.routes, "By route instead of by app and instance");
    app.add_option("--limit", to.limit,
                   "With --routes: the busiest so many; 20, or all with --json")
        ->type_name("N")
        ->check(CLI::Range(1, 10'000))
        ->needs(routes);
    app.add_flag("--once", to.once, "One sample, then end");
    app.add_option("--interval", to.interval_s, "Seconds between samples")
        ->type_name("S")
        ->check(CLI::Range(1, 60));
}

void stop_options(CLI::App& app, Invocation& to) {
    app.add_option("--instance", to.instance, "One instance instead of the app")->type_name("ID");
    app.add_flag("--now", to.now, "Kill the instance instead of draining it");
    change_options(app, to);
}

void route_options(CLI::App& app, Invocation& to) {
    words(app, to, "HOST[/PATH]", "Where requests come from; with --listen, a name of TLS clients")
        ->expected(0, 1);
    app.add_option("--process", to.process, "Which process serves it; web without it")
        ->type_name("NAME");
    app.add_option("--https", to.https, "Without TLS: redirect, answer both, or automatic")
        ->type_name("HOW")
        ->check(CLI::IsMember({"automatic", "redirect", "both"}));
    app.add_option("--hsts", to.hsts, "Strict-Transport-Security for so long: 30d")
        ->type_name("DURATION");
    app.add_flag("--cache", to.cache, "Keep answers at the edge, as they allow it");
    app.add_option("--cache-ttl", to.cache_ttl,
                   "Answers that do not say how long are fresh for so long: 60s")
        ->type_name("DURATION");
    app.add_option("--stale-while-revalidate", to.stale_while_revalidate,
                   "Past that, serve them while a new one is fetched: 30s")
        ->type_name("DURATION");
    app.add_flag("--no-compress", to.no_compress,
                 "Give kept answers as they came, never compressed");
    app.add_option("--stale-if-error", to.stale_if_error,
                   "Past that, serve them when the app fails: 1h")
        ->type_name("DURATION");
    app.add_option("--rate-limit", to.rate_limit,
                   "So many requests of one client: 20/s, 600/m, \"20/s burst 100\"")
        ->type_name("RATE");
    app.add_option("--rate-limit-route", to.rate_limit_route, "The same of all clients together")
        ->type_name("RATE");
    app.add_option("--users", to.users, "Let in only them: lines of `moln password`; - for input")
        ->type_name("FILE");
    app.add_option("--forward-auth", to.forward_auth,
                   "Let in only what this process of the app answers 2xx to: auth:/check")
        ->type_name("PROCESS:PATH");
    app.add_option("--forward-auth-copy", to.forward_auth_copy,
                   "Field of that answer that the app gets: X-Auth-User")
        ->type_name("FIELD")
        ->allow_extra_args(false);
    app.add_option("--realm", to.realm, "With --users: what the browser says it is for")
        ->type_name("TEXT");
    app.add_option("--client-ca", to.client_ca,
                   "Let in only clients with a certificate of these authorities, PEM; - for input")
        ->type_name("FILE");
    app.add_flag("--client-cert-optional", to.client_cert_optional,
                 "With --client-ca: others come in as well, without Client-Cert");
    app.add_option("--listen", to.listen, "Pass on a port without HTTP: tcp:5432, udp:53")
        ->type_name("LISTEN");
    app.add_option("--port", to.port, "With --listen: of the instances, if not their own")
        ->type_name("N")
        ->check(CLI::Range(1, 65'535));
    app.add_flag("--accept-proxy", to.accept_proxy,
                 "With --listen: connections begin with a PROXY header");
    app.add_option("--send-proxy", to.send_proxy, "With --listen: tell instances who the client is")
        ->type_name("VERSION")
        ->check(CLI::IsMember({"none", "v1", "v2"}));
    app.add_flag("--keep-source", to.keep_source,
                 "With --listen: instances see the client's own address");
    app.add_option("--idle", to.idle, "With --listen: end what is quiet for so long: 10m")
        ->type_name("DURATION");
    app.add_flag("--replace", to.replace,
                 "Set one that was added before anew, with what is said now alone");
    change_options(app, to);
}

const std::map<std::string_view, Setup>& setups() {
    static const std::map<std::string_view, Setup> table = {
        {"down",
         [](CLI::App& app, Invocation& to) { app.add_flag("--now", to.now, "Do not drain"); }},
        {"platform build",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "RECIPE", "Which: debian")->expected(1)->required();
         }},
        {"edge upgrade",
         [](CLI::App& app, Invocation& to) {
             auto* wait = app.add_flag("--wait", to.wait,
                                       "Wait until the process that is replaced has ended");
             app.add_flag("--no-wait", to.no_wait, "Do not wait until the new process serves")
                 ->excludes(wait);
         }},
        {"deploy", deploy_options},
        {"rollback",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "RELEASE", "Its number")->expected(0, 1);
             app.add_flag("--dry-run", to.dry_run, "Say what would be done; do nothing");
             change_options(app, to);
         }},
        {"logs", logs_options},
        {"events", events_options},
        {"top", top_options},
        {"canary", canary_options},
        {"promote", change_options},
        {"maintenance on", maintenance_options},
        {"maintenance off", change_options},
        {"password",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "NAME", "Of the user")->expected(1)->required();
         }},
        {"scale",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "PROCESS=N", "How many of which")->required();
             change_options(app, to);
         }},
        {"restart", change_options},
        {"stop", stop_options},
        {"start", change_options},
        {"env set",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "NAME=VALUE", "What to set")->required();
             change_options(app, to);
         }},
        {"env unset",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "NAME", "What to remove")->required();
             change_options(app, to);
         }},
        {"secret set",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "NAME", "Its name")->expected(1)->required();
             app.add_option("--file", to.file, "Read the value from this file")->type_name("PATH");
             change_options(app, to);
         }},
        {"secret rm",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "NAME", "Its name")->expected(1)->required();
             change_options(app, to);
         }},
        {"route add", route_options},
        {"route rm",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "HOST[/PATH]", "As it was added")->expected(0, 1);
             app.add_option("--listen", to.listen, "Of a route without HTTP, as it was added")
                 ->type_name("LISTEN");
             change_options(app, to);
         }},
        {"cache purge",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "URL", "One URL, with its query")->expected(0, 1);
             app.add_option("--prefix", to.prefix, "A host, or a path, and all below it")
                 ->type_name("URL");
             app.add_option("--tag", to.tag, "What bears it in Cache-Tag")->type_name("TAG");
             app.add_flag("--all", to.all, "Everything of the project, or of the app with --app");
         }},
        {"cert show",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "CERTIFICATE", "Its id, or a host")->expected(1)->required();
         }},
        {"cert add",
         [](CLI::App& app, Invocation& to) {
             app.add_option("--cert", to.cert, "The chain, leaf first, PEM")
                 ->type_name("PATH")
                 ->required();
             app.add_option("--key", to.key, "The leaf's private key, PEM, if it is not there")
                 ->type_name("PATH");
         }},
        {"cert rm",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "CERTIFICATE", "Its id")->expected(1)->required();
             yes_option(app, to);
         }},
        {"cert retry",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "HOST", "Whose certificate failed")->expected(1)->required();
         }},
        {"cert acme",
         [](CLI::App& app, Invocation& to) {
             app.add_flag("--agree-tos", to.agree_tos, "Agree to the authority's terms of service");
             app.add_option("--email", to.email, "Where the authority may write to")
                 ->type_name("ADDRESS");
             app.add_option("--directory", to.directory,
                            "letsencrypt, letsencrypt-staging, or another's ACME URL")
                 ->type_name("URL");
             app.add_option("--ca-file", to.ca_file,
                            "Whom to believe that it is the authority, PEM")
                 ->type_name("PATH");
             app.add_flag("--off", to.off, "Order and renew nothing any more");
             app.add_flag("--no-wait", to.no_wait, "Do not wait for the authority's word");
         }},
        {"trust",
         [](CLI::App& app, Invocation& to) {
             auto* print = app.add_flag("--print", to.print, "Write the certificate, PEM, instead");
             app.add_flag("--remove", to.remove, "Undo it")->excludes(print);
         }},
        {"rm",
         [](CLI::App& app, Invocation& to) {
             yes_option(app, to);
             app.add_flag("--dry-run", to.dry_run, "Say what would go where; do nothing");
             change_options(app, to);
         }},
        {"volume rm",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "VOLUME", "Its id")->expected(1)->required();
             yes_option(app, to);
         }},
        {"trash purge",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "TRASH", "Ids");
             app.add_flag("--all", to.all, "Everything in the trash");
             yes_option(app, to);
         }},
        {"recover",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "TRASH", "Its id")->expected(1)->required();
             app.add_option("--to", to.to, "Copy the files to this new folder")->type_name("DIR");
         }},
        {"run",
         [](CLI::App& app, Invocation& to) {
             app.add_flag("--no-tty", to.no_tty, "No terminal, even if there is one");
             words(app, to, "COMMAND", "And its arguments");
         }},
        {"shell",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "INSTANCE", "Which")->expected(0, 1);
             app.add_option("--process", to.process, "Of this process")->type_name("NAME");
         }},
        {"completion",
         [](CLI::App& app, Invocation& to) {
             words(app, to, "SHELL", "bash, zsh or fish")
                 ->expected(1)
                 ->required()
                 ->check(CLI::IsMember({"bash", "zsh", "fish"}));
         }},
    };
    return table;
}

constexpr std::size_t k_help_columns = 100;

std::string footer(const Verb& verb) {
    std::string text;
    if (!verb.about.empty()) text += wrapped(verb.about, k_help_columns) + "\n";
    if (!verb.examples.empty()) {
        text += text.empty() ? "Examples:\n" : "\nExamples:\n";
        std::string_view rest = verb.examples;
        while (!rest.empty()) {
            const auto end = rest.find('\n');
            text += fmt::format("  {}\n", rest.substr(0, end));
            rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
        }
    }
    return text + "\nGlobal options and exit codes: moln --help";
}

constexpr std::string_view k_head =
    "Moln: a cloud on machines you own.\n"
    "Verbs that act on one app find it by --app, else by `name` in ./moln.toml, else by the name\n"
    "of the folder they are called in; the app is never a bare argument. Lists show all apps of\n"
    "the project, or one with --app.";

struct Tree {
    Invocation to;
    std::unique_ptr<CLI::App> root;
    std::map<std::string, CLI::App*> by_verb;
};

void add_global_options(CLI::App& root, Invocation& to) {
    root.add_option("--data", to.data_dir,
                    "The daemon's data directory (default: $MOLN_DATA, or the machine's node's)")
        ->type_name("DIR");
    root.add_option("--socket", to.socket, "The daemon's API socket, if it is elsewhere")
        ->type_name("PATH");
    root.add_option("-a,--app", to.app, "The app")->type_name("NAME");
    root.add_option("--project", to.project, "Whose apps")->type_name("NAME");
    root.add_flag("--json", to.json, "Print JSON, as the API answers it");
    root.add_flag("-q,--quiet", to.quiet, "Only what was asked for, no progress");
    root.set_version_flag("--version", "moln " MOLN_VERSION, "Print the version of this program");
}

std::unique_ptr<Tree> make_tree() {
    auto tree = std::make_unique<Tree>();
    tree->root = std::make_unique<CLI::App>(std::string(k_head), "moln");
    auto& root = *tree->root;
    add_global_options(root, tree->to);
    root.fallthrough();
    root.require_subcommand(1);
    root.get_formatter()->column_width(26);
    root.footer(
        fmt::format("Exit codes:\n{}\nmoln VERB --help explains a verb.", k_exit_codes_help));
    std::map<std::string, CLI::App*> parents;
    for (const auto& verb : verbs()) {
        const std::string name(verb.name);
        const auto space = name.find(' ');
        CLI::App* parent = &root;
        if (space != std::string::npos) {
            auto& made = parents[name.substr(0, space)];
            const auto role = tree->by_verb.find(name.substr(0, space));
            if (role != tree->by_verb.end()) {
                made = role->second;  // `edge`: its own summary names its verbs
                made->require_subcommand(1);
            } else if (made == nullptr) {
                made = root.add_subcommand(name.substr(0, space), "");
                made->fallthrough()->require_subcommand(1);
                made->group(std::string(verb.group));
            }
            parent = made;
            if (role == tree->by_verb.end()) {
                const auto shown = parent->get_description();
                parent->description(shown.empty() ? name.substr(space + 1)
                                                  : shown + ", " + name.substr(space + 1));
            }
        }
        auto* sub = parent->add_subcommand(
            space == std::string::npos ? name : name.substr(space + 1), std::string(verb.summary));
        sub->fallthrough();
        if (space == std::string::npos) sub->group(std::string(verb.group));
        sub->footer(footer(verb));
        const auto setup = setups().find(verb.name);
        if (setup != setups().end()) setup->second(*sub, tree->to);
        tree->by_verb[name] = sub;
    }
    return tree;
}

// The options before the first word that is neither one nor its value belong to us, the rest of
// `moln run` is the command, whatever it looks like.
std::size_t command_begin(const std::vector<std::string>& arguments, std::size_t after) {
    static const std::vector<std::string> k_with_value = {"-a", "--app", "--data", "--socket",
                                                          "--project"};
    std::size_t i = after;
    while (i < arguments.size()) {
        const auto& word = arguments[i];
        if (word == "--" || !word.starts_with('-') || word == "-") return i;
        i += std::ranges::count(k_with_value, word) > 0 ? 2 : 1;
    }
    return arguments.size();
}

// The words that name a verb: the first one or two that are no options of ours.
std::vector<std::string> verb_words(const std::vector<std::string>& arguments) {
    std::vector<std::string> words;
    std::size_t at = 0;
    while (words.size() < 2) {
        at = command_begin(arguments, at);
        if (at >= arguments.size() || arguments[at].starts_with('-')) break;
        words.push_back(arguments[at++]);
    }
    return words;
}

std::vector<std::string> option_names(const Tree& tree, const CLI::App* sub) {
    std::vector<std::string> names;
    for (const auto* app : {sub, static_cast<const CLI::App*>(tree.root.get())}) {
        if (app == nullptr) continue;
        for (const auto* option : app->get_options()) {
            for (const auto& word : option->get_lnames()) names.push_back("--" + word);
        }
    }
    return names;
}

ParseEnd usage_end(const Tree& tree, const CLI::ParseError& error) {
    std::string verb;
    const CLI::App* parsed = nullptr;
    for (const auto& [name, sub] : tree.by_verb) {
        if (!sub->parsed() || name.size() < verb.size()) continue;
        verb = name;
        parsed = sub;
    }
    const auto left = tree.root->remaining(true);
    const bool extras = dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr;
    // The value of an option that is none is taken for a word too many, which is not what is wrong.
    auto odd = std::ranges::find_if(
        left, [](const auto& word) { return word.starts_with('-') && word.size() > 1; });
    if (odd == left.end() && extras) odd = left.begin();
    if (odd != left.end()) {
        return {k_exit_usage, unknown_words(verb, {odd, left.end()}, option_names(tree, parsed))};
    }
    return {k_exit_usage, usage_text(verb, plain_words(error.what()))};
}

// A value that was said and is empty, as of a shell's variable that is not set. It must not pass
// for one that was not said: `deploy --canary ""` would be a whole deploy, `stop --instance ""`
// stop the app, `route add --users ""` let everybody in.
std::optional<std::string> empty_value(const CLI::App& app) {
    for (const auto* option : app.get_options()) {
        if (option->get_expected_max() == 0 || std::ranges::count(option->results(), "") == 0) {
            continue;
        }
        if (option->check_lname("email")) continue;  // to have none any more
        return fmt::format("{}: expected a value, found an empty one", option->get_name());
    }
    return std::nullopt;
}

std::string without_newlines(std::string text) {
    while (text.ends_with('\n')) text.pop_back();
    return text + "\n";
}

}  // namespace

std::expected<Invocation, ParseEnd> parse(const std::vector<std::string>& arguments,
                                          const std::string& data_dir_default) {
    auto tree = make_tree();
    if (!data_dir_default.empty()) tree->to.data_dir = data_dir_default;
    auto own = arguments;
    std::vector<std::string> command;
    const auto first = command_begin(own, 0);
    if (first < own.size() && own[first] == "run") {
        const auto begin = std::min(command_begin(own, first + 1), own.size());
        const bool dashes = begin < own.size() && own[begin] == "--";
        command.assign(own.begin() + static_cast<std::ptrdiff_t>(begin + (dashes ? 1 : 0)),
                       own.end());
        own.resize(begin);
    }
    if (own.empty() || own == std::vector<std::string>{"help"}) own = {"--help"};
    if (own.front() == "help") {
        own.erase(own.begin());
        own.push_back("--help");
    }
    if (own.front() == "version") own.front() = "--version";
    const auto words = verb_words(own);
    const bool asks = std::ranges::count(own, "--help") + std::ranges::count(own, "-h") > 0;
    if (auto wrong = wrong_verb(words, asks ? Wish::help : Wish::act)) {
        return std::unexpected(ParseEnd{k_exit_usage, std::move(*wrong)});
    }
    std::ranges::reverse(own);  // as CLI11 takes a vector
    try {
        tree->root->parse(own);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() != 0) return std::unexpected(usage_end(*tree, error));
        std::ostringstream out;
        std::ostringstream err;
        tree->root->exit(error, out, err);
        return std::unexpected(ParseEnd{k_exit_ok, without_newlines(out.str())});
    }
    for (const auto& [name, sub] : tree->by_verb) {
        if (sub->parsed()) tree->to.verb = name;
    }
    for (const auto* app : {tree->by_verb.at(tree->to.verb), tree->root.get()}) {
        if (auto wrong = empty_value(*app)) {
            return std::unexpected(ParseEnd{k_exit_usage, usage_text(tree->to.verb, *wrong)});
        }
    }
    if (tree->to.verb == "run") {
        if (command.empty()) {
            return std::unexpected(ParseEnd{
                k_exit_usage, usage_text("run", "expected a command, as `moln run -- ls`")});
        }
        tree->to.words = std::move(command);
    }
    return tree->to;
}

std::vector<CommandNode> command_tree() {
    const auto tree = make_tree();
    const auto node = [](const std::string& name, CLI::App& app) {
        CommandNode out;
        out.name = name;
        for (const auto* option : app.get_options()) {
            if (option->get_positional()) {
                const auto required = option->get_required();
                const auto many = option->get_expected_max() > 1;
                auto shown = option->get_name(true);
                if (many) shown += "...";
                out.arguments.push_back(required ? shown : "[" + shown + "]");
                continue;
            }
            OptionNode one;
            for (const auto& word : option->get_snames()) one.names.push_back("-" + word);
            for (const auto& word : option->get_lnames()) one.names.push_back("--" + word);
            if (option->get_expected_max() > 0) {
                const auto type = option->get_type_name();
                one.value = type.substr(0, type.find(':'));  // a check's words come after it
            }
            one.help = option->get_description();
            out.options.push_back(std::move(one));
        }
        return out;
    };
    std::vector<CommandNode> nodes = {node("", *tree->root)};
    for (const auto& verb : verbs()) {
        nodes.push_back(node(std::string(verb.name), *tree->by_verb.at(std::string(verb.name))));
    }
    return nodes;
}

}  // namespace moln::cli
