// Cuts a stream of bytes into lines for a callback and keeps the last of it. Bounded: a line longer
// than k_output_line_bytes_max is cut, what is kept is at most what was asked for.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace moln {

inline constexpr std::size_t k_output_line_bytes_max = 8 * 1024;

class OutputLines {
public:
    // `line` may be null. It is called from within add() and finish().
    OutputLines(std::function<void(std::string)> line, std::size_t kept_bytes_max)
        : line_(std::move(line)), kept_bytes_max_(kept_bytes_max) {}

    void add(std::string_view bytes);
    // Gives the last line if it had no newline.
    void finish();
    // The last `kept_bytes_max` bytes.
    std::string kept() const;

private:
    void split(std::string_view bytes);
    void emit();

    std::function<void(std::string)> line_;
    std::size_t kept_bytes_max_;
    std::string current_;
    bool cutting_ = false;  // the rest of an overlong line is being dropped
    std::string kept_;
};

}  // namespace moln
