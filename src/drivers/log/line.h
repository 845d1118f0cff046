// One line of an instance's log as conmon writes it (the "k8s-file" format of CRI): an RFC 3339
// time, the stream, F or P (a partial line, continued by the next of that stream), the text.
// Pure: text in, values out. Source: kubernetes/design-proposals, cri "log format".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace moln {

// A line of an instance longer than this is cut here; the rest of it is dropped.
inline constexpr std::size_t k_log_text_bytes_max = 64 * 1024;

struct RawLogLine {
    WallTime at;
    bool is_error = false;
    std::string text;
    friend bool operator==(const RawLogLine&, const RawLogLine&) = default;
};

// Joins partial lines; one of these a file, fed whole file lines without their newline.
class LogAssembler {
public:
    // The line of the instance that this line of the file completes, if it does. What is not in
    // the format (a torn write) is skipped.
    std::optional<RawLogLine> feed(std::string_view file_line);

private:
    std::map<bool, RawLogLine> partial_;
};

// RFC 3339 with a fraction and an offset, as conmon writes it; none if it is not that.
std::optional<WallTime> parse_log_time(std::string_view text);

}  // namespace moln
