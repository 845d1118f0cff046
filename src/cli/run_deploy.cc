// `moln deploy`: the folder goes up as it is read, progress comes down.
#include <chrono>

#include <fmt/format.h>

#include "cli/exit_code.h"
#include "cli/render.h"
#include "cli/requests.h"
#include "cli/shell.h"
#include "cli/socket.h"
#include "cli/source_folder.h"
#include "cli/streams.h"
#include "model/words.h"

namespace moln::cli {
namespace {

// How much was sent, on one line that is written over, at most ten times a second.
class UploadMeter {
public:
    UploadMeter(const Shell& shell, Bytes total)
        : shown_(shell.error_style.colours && !shell.said.quiet), total_(total) {}
    ~UploadMeter() {
        if (drawn_) say("\r\x1b[K");
    }
    UploadMeter(const UploadMeter&) = delete;
    UploadMeter& operator=(const UploadMeter&) = delete;

    void add(std::size_t bytes) {
        sent_.count += static_cast<std::int64_t>(bytes);
        const auto now = std::chrono::steady_clock::now();
        if (!shown_ || now - last_ < std::chrono::milliseconds(100)) return;
        last_ = now;
        drawn_ = true;
        say(fmt::format("\rsending {} of {}\x1b[K", size_words(std::min(sent_, total_)),
                        size_words(total_)));
    }

private:
    bool shown_;
    bool drawn_ = false;
    Bytes total_;
    Bytes sent_;
    std::chrono::steady_clock::time_point last_;
};

std::string folder_name(const std::string& path) {
    auto name = path;
    while (name.size() > 1 && name.ends_with('/')) name.pop_back();
    return name.substr(name.rfind('/') + 1);
}

struct Outcome {
    std::optional<std::int64_t> release;  // once it is made, the switch goes on without us
    std::optional<json::value> result;
};

Status take_line(const Shell& shell, const json::value& value, Outcome& outcome) {
    const auto* object = value.if_object();
    if (object == nullptr) return fail(ErrorCode::internal, "the daemon sent a line of no object");
    if (object->contains("result")) {
        outcome.result = object->at("result");
        return {};
    }
    if (const auto* release = object->if_contains("release"); release && release->is_int64()) {
        outcome.release = release->get_int64();
    }
    if (const auto* line = object->if_contains("line"); line && line->is_string()) {
        shell.progress(printable(std::string(line->get_string())));
    }
    return {};
}

void say_what_goes_on(const Shell& shell, const Outcome& outcome) {
    if (outcome.release) {
        shell.progress(fmt::format(
            "Release {} is made; the switch to it goes on in the background. See `moln ps`; "
            "`moln rollback` undoes it.",
            *outcome.release));
    } else {
        shell.progress("Cancelled: no release was made, nothing has changed.");
    }
}

Status print_result(const Shell& shell, const json::value& result) {
    if (shell.said.json) {
        shell.print(json::serialize(result) + "\n");
        return {};
    }
    if (shell.said.dry_run) {
        MOLN_ASSIGN(const auto plan, from_json<PlanView>(result, UnknownFields::ignore));
        shell.print(render_plan(plan, shell.style));
        return {};
    }
    MOLN_ASSIGN(const auto change, from_json<ChangeView>(result, UnknownFields::ignore));
    shell.print(render_change(change, shell.style));
    return {};
}

Status send_folder(const Shell& shell, const ApiCall& call, const SourceFolder& folder,
                   Outcome& outcome) {
    UploadMeter meter(shell, folder.size);
    return shell.client.lines(
        call, [&](const json::value& value) { return take_line(shell, value, outcome); },
        [&](const Client::Send& send) {
            return write_archive(folder, [&](std::string_view bytes) {
                meter.add(bytes.size());
                return send(bytes);
            });
        });
}

}  // namespace

Verdict run_deploy(const Shell& shell) {
    const auto& said = shell.said;
    const std::string root = said.words.empty() ? "." : said.words.front();
    MOLN_ASSIGN(const auto app, app_to_act_on(shell, root));
    Outcome outcome;
    Status done;
    if (!said.image.empty()) {
        if (!said.words.empty()) {
            return fail(ErrorCode::invalid, "deploy: expected a folder or --image, not both");
        }
        MOLN_ASSIGN(const auto call, deploy_call(said, app, ""));
        done = shell.client.lines(
            call, [&](const json::value& value) { return take_line(shell, value, outcome); });
    } else {
        MOLN_ASSIGN(const auto folder, look_at_folder(root));
        for (const auto& warning : folder.warnings) shell.progress("warning: " + warning);
        const auto name = root == "." ? app : folder_name(root);
        MOLN_ASSIGN(const auto call, deploy_call(said, app, name));
        shell.progress(fmt::format("sending {} of folder {} as app {}",
                                   count_words(std::int64_t(folder.entries.size()), "file"), name,
                                   app));
        done = send_folder(shell, call, folder, outcome);
    }
    // A daemon that ends in the middle: the next one has the release and goes on with it.
    const bool left =
        interrupted() || (outcome.release && !done && done.error().code == ErrorCode::unavailable);
    if (!done && left) say_what_goes_on(shell, outcome);
    MOLN_TRY(done);
    if (!outcome.result) {
        return fail(ErrorCode::internal, "the daemon ended the deploy without a result");
    }
    MOLN_TRY(print_result(shell, *outcome.result));
    return k_exit_ok;
}

}  // namespace moln::cli
