// Request targets: the path's segments and the query's parameters, percent-decoded.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moln::api {

inline constexpr std::size_t k_query_params_max = 256;

struct Target {
    std::string path;  // as sent, without the query; segments are decoded after routing
    std::map<std::string, std::vector<std::string>> query;
};

// None for a bad percent-encoding, a target that does not begin with '/', or more than
// k_query_params_max parameters.
std::optional<Target> parse_target(std::string_view target);

std::optional<std::string> percent_decode(std::string_view text);

}  // namespace moln::api
