// A published site as the edge looks files up in it. Immutable, shared by all workers.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/content_coding.h"
#include "base/result.h"
#include "http/date.h"
#include "model/site.h"

namespace moln::edge {

// Where the bytes of a file in one coding lie.
struct SiteForm {
    ContentCoding coding = ContentCoding::identity;
    std::uint64_t at = 0;
    std::uint64_t bytes = 0;
};

struct SiteEntry {
    std::string path;
    std::string type;
    std::string hash;
    std::vector<SiteForm> forms;  // identity first; each coding once
    bool immutable = false;       // its name bears a hash
};

// An entity tag: the hash, and what tells the codings apart.
inline constexpr std::size_t k_site_hash_digits = 32;
inline constexpr std::size_t k_site_etag_bytes_max = k_site_hash_digits + 2 + 5;

class SiteIndex {
public:
    // Invalid, with the file named, for what no driver makes: a path that is none, twice or out of
    // order, a form beyond the content, an unknown coding or one that comes twice, bytes in a type
    // or hash that could not stand in a head. Nothing in it names a file of the node's.
    static Result<SiteIndex> compile(SiteManifest manifest, std::uint64_t content_bytes);

    // Null: there is no such file.
    const SiteEntry* find(std::string_view path) const;
    std::size_t size() const { return entries_.size(); }
    // When it was published: Last-Modified.
    WallTime made() const { return made_; }
    std::string_view made_text() const { return {made_text_.data(), made_text_.size()}; }

private:
    std::vector<SiteEntry> entries_;  // sorted by path
    WallTime made_;
    std::array<char, http::k_date_bytes> made_text_{};
};

// From the manifest's text.
Result<SiteIndex> read_site(std::string_view manifest, std::uint64_t content_bytes);

}  // namespace moln::edge
