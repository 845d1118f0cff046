#include "drivers/process/output_lines.h"

#include <utility>

namespace moln {

void OutputLines::emit() {
    if (line_) line_(std::exchange(current_, {}));
    current_.clear();
}

void OutputLines::split(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto newline = bytes.find('\n');
        const auto part = bytes.substr(0, newline);
        const auto room = k_output_line_bytes_max - current_.size();
        if (!cutting_) current_ += part.substr(0, room);
        cutting_ = cutting_ || part.size() > room;
        if (newline == std::string_view::npos) return;
        emit();
        cutting_ = false;
        bytes.remove_prefix(newline + 1);
    }
}

void OutputLines::add(std::string_view bytes) {
    kept_ += bytes;
    // Trimmed only at twice the size, so that a long output is not moved at every read.
    if (kept_.size() > 2 * kept_bytes_max_) kept_.erase(0, kept_.size() - kept_bytes_max_);
    if (line_) split(bytes);
}

void OutputLines::finish() {
    if (line_ && !current_.empty()) emit();
}

std::string OutputLines::kept() const {
    if (kept_.size() <= kept_bytes_max_) return kept_;
    return kept_.substr(kept_.size() - kept_bytes_max_);
}

}  // namespace moln
