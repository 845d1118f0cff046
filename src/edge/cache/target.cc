#include "edge/cache/target.h"

#include <algorithm>
#include <cstring>

#include "http/scan.h"
#include "http/write.h"

namespace moln::edge {
namespace {

struct Parts {
    std::string_view path;
    std::string_view query;
    bool has_query = false;
};

Parts split(std::string_view target) {
    target = target.substr(0, target.find('#'));
    const auto mark = target.find('?');
    if (mark == std::string_view::npos) return {.path = target};
    return {.path = target.substr(0, mark), .query = target.substr(mark + 1), .has_query = true};
}

// Takes "http://" or "https://" off; false: it has none.
bool take_scheme(std::string_view& url) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (url.size() < scheme.size()) continue;
        if (!http::equals_ignoring_case(url.substr(0, scheme.size()), scheme)) continue;
        url.remove_prefix(scheme.size());
        return true;
    }
    return false;
}

}  // namespace

std::optional<std::string_view> cache_key(const CacheEntrance& entrance,
                                          const http::RequestHead& request,
                                          std::span<char, k_cache_key_bytes_max> out) {
    http::ByteWriter text(out);
    text.text(entrance.scheme);
    const std::uint16_t usual = entrance.scheme == "https" ? 443 : 80;
    if (entrance.port != 0 && entrance.port != usual) {
        text.text("+");
        text.number(entrance.port);
    }
    text.text("://");
    const std::size_t host_at = text.size();
    text.text(request.authority());
    const auto host = out.first(text.size()).subspan(host_at);
    std::ranges::transform(host, host.begin(), http::to_lower);
    text.text(request.path());
    if (request.has_query) {
        text.text("?");
        text.text(request.query());
    }
    if (!text.fits()) return std::nullopt;
    return text.written();
}

std::uint64_t cache_hash(std::string_view key, std::uint64_t seed) {
    // FNV-1a over words, then mixed (the finalizer of MurmurHash3).
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325u ^ seed ^ key.size();
    while (key.size() >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, key.data(), 8);
        hash = (hash ^ word) * 0x9e37'79b9'7f4a'7c15u;
        hash ^= hash >> 32;
        key.remove_prefix(8);
    }
    for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3u;
    hash ^= hash >> 33;
    hash *= 0xff51'afd7'ed55'8ccdu;
    hash ^= hash >> 33;
    return hash;
}

bool CacheTarget::set(std::string_view host, std::string_view path, std::string_view query,
                      bool has_query) {
    std::array<char, http::k_host_bytes_max> host_room;
    if (host.size() > host_room.size()) return false;
    const auto authority = http::parse_authority(host);
    if (!authority || path.size() + query.size() > http::HeadLimits{}.target_bytes_max)
        return false;
    std::array<char, http::HeadLimits{}.target_bytes_max> path_room;
    if (!http::is_path(path)) return false;
    const auto normal = http::normalise_path(path, path_room);
    if (!normal) return false;
    http::ByteWriter text(room_);
    const auto host_text = http::normalise_host(authority->host, host_room);
    text.text(host_text);
    text.text(*normal);
    host_size_ = host_text.size();
    path_size_ = normal->size();
    has_query_ = has_query;
    query_size_ = query.size();
    if (has_query) {
        text.text("?");
        text.text(query);
    }
    return text.fits();
}

std::optional<CacheTarget> CacheTarget::of(const http::RequestHead& request) {
    std::optional<CacheTarget> out(std::in_place);
    if (!out->set(request.authority(), request.path(), request.query(), request.has_query)) {
        return std::nullopt;
    }
    return out;
}

std::optional<CacheTarget> CacheTarget::of(std::string_view reference, const CacheTarget& base) {
    if (take_scheme(reference) || reference.starts_with("//")) {
        while (reference.starts_with('/')) reference.remove_prefix(1);
        auto out = of(reference);
        if (out && out->host() != base.host()) return std::nullopt;
        return out;
    }
    const Parts parts = split(reference);
    std::optional<CacheTarget> out(std::in_place);
    bool good = false;
    if (parts.path.starts_with('/')) {
        good = out->set(base.host(), parts.path, parts.query, parts.has_query);
    } else if (parts.path.empty()) {
        good = parts.has_query ? out->set(base.host(), base.path(), parts.query, true)
                               : out->set(base.host(), base.path(), base.query(), base.has_query());
    } else {
        // In the folder of the base.
        std::array<char, http::HeadLimits{}.target_bytes_max> room;
        http::ByteWriter path(room);
        path.text(base.path().substr(0, base.path().rfind('/') + 1));
        path.text(parts.path);
        good = path.fits() && out->set(base.host(), path.written(), parts.query, parts.has_query);
    }
    if (!good) return std::nullopt;
    return out;
}

std::optional<CacheTarget> CacheTarget::of(std::string_view url) {
    take_scheme(url);
    const auto end = url.find_first_of("/?#");
    const auto host = url.substr(0, end);
    Parts parts;
    if (end != std::string_view::npos) parts = split(url.substr(end));
    if (parts.path.empty()) parts.path = "/";
    std::optional<CacheTarget> out(std::in_place);
    if (!out->set(host, parts.path, parts.query, parts.has_query)) return std::nullopt;
    return out;
}

}  // namespace moln::edge
