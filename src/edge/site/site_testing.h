// A small site for the tests of this folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "edge/site/site_index.h"
#include "model/media_type.h"

namespace moln::edge::testing {

inline constexpr WallTime k_made{1'700'000'000'000};  // Tue, 14 Nov 2023 22:13:20 GMT

inline std::string hash_for(std::string_view path) {
    constexpr std::string_view k_digits = "0123456789abcdef";
    std::string hash(k_site_hash_digits, '0');
    std::size_t at = 0;
    for (const char c : path) {
        auto& digit = hash[at++ % hash.size()];
        digit = k_digits[(k_digits.find(digit) + static_cast<unsigned char>(c)) % 16];
    }
    return hash;
}

// Each file 1,000 bytes, text also as zstd (400), br (300) and gzip (500).
inline SiteManifest manifest_of(const std::vector<std::string>& sorted_paths) {
    SiteManifest out{.made = k_made};
    for (const auto& path : sorted_paths) {
        const auto known = media_type_of(path);
        SiteFile file{.path = path,
                      .type = known.empty() ? "application/octet-stream" : std::string(known),
                      .hash = hash_for(path),
                      .forms = {}};
        const auto add = [&](std::string coding, std::int64_t bytes) {
            file.forms.push_back({std::move(coding), out.content_bytes, bytes});
            out.content_bytes += bytes;
        };
        add("identity", 1000);
        if (is_compressible(file.type)) {
            add("zstd", 400);
            add("br", 300);
            add("gzip", 500);
        }
        out.files.push_back(std::move(file));
    }
    return out;
}

inline SiteIndex index_of(const std::vector<std::string>& sorted_paths) {
    const auto manifest = manifest_of(sorted_paths);
    auto index = SiteIndex::compile(manifest, static_cast<std::uint64_t>(manifest.content_bytes));
    CHECK(index);
    return std::move(*index);
}

}  // namespace moln::edge::testing
