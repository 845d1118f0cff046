// Verbs that print as it comes: logs, events, top.
#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "cli/exit_code.h"
#include "cli/follow_place.h"
#include "cli/render.h"
#include "cli/requests.h"
#include "cli/shell.h"
#include "cli/socket.h"
#include "cli/streams.h"
#include "model/quantity.h"

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

constexpr std::chrono::milliseconds k_look_first{200};
constexpr std::chrono::milliseconds k_look_last{2000};  // each wait is twice the one before

WallTime wall_now() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
}

// Goes on over restarts of the daemon, until it is interrupted, nobody reads, or an answer is an
// error.
Status follow(const Shell& shell, const std::string& app, ApiCall call) {
    FollowPlace place(wall_now());
    bool is_open = false;
    bool was_open = false;
    auto wait = k_look_first;
    const auto opened = [&] {
        if (was_open) shell.progress("(the daemon is back: this goes on where it was)");
        is_open = was_open = true;
        wait = k_look_first;
    };
    const auto line = [&](const json::value& value) -> Status {
        return place.takes(value) ? print_line(shell, value) : Status{};
    };
    while (true) {
        auto done = shell.client.follow(call, opened, line);
        const bool has_gone = !done && done.error().code == ErrorCode::unavailable;
        if (!has_gone || !was_open || interrupted() || !output_status()) return done;
        if (is_open) {
            shell.progress("(the daemon has gone: waiting until it is back; Ctrl-C ends this)");
        }
        is_open = false;
        MOLN_TRY(wait_for(wait));
        if (!output_has_reader()) return {};
        wait = std::min(wait * 2, k_look_last);
        place.go_on();
        MOLN_ASSIGN(call, request_to_go_on(shell.said, app, place));
    }
}

}  // namespace

Verdict run_stream(const Shell& shell) {
    std::string app;
    if (shell.said.verb == "logs") {
        MOLN_ASSIGN(app, app_to_act_on(shell));
    }
    auto said = shell.said;
    if (!said.since.empty()) {
        const auto ago = parse_duration(said.since);
        if (!ago) return fail_in("--since", ago.error());
        said.since_ms = std::max(wall_now().ms - ago->count, std::int64_t{1});
    }
    MOLN_ASSIGN(const auto call, request_for(said, app));
    if (said.follow || (said.verb == "top" && !said.once)) {
        const auto done = follow(shell, app, call);
        // Ctrl-C is how a follow ends.
        if (!done && !interrupted()) return std::unexpected(done.error());
        return k_exit_ok;
    }
    MOLN_TRY(shell.client.lines(
        call, [&](const json::value& value) { return print_line(shell, value); }));
    return k_exit_ok;
}

}  // namespace moln::cli
