#include "model/validate.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/quantity.h"

namespace moln {
namespace {

bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

// At most this much of a wrong value is repeated to the user, without control bytes.
constexpr std::size_t k_shown_max = 60;

std::string shown(std::string_view value) {
    std::string text;
    for (const char c : value.substr(0, k_shown_max)) {
        text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
    return value.size() > k_shown_max ? text + "…" : text;
}

std::unexpected<Error> expected(std::string_view what, std::string_view found) {
    return fail(ErrorCode::invalid, fmt::format("expected {}, found \"{}\"", what, shown(found)));
}

bool is_label(std::string_view label) {
    const auto inner = [](char c) { return is_lower(c) || is_digit(c) || c == '-'; };
    return !label.empty() && label.size() <= 63 && std::ranges::all_of(label, inner) &&
           label.front() != '-' && label.back() != '-';
}

bool are_labels(std::string_view host) {
    for (;;) {
        const auto dot = host.find('.');
        if (!is_label(host.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return true;
        host.remove_prefix(dot + 1);
    }
}

// Calls `each` with every segment between slashes of an absolute path; false if one is wrong.
template <typename Each>
bool all_segments(std::string_view path, Each each) {
    if (!path.starts_with('/')) return false;
    if (path == "/") return true;
    do {
        path.remove_prefix(1);
        const auto end = std::min(path.find('/'), path.size());
        if (!each(path.substr(0, end))) return false;
        path.remove_prefix(end);
    } while (!path.empty());
    return true;
}

bool is_normal_segment(std::string_view segment) {
    return !segment.empty() && segment != "." && segment != "..";
}

bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// RFC 3986 pchar: what may stand in a path segment without being escaped, and whole escapes.
bool is_url_segment(std::string_view segment) {
    constexpr std::string_view k_marks = "-._~!$&'()*+,;=:@";
    for (std::size_t i = 0; i < segment.size(); ++i) {
        const char c = segment[i];
        if (c == '%') {
            if (i + 2 >= segment.size() || !is_hex(segment[i + 1]) || !is_hex(segment[i + 2])) {
                return false;
            }
            i += 2;
        } else if (!is_letter(c) && !is_digit(c) && k_marks.find(c) == std::string_view::npos) {
            return false;
        }
    }
    return true;
}

// A volume here would hide what the system below the app needs.
constexpr std::array<std::string_view, 14> k_system_folders = {
    "/bin",  "/boot", "/dev",  "/etc", "/lib", "/lib32", "/lib64",
    "/proc", "/run",  "/sbin", "/sys", "/tmp", "/usr",   "/var"};
// Nor may one lie anywhere inside these: they are file systems of the kernel.
constexpr std::array<std::string_view, 3> k_kernel_folders = {"/dev/", "/proc/", "/sys/"};

constexpr std::array<std::string_view, 9> k_signals = {"SIGTERM", "SIGINT",   "SIGQUIT",
                                                       "SIGHUP",  "SIGUSR1",  "SIGUSR2",
                                                       "SIGKILL", "SIGWINCH", "SIGRTMIN+3"};

}  // namespace

Status validate_name(std::string_view name) {
    const auto inner = [](char c) { return is_lower(c) || is_digit(c) || c == '-'; };
    if (name.empty() || name.size() > k_name_length_max || !is_lower(name.front()) ||
        name.back() == '-' || !std::ranges::all_of(name, inner)) {
        return expected(fmt::format("a name of lower-case letters, digits and dashes that begins "
                                    "with a letter (at most {})",
                                    k_name_length_max),
                        name);
    }
    return {};
}

Status validate_app_id(std::string_view id) {
    const auto slash = id.find('/');
    if (slash == std::string_view::npos) return expected("project/name", id);
    MOLN_TRY(validate_name(id.substr(0, slash)));
    return validate_name(id.substr(slash + 1));
}

Status validate_env_name(std::string_view name) {
    const auto inner = [](char c) { return is_letter(c) || is_digit(c) || c == '_'; };
    if (name.empty() || name.size() > k_env_name_length_max || is_digit(name.front()) ||
        !std::ranges::all_of(name, inner)) {
        return expected(fmt::format("a variable name of letters, digits and underscores (at most "
                                    "{}, no digit first)",
                                    k_env_name_length_max),
                        name);
    }
    if (name == "PORT") {
        return expected("another name: Moln sets PORT itself, from the process's port", name);
    }
    if (name.starts_with("MOLN_")) {
        return expected("another name: those that begin with MOLN_ are set by Moln", name);
    }
    return {};
}

Status validate_env_value(std::string_view value) {
    if (value.size() > k_env_value_bytes_max) {
        return fail(ErrorCode::invalid, fmt::format("expected at most {} bytes, found {}",
                                                    k_env_value_bytes_max, value.size()));
    }
    if (value.find('\0') != std::string_view::npos) {
        return expected("text without NUL bytes", value);
    }
    return {};
}

Status validate_env(const std::map<std::string, std::string>& env) {
    if (env.size() > k_env_entries_max) {
        return fail(ErrorCode::invalid, fmt::format("expected at most {} variables, found {}",
                                                    k_env_entries_max, env.size()));
    }
    std::size_t total = 0;
    for (const auto& [name, value] : env) {
        MOLN_TRY(validate_env_name(name));
        if (auto status = validate_env_value(value); !status) {
            return fail_in(name, status.error());
        }
        total += name.size() + value.size() + 2;  // as "NAME=value\0" in the process
    }
    if (total > k_env_bytes_max) {
        return fail(ErrorCode::invalid,
                    fmt::format("expected at most {} bytes of variables together, found {}",
                                k_env_bytes_max, total));
    }
    return {};
}

Status validate_host(std::string_view host) {
    if (host == "*") return {};
    if (std::ranges::any_of(host, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
        return expected("a host in ASCII: write other alphabets in punycode (\"xn--…\")", host);
    }
    if (host.find(':') != std::string_view::npos) {
        return expected("a host name without a scheme or port", host);
    }
    auto labels = host;
    if (labels.starts_with("*.")) labels.remove_prefix(2);
    if (host.size() > k_host_length_max || !are_labels(labels)) {
        return expected(
            "a host such as \"shop.example.org\", \"*.example.org\" or \"*\", in "
            "lower case, a star only as the whole first label",
            host);
    }
    return {};
}

Status validate_cache(const CacheSpec& cache) {
    struct Named {
        std::string_view name;
        Milliseconds time;
    };
    for (const auto& [name, time] :
         {Named{"ttl", cache.ttl}, Named{"stale_while_revalidate", cache.stale_while_revalidate},
          Named{"stale_if_error", cache.stale_if_error}}) {
        if (time.count == 0 || (time >= seconds(1) && time <= k_cache_time_max)) continue;
        const auto wanted =
            expected(fmt::format("nothing, or 1s to {}", format_duration(k_cache_time_max)),
                     format_duration(time));
        return fail_in(name, wanted.error());
    }
    return {};
}

Status validate_hsts(Milliseconds hsts) {
    if (hsts.count == 0 || (hsts >= seconds(1) && hsts <= k_hsts_max)) return {};
    return expected(fmt::format("nothing, or 1s to {}", format_duration(k_hsts_max)),
                    format_duration(hsts));
}

Status validate_route_path(std::string_view path) {
    const bool good = path.size() <= k_path_length_max && all_segments(path, [](auto segment) {
                          return is_normal_segment(segment) && is_url_segment(segment);
                      });
    if (!good) {
        return expected(fmt::format("a path such as \"/\" or \"/api\" (no \"..\", \"//\", query "
                                    "or slash at the end; at most {} bytes)",
                                    k_path_length_max),
                        path);
    }
    return {};
}

Status validate_volume_path(std::string_view path) {
    const bool good = path.size() <= k_path_length_max && path.find('\0') == path.npos &&
                      all_segments(path, is_normal_segment);
    if (!good) {
        return expected(fmt::format("an absolute path without \"..\", \"//\" or slash at the end "
                                    "(at most {} bytes)",
                                    k_path_length_max),
                        path);
    }
    const auto inside = [path](std::string_view folder) { return path.starts_with(folder); };
    if (path == "/" || std::ranges::find(k_system_folders, path) != k_system_folders.end() ||
        std::ranges::any_of(k_kernel_folders, inside)) {
        return expected("a folder of the app's own such as \"/data\"", path);
    }
    return {};
}

Status validate_signal(std::string_view signal) {
    if (std::ranges::find(k_signals, signal) != k_signals.end()) return {};
    return expected(fmt::format("one of {}", fmt::join(k_signals, ", ")), signal);
}

}  // namespace moln
