#include "cli/cli.h"

#include <chrono>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/completion.h"
#include "cli/exit_code.h"
#include "cli/parse.h"
#include "cli/shell.h"
#include "cli/socket.h"
#include "cli/source_folder.h"
#include "cli/streams.h"
#include "cli/terminal.h"

namespace moln {
namespace cli {
namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

Style style_for(int fd) {
    const bool plain = !environment("NO_COLOR").empty() || environment("TERM") == "dumb";
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return {.colours = is_terminal(fd) && !plain,
            .now = {std::chrono::duration_cast<std::chrono::milliseconds>(now).count()}};
}

std::string socket_of(const Invocation& said) {
    return said.socket.empty() ? said.data_dir + "/run/api.sock" : said.socket;
}

Verdict run_verb(const Shell& shell) {
    using Runner = Verdict (*)(const Shell&);
    static const std::map<std::string, Runner> k_own_ways = {
        {"deploy", run_deploy},     {"run", run_terminal},     {"shell", run_terminal},
        {"logs", run_stream},       {"events", run_stream},    {"top", run_stream},
        {"status", run_list},       {"apps", run_list},        {"ps", run_list},
        {"releases", run_list},     {"env ls", run_list},      {"secret ls", run_list},
        {"cert ls", run_list},      {"cert show", run_list},   {"trust", run_trust},
        {"cert acme", run_acme},    {"route ls", run_list},    {"volume ls", run_list},
        {"trash ls", run_list},     {"platform ls", run_list}, {"metrics", run_list},
        {"edge status", run_list},  {"cache stats", run_list}, {"cache purge", run_list},
        {"password", run_password},
    };
    if (shell.said.verb == "completion") {
        shell.print(completion_script(shell.said.words.front()));
        return k_exit_ok;
    }
    const auto found = k_own_ways.find(shell.said.verb);
    return found == k_own_ways.end() ? run_change(shell) : found->second(shell);
}

Shell make_shell(const Invocation& said) {
    return {.said = said,
            .client = Client(socket_of(said)),
            .style = style_for(STDOUT_FILENO),
            .error_style = style_for(STDERR_FILENO),
            .out_is_terminal = is_terminal(STDOUT_FILENO),
            .in_is_terminal = is_terminal(STDIN_FILENO)};
}

}  // namespace

void Shell::print(std::string_view text) const {
    put(text);
}

void Shell::progress(std::string_view text) const {
    if (said.quiet) return;
    say(paint(error_style, Colour::dim, text) + "\n");
}

void Shell::complain(const Error& error) const {
    say(fmt::format("{} {}\n", paint(error_style, Colour::bad, "moln:"), error.reason));
}

Result<std::string> app_to_act_on(const Shell& shell, const std::string& folder) {
    if (!shell.said.app.empty()) return shell.said.app;
    return app_of_folder(folder);
}

}  // namespace cli

namespace {

// Nobody has named the app: that the folder did is to be known where there is none of that name.
Error explained(const cli::Invocation& said, Error error) {
    if (error.code != ErrorCode::not_found || !said.app.empty()) return error;
    const auto name = cli::app_of_folder(".");
    if (!name || !error.reason.starts_with(fmt::format("app {}: ", *name))) return error;
    error.reason += fmt::format("; {} is what this folder is called: --app names another", *name);
    return error;
}

}  // namespace

int run_cli(int argc, char** argv, const std::string& data_of_machine) {
    using namespace cli;
    const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
    auto data_dir = environment("MOLN_DATA");
    if (data_dir.empty()) data_dir = data_of_machine;
    if (!arguments.empty() && arguments.front() == k_complete_verb) {
        return print_completions({arguments.begin() + 1, arguments.end()}, data_dir);
    }
    const auto said = parse(arguments, data_dir);
    if (!said) {
        if (said.error().exit_code != k_exit_ok) {
            say(said.error().text);
            return said.error().exit_code;
        }
        put(said.error().text);
        const auto output = output_status();
        if (output || output.error().code == ErrorCode::unavailable) return k_exit_ok;
        say(fmt::format("moln: {}\n", output.error().reason));
        return k_exit_failed;
    }
    note_interrupts();
    const auto shell = make_shell(*said);
    auto verdict = run_verb(shell);
    if (const auto output = output_status(); !output) {
        // Whoever has read enough has gone away, as `head` does: that is no failure.
        const bool gone = output.error().code == ErrorCode::unavailable;
        if (gone && (verdict || verdict.error() == output.error())) return verdict.value_or(0);
        if (verdict && *verdict == k_exit_ok) verdict = fail(output.error());
    }
    if (verdict) return *verdict;
    if (interrupted()) return k_exit_interrupted;
    shell.complain(explained(*said, verdict.error()));
    return exit_code_of(verdict.error().code);
}

}  // namespace moln
