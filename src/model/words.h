// Values in the words that people read: sizes, durations, exits. The same words in API replies, CLI
// tables and events, so that they are made in one place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "model/observed.h"

namespace moln {

// "512 B", "1.5 KiB", "12 MiB", "2 GiB": at most three digits, one decimal below ten.
std::string size_words(Bytes size);

// "0 s", "45 s", "14 min", "3 h", "2 d": the largest whole unit; negative counts as zero.
std::string duration_words(Milliseconds duration);

// "3 requests", "1 request".
std::string count_words(std::int64_t count, std::string_view singular);

// "a, b, c" with ", " between.
std::string joined(const std::vector<std::string>& words, std::string_view between);

// "exited with code 1", "killed by SIGSEGV", "killed: out of memory".
std::string exit_words(const InstanceExit& exit);

// "SIGTERM"; "signal 63" for one without a name here.
std::string signal_word(int number);

// `text` with every byte sequence that is not UTF-8 replaced by U+FFFD: what programs print may be
// anything, JSON may not.
std::string valid_utf8(std::string_view text);

}  // namespace moln
