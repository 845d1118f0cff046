// The program: its first word picks a role, or is a verb of the CLI. Not what roles do.
#include <algorithm>
#include <array>
#include <csignal>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/streams.h"
#include "drivers/sandbox/paths.h"
#include "io/host/machine_lock.h"
#include "main/roles.h"

namespace moln {

std::string own_program() {
    std::array<char, 4096> path{};
    const auto length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
    if (length <= 0) return "moln";
    std::string_view program(path.data(), static_cast<std::size_t>(length));
    // A new file of the same name has taken its place: that one is meant. proc(5)
    constexpr std::string_view k_replaced = " (deleted)";
    if (program.ends_with(k_replaced)) program.remove_suffix(k_replaced.size());
    return std::string(program);
}

}  // namespace moln

namespace {

// `moln edge status` and the like are verbs of the CLI; the data plane itself always has a socket
// to be told by.
bool is_edge_itself(int argc, char** argv) {
    return std::any_of(argv + 2, argv + argc, [](const char* word) {
        return std::string_view(word).starts_with("--control");
    });
}

}  // namespace

int main(int argc, char** argv) {
    moln::cli::hold_standard_streams();
    std::signal(SIGPIPE, SIG_IGN);
    const std::string role = argc > 1 ? argv[1] : "";
    if (role == "edge" && is_edge_itself(argc, argv)) {
        return moln::run_edge_role(argc - 1, argv + 1);
    }
    if (role == "up" || role == "daemon") {
        const auto parsed = moln::parse_node_options(role, argc - 1, argv + 1);
        if (parsed.exit_code) return *parsed.exit_code;
        if (::geteuid() != 0) {
            moln::cli::say(fmt::format(
                "moln {}: must be started by root: it makes namespaces, networks and mounts\n",
                role));
            return moln::k_exit_cannot;
        }
        return role == "up" ? moln::run_up(parsed.options) : moln::run_daemon(parsed.options);
    }
    return moln::run_cli(argc, argv, moln::data_of_machine(moln::k_run_folder));
}
