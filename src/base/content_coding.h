// The content codings (RFC 9110 8.4.1) that are made and served.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace moln {

enum class ContentCoding : std::uint8_t {
    identity,  // as it is
    gzip,      // RFC 1952
    br,        // RFC 7932
    zstd,      // RFC 8878
};
inline constexpr std::size_t k_content_codings = 4;
inline constexpr std::array k_made_codings = {ContentCoding::zstd, ContentCoding::br,
                                              ContentCoding::gzip};

// As Accept-Encoding and Content-Encoding have it.
constexpr std::string_view coding_name(ContentCoding coding) {
    switch (coding) {
        case ContentCoding::identity: return "identity";
        case ContentCoding::gzip: return "gzip";
        case ContentCoding::br: return "br";
        case ContentCoding::zstd: return "zstd";
    }
    return {};
}

// Lower case only. Nothing for one that is not made here.
constexpr std::optional<ContentCoding> coding_of(std::string_view name) {
    for (std::size_t i = 0; i < k_content_codings; ++i) {
        const auto coding = static_cast<ContentCoding>(i);
        if (coding_name(coding) == name) return coding;
    }
    return std::nullopt;
}

}  // namespace moln
