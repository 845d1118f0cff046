#include "http/url.h"

#include "base/check.h"
#include "http/scan.h"

namespace moln::http {
namespace {

bool is_ipv4(std::string_view text) {
    int parts = 0;
    while (parts < 4) {
        std::size_t digits = 0;
        unsigned value = 0;
        while (digits < text.size() && digits < 4 && is_digit(text[digits])) {
            value = value * 10 + static_cast<unsigned>(text[digits] - '0');
            ++digits;
        }
        if (digits == 0 || digits > 3 || value > 255 || (digits > 1 && text[0] == '0'))
            return false;
        text.remove_prefix(digits);
        ++parts;
        if (parts == 4) return text.empty();
        if (text.empty() || text[0] != '.') return false;
        text.remove_prefix(1);
    }
    return false;
}

// RFC 4291 2.2, without a zone.
bool is_ipv6(std::string_view text) {
    int groups = 0;
    bool compressed = false;
    if (text.starts_with("::")) {
        compressed = true;
        text.remove_prefix(2);
        if (text.empty()) return true;
    }
    for (;;) {
        std::size_t digits = 0;
        while (digits < text.size() && hex_digit(text[digits]) >= 0) ++digits;
        if (digits < text.size() && text[digits] == '.') {  // an IPv4 tail stands for two groups
            groups += 2;
            return is_ipv4(text) && (compressed ? groups < 8 : groups == 8);
        }
        if (digits == 0 || digits > 4 || ++groups > 8) return false;
        text.remove_prefix(digits);
        if (text.empty()) return compressed ? groups < 8 : groups == 8;
        if (text[0] != ':') return false;
        text.remove_prefix(1);
        if (text.starts_with(':')) {
            if (compressed) return false;
            compressed = true;
            text.remove_prefix(1);
            if (text.empty()) return groups < 8;
        }
    }
}

// 1 to 65535 without leading zeros.
std::optional<std::uint16_t> parse_port(std::string_view text) {
    if (text.empty() || text.size() > 5 || text[0] == '0') return std::nullopt;
    std::uint32_t port = 0;
    for (const char c : text) {
        if (!is_digit(c)) return std::nullopt;
        port = port * 10 + static_cast<std::uint32_t>(c - '0');
    }
    if (port > 65'535) return std::nullopt;
    return static_cast<std::uint16_t>(port);
}

bool is_triplet(std::string_view text) {
    return text.size() >= 3 && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0;
}

// One segment, normalised, to out[size…].
std::size_t append_segment(std::string_view segment, std::span<char> out, std::size_t size) {
    constexpr std::string_view k_hex = "0123456789ABCDEF";
    for (std::size_t i = 0; i < segment.size(); ++i) {
        if (segment[i] != '%' || !is_triplet(segment.substr(i))) {
            out[size++] = segment[i];
            continue;
        }
        const int high = hex_digit(segment[i + 1]);
        const int low = hex_digit(segment[i + 2]);
        const char decoded = static_cast<char>(high * 16 + low);
        if (is(k_byte_unreserved, decoded)) {
            out[size++] = decoded;
        } else {
            out[size++] = '%';
            out[size++] = k_hex[static_cast<std::size_t>(high)];
            out[size++] = k_hex[static_cast<std::size_t>(low)];
        }
        i += 2;
    }
    return size;
}

}  // namespace

bool is_host_name(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.empty() || text.size() > k_host_bytes_max - 1) return false;
    char before = '.';
    for (const char c : text) {
        if (!is(k_byte_host, c) || (c == '.' && before == '.')) return false;
        before = c;
    }
    return before != '.';
}

std::optional<Authority> parse_authority(std::string_view text) {
    Authority authority;
    std::size_t host_size = 0;
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        if (!is_ipv6(text.substr(1, close - 1))) return std::nullopt;
        host_size = close + 1;
    } else {
        host_size = text.find(':');
        if (host_size == std::string_view::npos) host_size = text.size();
        if (!is_host_name(text.substr(0, host_size))) return std::nullopt;
    }
    authority.host = text.substr(0, host_size);
    text.remove_prefix(host_size);
    if (text.empty()) return authority;
    if (text[0] != ':') return std::nullopt;
    authority.port = parse_port(text.substr(1));
    if (!authority.port) return std::nullopt;
    return authority;
}

std::string_view normalise_host(std::string_view host, std::span<char, k_host_bytes_max> out) {
    if (host.ends_with('.')) host.remove_suffix(1);
    CHECK(host.size() <= out.size());
    for (std::size_t i = 0; i < host.size(); ++i) out[i] = to_lower(host[i]);
    return {out.data(), host.size()};
}

bool is_path(std::string_view path) {
    if (!path.starts_with('/')) return false;
    for (std::size_t i = 0; i < path.size(); ++i) {
        if (!is(k_byte_path, path[i])) return false;
        if (path[i] != '%') continue;
        if (!is_triplet(path.substr(i))) return false;
        if (path[i + 1] == '0' && path[i + 2] == '0') return false;
        i += 2;
    }
    return true;
}

std::optional<std::string_view> normalise_path(std::string_view path, std::span<char> out) {
    CHECK(out.size() >= path.size());
    if (!path.starts_with('/')) return std::nullopt;
    std::size_t size = 0;
    std::size_t at = 0;
    while (at < path.size()) {
        const std::size_t slash = path.find('/', at + 1);
        const bool last = slash == std::string_view::npos;
        const std::size_t segment_end = last ? path.size() : slash;
        const std::size_t begin = size;
        out[size++] = '/';
        size = append_segment(path.substr(at + 1, segment_end - at - 1), out, size);
        const std::string_view segment{out.data() + begin + 1, size - begin - 1};
        if (segment == "." || segment == "..") {
            size = begin;
            if (segment == "..") {
                if (begin == 0) return std::nullopt;
                size = std::string_view(out.data(), begin).rfind('/');
            }
            if (last) out[size++] = '/';
        }
        at = segment_end;
    }
    return std::string_view(out.data(), size);
}

std::optional<std::string_view> normalise_path_loosely(std::string_view path, std::span<char> out) {
    CHECK(out.size() >= path.size());
    std::size_t size = 0;
    for (std::size_t at = 0; at < path.size(); ++at) {
        char c = path[at];
        if (c == '%' && is_triplet(path.substr(at))) {
            const int byte = hex_digit(path[at + 1]) * 16 + hex_digit(path[at + 2]);
            if (byte == '/' || byte == '\\') {
                c = '/';
                at += 2;
            }
        }
        if (c != '/' || size == 0 || out[size - 1] != '/') out[size++] = c;
    }
    return normalise_path({out.data(), size}, out);
}

}  // namespace moln::http
