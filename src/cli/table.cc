#include "cli/table.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <fmt/format.h>

#include "model/words.h"

namespace moln::cli {

std::string paint(const Style& style, Colour colour, std::string_view text) {
    if (!style.colours || colour == Colour::plain || text.empty()) return std::string(text);
    // SGR codes that every terminal of the last forty years knows.
    static constexpr std::array<std::string_view, 6> k_codes = {"0", "32", "33", "31", "2", "1"};
    return fmt::format("\x1b[{}m{}\x1b[0m", k_codes[static_cast<std::size_t>(colour)], text);
}

std::size_t display_width(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte >= 0x20 && byte != 0x7f) || c == '\t') out += c;
    }
    return out;
}

std::string Table::text(const Style& style) const {
    std::vector<std::size_t> widths;
    for (const auto& title : header_) widths.push_back(display_width(title));
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
            widths[i] = std::max(widths[i], display_width(printable(row[i].text)));
        }
    }
    std::string out;
    const auto line = [&](const auto& cells, auto&& draw) {
        std::string text;
        std::size_t padding = 0;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const auto [plain, painted] = draw(cells[i]);
            if (!plain.empty()) {
                text.append(padding, ' ');
                text += painted;
                padding = 0;
            }
            padding += widths[i] - display_width(plain) + 2;
        }
        out += text + "\n";
    };
    line(header_, [&](const std::string& title) {
        return std::pair(title, paint(style, Colour::bold, title));
    });
    for (const auto& row : rows_) {
        line(row, [&](const Cell& cell) {
            const auto plain = printable(cell.text);
            return std::pair(plain, paint(style, cell.colour, plain));
        });
    }
    return out;
}

std::string age(const Style& style, WallTime then) {
    if (then.ms == 0) return "-";
    return duration_words(style.now - then);
}

std::string clock_text(WallTime time) {
    const std::time_t whole = time.ms / 1000;
    std::tm parts = {};
    localtime_r(&whole, &parts);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace moln::cli
