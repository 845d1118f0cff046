#include "edge/site/site_path.h"

#include <array>

#include "http/write.h"
#include "model/media_type.h"

namespace moln::edge {
namespace {

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// A path of the index with something behind it. No longer one is there.
const SiteEntry* find_with(const SiteIndex& index, std::string_view path, std::string_view tail) {
    std::array<char, k_site_path_bytes_max> room;
    http::ByteWriter whole(room);
    whole.text(path);
    whole.text(tail);
    return whole.fits() ? index.find(whole.written()) : nullptr;
}

const SiteEntry* find_index(const SiteIndex& index, const SiteSpec& spec, std::string_view folder) {
    std::array<char, k_site_path_bytes_max> room;
    http::ByteWriter tail(room);
    if (!folder.empty() && !folder.ends_with('/')) tail.text("/");
    tail.text(spec.index);
    return tail.fits() ? find_with(index, folder, tail.written()) : nullptr;
}

bool may_be_page(std::string_view path) {
    const auto type = media_type_of(path);
    return type.empty() || is_page(type);
}

}  // namespace

std::optional<std::string_view> site_path(std::string_view path, std::span<char> room) {
    if (!path.starts_with('/') || room.size() < path.size()) return std::nullopt;
    path.remove_prefix(1);
    std::size_t size = 0;
    for (std::size_t i = 0; i < path.size(); ++i) {
        char c = path[i];
        if (c == '%') {
            if (path.size() - i < 3) return std::nullopt;
            const int high = hex_value(path[i + 1]);
            const int low = hex_value(path[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            i += 2;
            const auto byte = static_cast<unsigned char>(c);
            if (c == '/' || byte < 0x20 || byte == 0x7f) return std::nullopt;
        }
        room[size++] = c;
    }
    return std::string_view(room.data(), size);
}

SiteFound find_file(const SiteIndex& index, const SiteSpec& spec, std::string_view path) {
    if (path.empty() || path.ends_with('/')) {
        if (const auto* entry = find_index(index, spec, path)) return {SiteFind::file, entry};
    } else {
        if (const auto* entry = index.find(path)) return {SiteFind::file, entry};
        if (const auto* entry = find_with(index, path, ".html")) return {SiteFind::file, entry};
        if (find_index(index, spec, path) != nullptr) return {SiteFind::slash, nullptr};
    }
    if (!spec.fallback.empty() && may_be_page(path)) {
        if (const auto* entry = index.find(spec.fallback)) return {SiteFind::file, entry};
    }
    return {SiteFind::not_found, spec.not_found.empty() ? nullptr : index.find(spec.not_found)};
}

}  // namespace moln::edge
