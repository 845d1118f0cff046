// What lies in a published site: a folder among the node's sites that the daemon makes and edges
// read. Two files: the manifest, JSON of a SiteManifest, and the content, the bytes of all forms
// one behind the other. Neither is ever changed below that name, which is made from what is in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "model/codec.h"

namespace moln {

inline constexpr std::size_t k_site_files_max = 50'000;
inline constexpr Bytes k_site_bytes_max = gib(4);  // of the files as they are
inline constexpr std::size_t k_site_path_bytes_max = 1024;
inline constexpr std::size_t k_site_manifest_bytes_max = 64u << 20;
inline constexpr std::size_t k_site_forms_max = 4;    // as it is, and one of each coding
inline constexpr Bytes k_site_coded_max = mib(32);    // larger files are served as they are
inline constexpr std::size_t k_site_coded_min = 256;  // smaller ones: a head is larger
inline constexpr const char* k_site_manifest = "manifest.json";
inline constexpr const char* k_site_content = "content";

// A file in one content coding.
struct SiteForm {
    std::string coding = "identity";
    std::int64_t at = 0;  // in the content
    std::int64_t bytes = 0;
    friend bool operator==(const SiteForm&, const SiteForm&) = default;
};
BOOST_DESCRIBE_STRUCT(SiteForm, (), (coding, at, bytes))

struct SiteFile {
    std::string path;             // "docs/index.html": UTF-8, no empty, "." or ".." part
    std::string type;             // Content-Type
    std::string hash;             // of the file as it is, hexadecimal
    std::vector<SiteForm> forms;  // identity first
    friend bool operator==(const SiteFile&, const SiteFile&) = default;
};
BOOST_DESCRIBE_STRUCT(SiteFile, (), (path, type, hash, forms))

struct SiteManifest {
    WallTime made;
    std::int64_t content_bytes = 0;
    std::vector<SiteFile> files;  // sorted by path
    friend bool operator==(const SiteManifest&, const SiteManifest&) = default;
};
BOOST_DESCRIBE_STRUCT(SiteManifest, (), (made, content_bytes, files))

// "site-" and 32 hexadecimal digits. It stands among the layers of its release's image, so that it
// is kept, goes to the trash and comes back with them.
bool is_site_name(std::string_view name);

// Of an image's layers the site; "" if it has none.
std::string_view site_among(const std::vector<std::string>& layers);

// "a/b.html": what such a path of a manifest, and a folder or file of a SiteSpec, must be.
bool is_site_path(std::string_view path);

}  // namespace moln
