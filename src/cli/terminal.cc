#include "cli/terminal.h"

#include <array>
#include <cerrno>
#include <cstdio>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/socket.h"
#include "cli/streams.h"
#include "model/limits.h"

namespace moln::cli {
namespace {

// One line of the terminal's, without its newline; Ctrl-C ends the wait.
Result<std::string> read_line() {
    std::string line;
    while (line.size() <= k_secret_bytes_max) {
        MOLN_TRY(wait_readable(STDIN_FILENO));
        char c = 0;
        const auto count = ::read(STDIN_FILENO, &c, 1);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(error_from_errno(errno, "standard input"));
        if (count == 0 || c == '\n') return line;
        line += c;
    }
    return fail(ErrorCode::invalid, "standard input: the line is too long");
}

}  // namespace

bool is_terminal(int fd) {
    return ::isatty(fd) == 1;
}

std::pair<int, int> terminal_size(int fd) {
    winsize size = {};
    if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
        return {80, 24};
    return {size.ws_col, size.ws_row};
}

struct RawMode::Saved {
    termios state = {};
};

RawMode::RawMode(int fd) : fd_(fd), saved_(std::make_unique<Saved>()) {
    if (::tcgetattr(fd_, &saved_->state) != 0) {
        saved_ = nullptr;
        return;
    }
    auto raw = saved_->state;
    ::cfmakeraw(&raw);
    ::tcsetattr(fd_, TCSADRAIN, &raw);
}

RawMode::~RawMode() {
    if (saved_ != nullptr) ::tcsetattr(fd_, TCSADRAIN, &saved_->state);
}

bool ask_yes(const std::string& question) {
    say(question + " [y/N] ");
    const auto line = read_line();
    return line && (*line == "y" || *line == "yes" || *line == "Y");
}

Result<Secret> ask_secret(const std::string& prompt) {
    termios before = {};
    if (::tcgetattr(STDIN_FILENO, &before) != 0) {
        return fail(error_from_errno(errno, "the terminal"));
    }
    auto silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    say(prompt);
    auto line = read_line();
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    say("\n");
    if (!line) return fail(line.error());
    return Secret(std::move(*line));
}

}  // namespace moln::cli
