// Aligned tables and colours, as text. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace moln::cli {

// How to draw: no colours without a terminal; `now` for ages.
struct Style {
    bool colours = false;
    WallTime now;
};

enum class Colour { plain, good, warning, bad, dim, bold };
std::string paint(const Style& style, Colour colour, std::string_view text);

struct Cell {
    std::string text;
    Colour colour = Colour::plain;
    Cell(std::string words, Colour as = Colour::plain)  // NOLINT: cells are written as words
        : text(std::move(words)), colour(as) {}
    Cell(const char* words) : text(words) {}  // NOLINT
};

// Columns as wide as their widest cell, two spaces between, none at line ends. Control characters
// of cells are dropped: what programs and users named must not move the cursor.
class Table {
public:
    explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    bool empty() const { return rows_.empty(); }
    std::string text(const Style& style) const;

private:
    std::vector<std::string> header_;
    std::vector<std::vector<Cell>> rows_;
};

// Columns that text takes on a terminal: code points, which is true for all that we print.
std::size_t display_width(std::string_view text);

// `text` without control characters, but for tabs.
std::string printable(std::string_view text);

// "3 h": since `then`; "-" for a time that is none.
std::string age(const Style& style, WallTime then);

// Local time, "2026-11-22 12:01:02".
std::string clock_text(WallTime time);

}  // namespace moln::cli
