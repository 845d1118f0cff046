#include "model/words.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace moln {
namespace {

// Length of the well-formed UTF-8 sequence that `text` begins with, 0 if there is none (RFC 3629).
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto tail = [&](std::size_t i, unsigned low, unsigned high) {
        return i < text.size() && byte(i) >= low && byte(i) <= high;
    };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return tail(1, 0x80, 0xBF) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
        const unsigned high = first == 0xED ? 0x9F : 0xBF;
        return tail(1, low, high) && tail(2, 0x80, 0xBF) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const unsigned low = first == 0xF0 ? 0x90 : 0x80;
        const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
        return tail(1, low, high) && tail(2, 0x80, 0xBF) && tail(3, 0x80, 0xBF) ? 4 : 0;
    }
    return 0;
}

}  // namespace

std::string size_words(Bytes size) {
    static constexpr std::array<const char*, 5> k_units = {"B", "KiB", "MiB", "GiB", "TiB"};
    if (size.count < 1024) return fmt::format("{} B", std::max<std::int64_t>(size.count, 0));
    auto amount = static_cast<double>(size.count);
    std::size_t unit = 0;
    // 1023.5 would be rounded to 1024 of the smaller unit.
    while (amount >= 1023.5 && unit + 1 < k_units.size()) {
        amount /= 1024;
        ++unit;
    }
    const auto text = amount < 9.95 ? fmt::format("{:.1f}", amount) : fmt::format("{:.0f}", amount);
    const bool whole = text.size() > 2 && text.ends_with(".0");
    return fmt::format("{} {}", whole ? text.substr(0, text.size() - 2) : text, k_units[unit]);
}

std::string duration_words(Milliseconds duration) {
    const auto whole_seconds = std::max<std::int64_t>(duration.count, 0) / 1000;
    if (whole_seconds < 60) return fmt::format("{} s", whole_seconds);
    if (whole_seconds < 3600) return fmt::format("{} min", whole_seconds / 60);
    if (whole_seconds < 48 * 3600) return fmt::format("{} h", whole_seconds / 3600);
    return fmt::format("{} d", whole_seconds / 86'400);
}

std::string count_words(std::int64_t count, std::string_view singular) {
    return fmt::format("{} {}{}", count, singular, count == 1 ? "" : "s");
}

std::string signal_word(int number) {
    static constexpr std::array<const char*, 16> k_names = {
        "",       "SIGHUP",  "SIGINT",  "SIGQUIT", "SIGILL",  "SIGTRAP", "SIGABRT", "SIGBUS",
        "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM"};
    if (number > 0 && static_cast<std::size_t>(number) < k_names.size()) {
        return k_names[static_cast<std::size_t>(number)];
    }
    return fmt::format("signal {}", number);
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
    std::string out;
    for (const auto& word : words) {
        if (!out.empty()) out += between;
        out += word;
    }
    return out;
}

std::string exit_words(const InstanceExit& exit) {
    if (exit.out_of_memory) return "killed: out of memory";
    if (exit.signal != 0) return "killed by " + signal_word(exit.signal);
    return fmt::format("exited with code {}", exit.code);
}

std::string valid_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto length = sequence_length(text);
        if (length == 0) {
            out += "\xEF\xBF\xBD";
            text.remove_prefix(1);
        } else {
            out += text.substr(0, length);
            text.remove_prefix(length);
        }
    }
    return out;
}

}  // namespace moln
