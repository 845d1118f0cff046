// The three standard streams, which may be closed or lead to a full disk or to who has gone away.
#pragma once

#include <string_view>

#include "base/result.h"

namespace moln::cli {

// First of all in main(): those that are closed get /dev/null, or the next file or socket that is
// opened would take their number, and what is said would be written into it. Writing to an output
// that was closed fails, as it would have.
void hold_standard_streams();

// To standard error, at once. If that takes nothing there is nobody to be told.
void say(std::string_view text);

// To standard output, at once.
void put(std::string_view text);

// `full`, `failed` or `unavailable` (the reader has gone away) once standard output has not taken
// what was put there.
Status output_status();

// False once standard output is a pipe or a socket that nobody reads any more: for who waits long
// before there is something to put there.
bool output_has_reader();

}  // namespace moln::cli
