// `moln trust`: the local authority's certificate in this machine's store, as Debian keeps it
// (update-ca-certificates(8)).
#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/exit_code.h"
#include "cli/requests.h"
#include "cli/shell.h"
#include "model/views.h"

namespace moln::cli {
namespace {

constexpr const char* k_folder = "/usr/local/share/ca-certificates";
constexpr const char* k_file = "/usr/local/share/ca-certificates/moln-local-authority.crt";

constexpr const char* k_java_store = "/etc/ssl/certs/java/cacerts";

Status need_root(std::string_view how) {
    if (::geteuid() == 0) return {};
    return fail(
        ErrorCode::denied,
        fmt::format("trust: this machine's store belongs to root: `sudo moln trust{}`", how));
}

Status write_whole(const std::string& path, const std::string& text) {
    const int fd =
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return fail(error_from_errno(errno, path));
    std::size_t done = 0;
    while (done < text.size()) {
        const auto count = ::write(fd, text.data() + done, text.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            const auto saved = errno;
            ::close(fd);
            return fail(error_from_errno(saved, path));
        }
        done += static_cast<std::size_t>(count);
    }
    // The program that reads it need not be root.
    const bool kept = ::fchmod(fd, 0644) == 0;
    const auto saved = errno;
    ::close(fd);
    if (!kept) return fail(error_from_errno(saved, path));
    return {};
}

enum class Update {
    add,
    all,  // links that lead nowhere any more go too
};

// A line a certificate of the whole store would hide ours: only what goes wrong is shown.
Status update_store(Update update) {
    std::string name = "update-ca-certificates";
    std::string fresh = "--fresh";
    char* const arguments[] = {name.data(), update == Update::all ? fresh.data() : nullptr,
                               nullptr};
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t child = 0;
    const int failed = ::posix_spawnp(&child, name.c_str(), &actions, nullptr, arguments, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed == ENOENT) {
        return fail(ErrorCode::not_found,
                    "trust: this machine has no update-ca-certificates: install the package "
                    "ca-certificates, or import what `moln trust --print` writes by hand");
    }
    if (failed != 0) return fail(error_from_errno(failed, name));
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return fail(ErrorCode::failed,
                "trust: update-ca-certificates failed: call it yourself to see why");
}

Verdict remove(const Shell& shell) {
    MOLN_TRY(need_root(" --remove"));
    if (::unlink(k_file) != 0) {
        if (errno != ENOENT) return fail(error_from_errno(errno, k_file));
        shell.progress("This machine does not trust it.");
        return k_exit_ok;
    }
    MOLN_TRY(update_store(Update::all));
    // What Debian's hook adds there it takes out again for certificates of packages only.
    if (::access(k_java_store, F_OK) == 0) {
        shell.progress(
            fmt::format("Java's own store may hold it still: keytool -delete -alias "
                        "debian:moln-local-authority.pem -keystore {} -storepass changeit",
                        k_java_store));
    }
    shell.progress("This machine no longer trusts the local certificates.");
    return k_exit_ok;
}

}  // namespace

Verdict run_trust(const Shell& shell) {
    if (shell.said.remove) return remove(shell);
    if (!shell.said.print && !shell.said.json) MOLN_TRY(need_root(""));
    MOLN_ASSIGN(const auto call, request_for(shell.said, ""));
    MOLN_ASSIGN(const auto body, shell.client.call(call));
    if (shell.said.json) {
        shell.print(body);
        return k_exit_ok;
    }
    MOLN_ASSIGN(const auto value, parse_json(body));
    MOLN_ASSIGN(const auto view, from_json<AuthorityView>(value, UnknownFields::ignore));
    if (shell.said.print) {
        shell.print(view.certificate);
        return k_exit_ok;
    }
    if (::mkdir(k_folder, 0755) != 0 && errno != EEXIST) {
        return fail(error_from_errno(errno, k_folder));
    }
    MOLN_TRY(write_whole(k_file, view.certificate));
    MOLN_TRY(update_store(Update::add));
    shell.progress(fmt::format(
        "This machine trusts the local certificates now (SHA-256 {}). Firefox and Chromium have "
        "stores of their own: see `moln trust --help`.",
        view.fingerprint));
    return k_exit_ok;
}

}  // namespace moln::cli
