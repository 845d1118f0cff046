// Where a line ends in the log of an instance, so that a reader goes on behind it: also through
// another daemon, and once the file has another name. Its text is "web-7f3k2m.1a2b.6a1f.5310":
// the instance, then the file's inode, its birth and the line's end, in hexadecimal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"

namespace moln {

// A file of a log. An inode is used again, often at once: its birth tells two of one apart.
struct LogFileId {
    std::uint64_t inode = 0;    // 0: none
    std::uint64_t born_ns = 0;  // since 1970; 0: the file system does not say
    friend bool operator==(const LogFileId&, const LogFileId&) = default;
};

struct LogPosition {
    InstanceId instance;
    LogFileId file;
    std::uint64_t end = 0;  // bytes from the file's beginning

    std::string text() const;
    friend bool operator==(const LogPosition&, const LogPosition&) = default;
};

inline constexpr std::size_t k_log_position_length_max = 256;

// Invalid for what text() does not write.
Result<LogPosition> parse_log_position(std::string_view text);

}  // namespace moln
