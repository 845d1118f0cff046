// `moln password`: a line of "name:hash" for a route's `auth`.
#include <fmt/format.h>

#include "base/password.h"
#include "cli/exit_code.h"
#include "cli/shell.h"
#include "cli/terminal.h"
#include "model/traffic.h"

namespace moln::cli {
namespace {

Result<Secret> read_password(const Shell& shell) {
    if (shell.in_is_terminal) {
        MOLN_ASSIGN(auto password, ask_secret("Password: "));
        MOLN_ASSIGN(const auto again, ask_secret("Again: "));
        if (password.reveal() == again.reveal()) return password;
        return fail(ErrorCode::invalid, "password: the two are not the same");
    }
    // One more for the newline.
    MOLN_ASSIGN(auto text, read_file_or_input("", {k_password_bytes_max + 1, "a password has"}));
    if (text.ends_with('\n')) text.pop_back();
    return Secret(std::move(text));
}

}  // namespace

Verdict run_password(const Shell& shell) {
    // The name before anybody is asked for a password in vain.
    const auto& name = shell.said.words.front();
    const auto trial = name + ":$y$";
    if (auto valid = validate_auth({.users = {trial}}); !valid || user_name(trial) != name) {
        return fail(ErrorCode::invalid,
                    fmt::format("password: expected a name of printable ASCII without colons and "
                                "blanks, found \"{}\"",
                                name.substr(0, 60)));
    }
    MOLN_ASSIGN(const auto password, read_password(shell));
    MOLN_ASSIGN(const auto hash, hash_password(password));
    const auto line = name + ":" + hash;
    if (auto valid = validate_auth({.users = {line}}); !valid) {
        return fail_in("password", valid.error());
    }
    shell.print((shell.said.json ? json::serialize(json::object{{"user", line}}) : line) + "\n");
    return k_exit_ok;
}

}  // namespace moln::cli
