#include "model/site.h"

#include <algorithm>

namespace moln {
namespace {

constexpr std::string_view k_prefix = "site-";
constexpr std::size_t k_digits = 32;

bool is_part(std::string_view part) {
    return !part.empty() && part != "." && part != "..";
}

}  // namespace

bool is_site_name(std::string_view name) {
    if (!name.starts_with(k_prefix) || name.size() != k_prefix.size() + k_digits) return false;
    return std::ranges::all_of(name.substr(k_prefix.size()), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    });
}

std::string_view site_among(const std::vector<std::string>& layers) {
    const auto found = std::ranges::find_if(layers, is_site_name);
    return found == layers.end() ? std::string_view() : std::string_view(*found);
}

bool is_site_path(std::string_view path) {
    if (path.size() > k_site_path_bytes_max) return false;
    const bool controls = std::ranges::any_of(path, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
    if (controls) return false;
    for (;;) {
        const auto slash = path.find('/');
        if (!is_part(path.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        path.remove_prefix(slash + 1);
    }
}

}  // namespace moln
