// A TOML text as a plain tree that knows its lines: the one wrapping of the TOML library, so that
// no other file sees its headers. Not the meaning of moln.toml: that is app_file.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace moln {

inline constexpr std::size_t k_toml_depth_max = 16;

struct TomlEntry;

struct TomlValue {
    using List = std::vector<TomlValue>;
    using Table = std::vector<TomlEntry>;  // sorted by key, each key once
    struct Date {};                        // dates and times: nothing of ours takes them

    int line = 0;
    std::variant<Date, bool, std::int64_t, double, std::string, List, Table> value;

    const Table* table() const { return std::get_if<Table>(&value); }
    const List* list() const { return std::get_if<List>(&value); }
    const std::string* text() const { return std::get_if<std::string>(&value); }
    // Of a table: the entry's value, or null.
    const TomlValue* find(std::string_view key) const;
};

struct TomlEntry {
    std::string key;
    int line = 0;  // of the key
    TomlValue value;
};

// ErrorCode::invalid with "file:line: " in front, "file:line:column: " for what is no TOML. At most
// `bytes_max` bytes of UTF-8 without NUL, nested at most k_toml_depth_max deep (the library itself
// would recurse as deep as it is told).
Result<TomlValue> parse_toml(std::string_view text, std::string_view file, std::size_t bytes_max);

}  // namespace moln
