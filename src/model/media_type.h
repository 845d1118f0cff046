// What the bytes of a file are, as its name tells, and whether a content coding makes them smaller.
#pragma once

#include <string_view>

namespace moln {

// By the extension, any case: "text/html; charset=utf-8" of "a/index.html". Text is taken for
// UTF-8. "" for a name that tells nothing.
std::string_view media_type_of(std::string_view path);

// Is it worth trying to compress what has this Content-Type? Parameters do not matter.
bool is_compressible(std::string_view content_type);

// A page, as opposed to what pages load.
bool is_page(std::string_view content_type);

}  // namespace moln
