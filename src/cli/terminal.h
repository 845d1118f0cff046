// The user's terminal: size, raw mode, questions. The only file of the CLI that knows termios.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/secret.h"

namespace moln::cli {

bool is_terminal(int fd);

// Columns and rows; 80 and 24 if the terminal does not say.
std::pair<int, int> terminal_size(int fd);

// Raw until destroyed, also on the way out through a signal that is noted.
class RawMode {
public:
    explicit RawMode(int fd);
    ~RawMode();
    RawMode(const RawMode&) = delete;
    RawMode& operator=(const RawMode&) = delete;

private:
    struct Saved;
    int fd_;
    std::unique_ptr<Saved> saved_;
};

// Asks on the terminal: true for a line "y" or "yes".
bool ask_yes(const std::string& question);

// A line typed without echo.
Result<Secret> ask_secret(const std::string& prompt);

}  // namespace moln::cli
