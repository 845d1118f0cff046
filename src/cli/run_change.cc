// Verbs that change something: ask where it cannot be undone, send, show progress and result.
#include <array>
#include <cerrno>
#include <random>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/render.h"
#include "cli/requests.h"
#include "cli/shell.h"
#include "cli/socket.h"
#include "cli/streams.h"
#include "cli/terminal.h"
#include "model/limits.h"

namespace moln::cli {
namespace {

constexpr int k_down_look_ms = 200;
constexpr int k_listen_look_ms = 100;
constexpr int k_listen_looks_max = 20;

bool needs_app(const Invocation& said) {
    const auto& verb = said.verb;
    if (verb == "stop") return said.instance.empty();
    return verb != "down" && verb != "platform build" && verb != "volume rm" &&
           verb != "trash purge" && verb != "recover" && !verb.starts_with("cert ") &&
           !verb.starts_with("edge ");
}

std::string text_of(const json::value& value) {
    const auto* object = value.if_object();
    const auto* text = object == nullptr ? nullptr : object->if_contains("text");
    return text != nullptr && text->is_string() ? std::string(text->get_string()) : "";
}

// A word that nobody can guess, for a cookie: 24 letters of 6 bits.
std::string fresh_pass() {
    constexpr std::string_view k_letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    std::random_device random;
    std::string word;
    for (int i = 0; i < 24; ++i) word += k_letters[random() & 63];
    return word;
}

// Nobody can ask for it again.
Status show_with_pass(const Shell& shell, const json::value& value, const std::string& pass) {
    if (shell.said.json) {
        json::object with = value.is_object() ? value.get_object() : json::object();
        with["pass"] = pass;
        shell.print(json::serialize(with) + "\n");
        return {};
    }
    shell.print(shell.said.quiet
                    ? pass + "\n"
                    : fmt::format("Who has this cookie still reaches the app; it is shown only "
                                  "now:\n  moln-maintenance={0}\n"
                                  "In a browser's console on the app's page:\n"
                                  "  document.cookie = \"moln-maintenance={0}; path=/\"\n",
                                  pass));
    return {};
}

Status show_result(const Shell& shell, const json::value& value) {
    if (shell.said.json) {
        shell.print(json::serialize(value) + "\n");
        return {};
    }
    if (shell.said.dry_run) {
        MOLN_ASSIGN(const auto view, from_json<PlanView>(value, UnknownFields::ignore));
        shell.print(render_plan(view, shell.style));
        return {};
    }
    if (shell.said.quiet) return {};
    if (shell.said.verb == "platform build") {
        MOLN_ASSIGN(const auto view, from_json<PlatformView>(value, UnknownFields::ignore));
        shell.print(render_platforms({view}, shell.style));
        return {};
    }
    if (shell.said.verb == "edge upgrade") {
        MOLN_ASSIGN(const auto view, from_json<EdgeUpgradeView>(value, UnknownFields::ignore));
        shell.print(render_edge_upgrade(view, shell.style));
        return {};
    }
    const auto view = from_json<ChangeView>(value, UnknownFields::ignore);
    const auto* object = value.if_object();
    const bool is_change = view && object != nullptr && object->contains("reply");
    shell.print(is_change ? render_change(*view, shell.style) : printable(text_of(value)) + "\n");
    return {};
}

// What is to be thought about goes where the question goes, if a program reads the rest.
void show_before_asking(const Shell& shell, const std::string& text) {
    shell.said.json ? say(text) : shell.print(text);
}

// Without a terminal nobody can answer: the option must be said.
Result<bool> confirmed(const Shell& shell, const std::string& question) {
    if (shell.said.yes) return true;
    if (!shell.in_is_terminal) {
        return fail(ErrorCode::invalid,
                    fmt::format("{}: without a terminal to ask on, say --yes", shell.said.verb));
    }
    const bool yes = ask_yes(question);
    if (!yes && !interrupted()) shell.progress("Nothing was done.");
    return yes;
}

Result<bool> confirm_removal(const Shell& shell, const std::string& app) {
    auto asked = shell.said;
    asked.dry_run = true;
    MOLN_ASSIGN(const auto call, request_for(asked, app));
    MOLN_ASSIGN(const auto body, shell.client.call(call));
    MOLN_ASSIGN(const auto plan, parse_json(body));
    if (shell.said.dry_run && shell.said.json) {
        shell.print(body);
        return false;
    }
    MOLN_ASSIGN(const auto view, from_json<PlanView>(plan, UnknownFields::ignore));
    if (shell.said.dry_run || !shell.said.yes) {
        show_before_asking(shell, render_plan(view, shell.style));
    }
    if (shell.said.dry_run) return false;
    return confirmed(shell, fmt::format("Remove app {}?", app));
}

Result<std::string> read_all(int fd, const std::string& what, const ReadLimit& limit) {
    std::string text;
    std::array<char, 16 * 1024> buffer;
    while (true) {
        MOLN_TRY(wait_readable(fd));
        const auto count = ::read(fd, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(error_from_errno(errno, what));
        if (count == 0) return text;
        text.append(buffer.data(), static_cast<std::size_t>(count));
        if (text.size() > limit.bytes_max) {
            return fail(ErrorCode::invalid,
                        fmt::format("{}: {} at most {} bytes", what, limit.of, limit.bytes_max));
        }
    }
}

Result<Secret> read_secret(const Shell& shell) {
    const auto& said = shell.said;
    if (said.file.empty() && shell.in_is_terminal) {
        return ask_secret(fmt::format("Value of {}: ", said.words.front()));
    }
    // One more for the newline.
    auto text = read_file_or_input(said.file, {k_secret_bytes_max + 1, "a secret has"});
    if (!text) return fail(text.error());
    // Editors and echo end files with a newline that nobody means.
    if (text->ends_with('\n')) text->pop_back();
    return Secret(std::move(*text));
}

Result<Secret> read_secret_file(const std::string& path, const ReadLimit& limit) {
    MOLN_ASSIGN(auto text, read_file_or_input(path, limit));
    return Secret(std::move(text));
}

// Chain and key in one text, as the API takes them.
Result<Secret> read_certificate(const Shell& shell) {
    const auto& said = shell.said;
    constexpr ReadLimit k_limit{k_certificate_bytes_max, "a certificate and its key have"};
    if (said.cert == "-" && said.key == "-") {
        return fail(ErrorCode::invalid, "--cert and --key: only one of them can be -");
    }
    MOLN_ASSIGN(auto chain, read_file_or_input(said.cert, k_limit));
    if (said.key.empty()) return Secret(std::move(chain));
    MOLN_ASSIGN(const Secret key, read_secret_file(said.key, k_limit));
    return Secret(chain + "\n" + key.reveal());
}

Status purge(const Shell& shell) {
    const auto& said = shell.said;
    auto ids = said.words;
    if (said.all == !ids.empty()) {
        return fail(ErrorCode::invalid, "trash purge: expected ids, or --all");
    }
    if (said.all) {
        auto list = said;
        list.verb = "trash ls";
        MOLN_ASSIGN(const auto call, request_for(list, ""));
        MOLN_ASSIGN(const auto body, shell.client.call(call));
        MOLN_ASSIGN(const auto value, parse_json(body, k_frame_bytes_max));
        MOLN_ASSIGN(const auto views, from_json<Items<TrashView>>(value, UnknownFields::ignore));
        for (const auto& view : views.items) ids.push_back(view.id.text);
        if (!said.yes || ids.empty()) {
            show_before_asking(shell, render_trash(views.items, shell.style));
        }
        if (ids.empty()) return {};
    }
    MOLN_ASSIGN(
        const bool yes,
        confirmed(shell, fmt::format(
                             "Destroy {} for ever?",
                             ids.size() == 1 ? ids.front() : fmt::format("{} items", ids.size()))));
    if (!yes) return {};
    for (const auto& id : ids) {
        auto one = said;
        one.words = {id};
        MOLN_ASSIGN(const auto call, request_for(one, ""));
        const auto result = [&](const json::value& value) { return show_result(shell, value); };
        MOLN_TRY(send_change(shell, call, result));
    }
    return {};
}

// Until nobody listens on the socket any more.
Status wait_until_down(const Shell& shell) {
    while (true) {
        const auto socket = Socket::connect(shell.client.socket_path());
        if (!socket) return {};
        ::poll(nullptr, 0, k_down_look_ms);
        if (interrupted()) {
            shell.progress("The daemon goes on stopping in the background.");
            return fail(ErrorCode::unavailable, "interrupted");
        }
    }
}

// What files that were named on the command line say.
Status read_said_files(Invocation& said) {
    if (!said.users.empty()) {
        MOLN_ASSIGN(const auto text,
                    read_file_or_input(said.users, {k_auth_users_max * k_auth_user_bytes_max,
                                                    "the users of a route have"}));
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            // Of an editor that ends lines as Windows does, or of a careful hand.
            line.erase(line.find_last_not_of(" \t\r") + 1);
            line.erase(0, line.find_first_not_of(" \t"));
            if (!line.empty() && line.front() != '#') said.user_lines.push_back(line);
        }
    }
    if (!said.client_ca.empty()) {
        MOLN_ASSIGN(
            said.client_ca_text,
            read_file_or_input(said.client_ca,
                               {k_client_ca_bytes_max, "authorities of client certificates have"}));
    }
    if (said.verb == "maintenance on" && !said.page.empty()) {
        MOLN_ASSIGN(said.page,
                    read_file_or_input(said.page, {k_maintenance_page_bytes_max, "a page has"}));
    }
    return {};
}

// The route is made; whether its port could be opened is seen a moment later.
Status tell_listening(const Shell& shell, const std::string& app) {
    auto asked = shell.said;
    asked.verb = "route ls";
    asked.app = app;
    asked.words.clear();
    MOLN_ASSIGN(const auto call, request_for(asked, app));
    for (int i = 0; i < k_listen_looks_max && !interrupted(); ++i) {
        MOLN_ASSIGN(const auto body, shell.client.call(call));
        MOLN_ASSIGN(const auto routes,
                    from_json_text<Items<RouteView>>(body, UnknownFields::ignore));
        for (const auto& route : routes.items) {
            if (route.listen != shell.said.listen) continue;
            if (!route.url.empty()) {
                shell.progress(printable("open at " + route.url));
                return {};
            }
            if (!route.problem.empty()) {
                shell.progress(printable(fmt::format(
                    "not open yet, it is tried again every second: {}", route.problem)));
                return {};
            }
        }
        ::poll(nullptr, 0, k_listen_look_ms);
    }
    shell.progress("not open yet: `moln route ls` says when it is");
    return {};
}

}  // namespace

Result<std::string> read_file_or_input(const std::string& path, const ReadLimit& limit) {
    const bool is_input = path.empty() || path == "-";
    const int fd = is_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail(error_from_errno(errno, path));
    auto text = read_all(fd, is_input ? "standard input" : path, limit);
    if (!is_input) ::close(fd);
    return text;
}

Status send_change(const Shell& shell, const ApiCall& call,
                   const std::function<Status(const json::value&)>& result) {
    bool began = false;
    const auto sent = shell.client.lines(call, [&](const json::value& value) -> Status {
        began = true;
        const auto* object = value.if_object();
        if (object != nullptr && object->contains("line")) {
            const auto& line = object->at("line");
            if (line.is_string()) shell.progress(printable(std::string(line.get_string())));
            return {};
        }
        if (object != nullptr && object->contains("result")) return result(object->at("result"));
        return result(value);
    });
    const bool build = shell.said.verb == "platform build";
    // A daemon that ends in the middle: the next one has what was changed and goes on with it.
    const bool has_gone =
        !sent && began && !build && sent.error().code == ErrorCode::unavailable && output_status();
    if (!sent && (interrupted() || has_gone)) {
        const auto* see = shell.said.verb == "edge upgrade" ? "moln edge status" : "moln ps";
        shell.progress(
            build ? "Cancelled."
            : began
                ? fmt::format("The change was made and goes on in the background; see `{}`.", see)
                : "Interrupted; see `moln events` for whether the change was made.");
    }
    return sent;
}

Verdict run_change(const Shell& shell) {
    auto said = shell.said;
    MOLN_TRY(read_said_files(said));
    if (said.pass) said.pass_word = fresh_pass();
    std::string app;
    if (needs_app(said)) {
        MOLN_ASSIGN(app, app_to_act_on(shell));
    }
    if (said.verb == "trash purge") {
        MOLN_TRY(purge(shell));
        return k_exit_ok;
    }
    if (said.verb == "rm") {
        MOLN_ASSIGN(const bool yes, confirm_removal(shell, app));
        if (!yes) return said.dry_run ? k_exit_ok : k_exit_failed;
    }
    if (said.verb == "volume rm") {
        MOLN_ASSIGN(const bool yes, confirmed(shell, fmt::format("Move volume {} to the trash?",
                                                                 said.words.front())));
        if (!yes) return k_exit_failed;
    }
    if (said.verb == "cert rm") {
        MOLN_ASSIGN(const bool yes,
                    confirmed(shell, fmt::format("Remove certificate {} and its key for ever?",
                                                 said.words.front())));
        if (!yes) return k_exit_failed;
    }
    MOLN_ASSIGN(auto call, request_for(said, app));
    if (said.verb == "cert add") {
        MOLN_ASSIGN(const auto pem, read_certificate(shell));
        call.body = pem.reveal();
        call.headers["Content-Type"] = "application/x-pem-file";
    }
    if (said.verb == "secret set") {
        MOLN_ASSIGN(const auto value, read_secret(shell));
        if (value.empty()) {
            return fail(ErrorCode::invalid,
                        fmt::format("secret {0}: expected a value on standard input or by --file, "
                                    "found nothing; `moln secret rm {0}` removes it",
                                    said.words.front()));
        }
        call.body = value.reveal();
        call.headers["Content-Type"] = "application/octet-stream";
    }
    const auto result = [&](const json::value& value) -> Status {
        if (said.pass_word.empty() || !shell.said.json) MOLN_TRY(show_result(shell, value));
        if (said.pass_word.empty()) return {};
        return show_with_pass(shell, value, said.pass_word);
    };
    const auto sent = send_change(shell, call, result);
    if (!sent && said.verb == "cert add" && sent.error().code == ErrorCode::invalid) {
        return fail_in(said.key.empty() ? said.cert : said.cert + " with " + said.key,
                       sent.error());
    }
    MOLN_TRY(sent);
    if (said.verb == "down") MOLN_TRY(wait_until_down(shell));
    if (said.verb == "route add" && !said.listen.empty() && !said.quiet) {
        MOLN_TRY(tell_listening(shell, app));
    }
    return k_exit_ok;
}

}  // namespace moln::cli
