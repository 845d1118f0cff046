// The program: its first word picks a role, or is a verb of the CLI. Not what roles do.
#include <array>
#include <csignal>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/cli.h"
#include "main/roles.h"

namespace moln {

std::string own_program() {
    std::array<char, 4096> path{};
    const auto length = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
    return length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : "moln";
}

}  // namespace moln

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    const std::string role = argc > 1 ? argv[1] : "";
    if (role == "edge") return moln::run_edge_role(argc - 1, argv + 1);
    if (role == "up" || role == "daemon") {
        const auto parsed = moln::parse_node_options(role, argc - 1, argv + 1);
        if (parsed.exit_code) return *parsed.exit_code;
        if (::geteuid() != 0) {
            fmt::print(stderr,
                       "moln {}: must be started by root: it makes namespaces, networks "
                       "and mounts\n",
                       role);
            return moln::k_exit_cannot;
        }
        return role == "up" ? moln::run_up(parsed.options) : moln::run_daemon(parsed.options);
    }
    return moln::run_cli(argc, argv);
}
