// Which stored answers are also kept compressed, and what of a request decides how it is given one.
// Compressing itself is io/coding, when and where runtime/edge/cache_coder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/content_coding.h"
#include "http/accept_encoding.h"
#include "http/cache_control.h"
#include "http/head.h"

namespace moln::edge {

// The first goes before the others that are as welcome: text becomes the smallest (measured: see
// io/coding/encoder.h).
inline constexpr std::array k_coding_order = {ContentCoding::br, ContentCoding::zstd,
                                              ContentCoding::gzip};

// May an answer be given compressed to who takes it? A whole 200 of such a type that has no coding,
// may be transformed, has no sum of its bytes, and whose app does not choose codings itself. And
// nobody's secrets: what came for credentials, is chosen by a cookie or sets one is left as it is,
// as its compressed size would tell of its contents to who can put something of theirs into it
// (BREACH). `vary_names` as http/vary.h makes them.
bool may_be_compressed(const http::RequestHead& request, const http::ResponseHead& response,
                       std::string_view vary_names);
// Of that length; unknown while it grows.
bool is_compressible_length(std::optional<std::uint64_t> length);
// Compressed to more than this it is not worth to be kept.
std::uint64_t compressed_bytes_max(std::uint64_t bytes);

// What a request takes of an answer that may be given compressed.
struct CodingWish {
    http::AcceptedCodings codings;
    bool parts = true;  // its Range may be answered with a part of what is not coded

    // The most welcome of those for which there(coding) is true. Identity, even if it is refused,
    // when there is none: RFC 9110 12.5.3 has a server answer so rather than not at all.
    template <typename There>
    ContentCoding best(There&& there) const {
        ContentCoding out = ContentCoding::identity;
        std::uint32_t weight = codings.weight(out);
        for (const ContentCoding coding : k_coding_order) {
            const std::uint32_t have = codings.weight(coding);
            const bool better = out == ContentCoding::identity ? have >= weight : have > weight;
            if (have == 0 || !better || !there(coding)) continue;
            out = coding;
            weight = have;
        }
        return out;
    }
};
// Parts are of what is not coded: compressed again, an answer need not have the same bytes. Who
// takes codings and asks If-Range by a date is given the whole: of which coding he has a part
// already, the date does not say. A request's no-transform is heeded (RFC 9111 5.2.1.6).
CodingWish coding_wish(const http::RequestHead& request, const http::CacheControl& control);

// "W/" before an entity tag that is strong: what is coded has other bytes than what the app tagged
// (RFC 9110 8.8.3.3), and nobody may put parts of both together. Empty for none; it is in `out` or
// is `etag` itself.
inline constexpr std::size_t k_coded_etag_bytes_max = 512;
std::string_view weakened(std::string_view etag, std::span<char, k_coded_etag_bytes_max> out);

}  // namespace moln::edge
