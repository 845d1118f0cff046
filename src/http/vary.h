// Vary (RFC 9111 4.1): which request fields chose a response, and the key that those fields make.
// Two requests with one key would have been given the same response.
//
// Values are compared normalised: lines of one field joined, blanks around commas gone;
// Accept-Encoding reduced to the codings that are served at all, Accept-Language in lower case and
// in the order of its weights. So fewer variants are stored and more requests find theirs.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "http/head.h"

namespace moln::http {

inline constexpr std::size_t k_vary_names_max = 16;
inline constexpr std::size_t k_vary_bytes_max = 1024;      // of the names
inline constexpr std::size_t k_vary_key_bytes_max = 4096;  // of names and values
inline constexpr std::size_t k_languages_max = 32;         // of Accept-Language; more: as it stands

// The names that Vary lists, lower case, sorted, each once, separated by commas, in `out`; empty
// without Vary. Nothing when a response fits no other request: '*', no list of names, or beyond a
// limit.
std::optional<std::string_view> vary_names(const FieldTable& response,
                                           std::span<char, k_vary_bytes_max> out);

// Does vary_key() tell who takes that content coding from who does not? Who is given another must
// not be taken for one who is not.
bool is_told_apart(std::string_view coding);

// What the request says in the fields of `names`, as made by vary_names. Nothing beyond the limit.
std::optional<std::string_view> vary_key(std::string_view names, const FieldTable& request,
                                         std::span<char, k_vary_key_bytes_max> out);

}  // namespace moln::http
