// Verbs that print as it comes: logs, events, top.
#include <fmt/format.h>

#include "cli/exit_code.h"
#include "cli/render.h"
#include "cli/requests.h"
#include "cli/shell.h"
#include "cli/socket.h"
#include "cli/streams.h"

namespace moln::cli {
namespace {

// To the top left, and clear what is below; the screen does not flicker.
constexpr std::string_view k_home = "\x1b[H\x1b[J";

void print_screen(const Shell& shell, const std::string& text) {
    shell.print(shell.out_is_terminal && !shell.said.once ? std::string(k_home) + text : text);
}

Status print_line(const Shell& shell, const json::value& value) {
    if (shell.said.json) {
        shell.print(json::serialize(value) + "\n");
        return output_status();
    }
    const auto* object = value.if_object();
    if (object != nullptr && object->contains("skipped")) {
        shell.progress(fmt::format("({} lines skipped: this terminal is slower than the app)",
                                   object->at("skipped").to_number<std::int64_t>()));
        return {};
    }
    if (shell.said.verb == "logs") {
        MOLN_ASSIGN(const auto line, from_json<LogView>(value, UnknownFields::ignore));
        shell.print(render_log(line, shell.style));
    } else if (shell.said.verb == "events") {
        MOLN_ASSIGN(const auto event, from_json<Event>(value, UnknownFields::ignore));
        shell.print(render_event(event, shell.style));
    } else if (shell.said.routes) {
        MOLN_ASSIGN(const auto view, from_json<TopRoutesView>(value, UnknownFields::ignore));
        print_screen(shell, render_top_routes(view, shell.style));
    } else {
        MOLN_ASSIGN(const auto view, from_json<TopView>(value, UnknownFields::ignore));
        print_screen(shell, render_top(view, shell.style));
    }
    return output_status();  // without a reader there is nothing to go on for
}

}  // namespace

Verdict run_stream(const Shell& shell) {
    std::string app;
    if (shell.said.verb == "logs") {
        MOLN_ASSIGN(app, app_to_act_on(shell));
    }
    MOLN_ASSIGN(const auto call, request_for(shell.said, app));
    const auto done = shell.client.lines(
        call, [&](const json::value& value) { return print_line(shell, value); });
    // Ctrl-C is how a follow ends.
    const bool endless = shell.said.follow || (shell.said.verb == "top" && !shell.said.once);
    if (!done && interrupted() && endless) return k_exit_ok;
    if (!done) return std::unexpected(done.error());
    return k_exit_ok;
}

}  // namespace moln::cli
