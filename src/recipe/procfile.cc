#include "recipe/procfile.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/limits.h"
#include "model/validate.h"

namespace moln {
namespace {

constexpr std::size_t k_shown_max = 60;

std::string_view trim(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// What is wrong with a line, "" if it is an entry (then in `entry`).
std::string read_line(std::string_view line, ProcfileEntry& entry) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) {
        return fmt::format("expected \"name: command\", found \"{}\"", line.substr(0, k_shown_max));
    }
    entry.name = trim(line.substr(0, colon));
    entry.command = trim(line.substr(colon + 1));
    if (auto good = validate_name(entry.name); !good) return good.error().reason;
    if (entry.command.empty()) {
        return fmt::format("{}: expected a command, found none", entry.name);
    }
    if (entry.command.size() > k_command_bytes_max) {
        return fmt::format("{}: expected a command of at most {} bytes, found {}", entry.name,
                           k_command_bytes_max, entry.command.size());
    }
    return "";
}

}  // namespace

Result<std::vector<ProcfileEntry>> parse_procfile(std::string_view text) {
    if (text.size() > k_app_file_bytes_max) {
        return fail(ErrorCode::invalid, fmt::format("Procfile: expected at most {} bytes, found {}",
                                                    k_app_file_bytes_max, text.size()));
    }
    std::vector<ProcfileEntry> entries;
    std::vector<std::string> problems;
    for (int number = 1; !text.empty(); ++number) {
        const auto end = text.find('\n');
        const auto line = trim(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.empty() || line.starts_with('#')) continue;
        ProcfileEntry entry{.line = number};
        std::string wrong;
        if (line.find('\0') != std::string_view::npos) {
            wrong = "expected text, found a NUL byte";
        } else {
            wrong = read_line(line, entry);
        }
        if (wrong.empty() &&
            std::ranges::find(entries, entry.name, &ProcfileEntry::name) != entries.end()) {
            wrong = fmt::format("expected each process once, found \"{}\" again", entry.name);
        }
        if (wrong.empty()) {
            entries.push_back(std::move(entry));
        } else if (problems.size() < k_problems_max) {
            problems.push_back(fmt::format("Procfile:{}: {}", number, wrong));
        }
    }
    if (!problems.empty()) {
        return fail(ErrorCode::invalid, fmt::format("{}", fmt::join(problems, "\n")));
    }
    if (entries.empty()) {
        return fail(ErrorCode::invalid,
                    "Procfile: expected a line such as \"web: node server.js\", found none");
    }
    return entries;
}

}  // namespace moln
