// Names that bear a hash of what is in the file, as bundlers give them: under such a name there is
// never anything else, so that nobody need ever ask again.
#pragma once

#include <string_view>

namespace moln::edge {

// "app.3f9a1c2b.js", "index-BkX2s9.css". To miss one costs a question a visit; to take a name for
// one that is none costs users an old file for a year. So only what looks random counts, and never
// a page or a name that tells nothing.
bool bears_hash(std::string_view path);

}  // namespace moln::edge
