// The edge's own log: one line an event on standard error, a stable name and fields.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace moln::edge_loop {

// say("snapshot_ignored", "reason={}", reason): "edge: snapshot_ignored reason=…".
template <typename... Arguments>
void say(std::string_view event, fmt::format_string<Arguments...> fields,
         Arguments&&... arguments) {
    const std::string line = fmt::format(
        "edge: {} {}\n", event, fmt::format(fields, std::forward<Arguments>(arguments)...));
    (void)std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace moln::edge_loop
