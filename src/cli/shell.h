// What a verb runs with: what was said, the daemon, how to print. "Shell" as in outer layer.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/client.h"
#include "cli/invocation.h"
#include "cli/table.h"

namespace moln::cli {

struct Shell {
    const Invocation& said;
    Client client;
    Style style;        // of standard output
    Style error_style;  // of standard error
    bool out_is_terminal = false;
    bool in_is_terminal = false;

    void print(std::string_view text) const;     // to standard output, at once
    void progress(std::string_view text) const;  // a line to standard error, unless --quiet
    void complain(const Error& error) const;
};

struct ReadLimit {
    std::size_t bytes_max;
    std::string_view of;  // "a secret has"
};
// A file's text; of "-" or "" standard input's.
Result<std::string> read_file_or_input(const std::string& path, const ReadLimit& limit);

using Verdict = Result<int>;  // the exit code of a verb that was carried out

// The app to act on: --app, else what the folder is.
Result<std::string> app_to_act_on(const Shell& shell, const std::string& folder = ".");

// Sends a change and shows its progress and its result; an interruption says what goes on.
Status send_change(const Shell& shell, const ApiCall& call,
                   const std::function<Status(const json::value&)>& result);

Verdict run_list(const Shell& shell);    // verbs that show one answer
Verdict run_change(const Shell& shell);  // verbs that change something
Verdict run_stream(const Shell& shell);  // logs, events, top
Verdict run_trust(const Shell& shell);
Verdict run_acme(const Shell& shell);  // cert acme
Verdict run_password(const Shell& shell);
Verdict run_deploy(const Shell& shell);
Verdict run_terminal(const Shell& shell);  // run, shell

}  // namespace moln::cli
