// What an app's configuration may hold: names, hosts, paths, signals, limits. Pure, and the only
// place that knows: moln.toml, the API and the verbs all ask here. Every message names the field,
// what was expected and what was found.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/app_config.h"
#include "model/limits.h"

namespace moln {

inline constexpr std::size_t k_problems_max = 10;  // told at once
inline constexpr std::size_t k_host_length_max = 253;
inline constexpr std::size_t k_path_length_max = 1024;  // of routes, probes and volumes
inline constexpr std::uint16_t k_port_default = 8080;
inline constexpr std::int64_t k_pids_max = 32'768;
inline constexpr std::int64_t k_concurrency_max = 1'000'000;
inline constexpr std::int64_t k_queue_max = 100'000;
inline constexpr Milliseconds k_queue_time_min = {100};
inline constexpr Milliseconds k_queue_time_max = {3'600'000};
inline constexpr Bytes k_volume_size_min = mib(1);

// ---- pieces: ErrorCode::invalid says "expected …, found …", without naming the field ----------

// Apps, processes, volumes, projects: lower-case letters, digits and dashes, a letter first, no
// dash last, at most k_name_length_max.
Status validate_name(std::string_view name);
// "project/name".
Status validate_app_id(std::string_view id);
// Letters, digits and underscores, no digit first; not PORT nor MOLN_…, which Moln sets.
Status validate_env_name(std::string_view name);
// At most k_env_value_bytes_max, no NUL byte.
Status validate_env_value(std::string_view value);
// Names, values, number of entries and total size.
Status validate_env(const std::map<std::string, std::string>& env);
// "*", "*.example.org" or "shop.example.org": lower case, ASCII, no port. Other alphabets are
// refused with the advice to write them in punycode.
Status validate_host(std::string_view host);
// An absolute path without dot segments, empty segments, query or trailing slash (but "/").
Status validate_route_path(std::string_view path);
// 0 or a second to k_hsts_max.
Status validate_hsts(Milliseconds hsts);
// Each time is 0 or a second to k_cache_time_max; the reason begins with the time's name.
Status validate_cache(const CacheSpec& cache);
// Absolute and normal, and no place that the system itself needs ("/proc", "/usr", …).
Status validate_volume_path(std::string_view path);
// "SIGTERM" and the others that a program can take as a request to end.
Status validate_signal(std::string_view signal);

// ---- the whole -----------------------------------------------------------------------------

struct Problem {
    std::string field;    // "processes.web.memory", a path of the JSON form
    std::string message;  // "expected …, found …"
    friend bool operator==(const Problem&, const Problem&) = default;
};

// Everything wrong with `config`, up to k_problems_max, in the order of the members.
std::vector<Problem> find_problems(const AppConfig& config);

// The same as one error, a line each.
Status validate(const AppConfig& config);

}  // namespace moln
