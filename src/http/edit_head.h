// A request's head written once more for this edge itself: with other fields, or as another
// request. Not what an instance gets: that is write.h.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/write.h"

namespace moln::http {

struct HeadEdit {
    std::string_view start_line = {};           // "GET /check HTTP/1.1"; "": as received
    std::span<const std::string> dropped = {};  // names of fields, any case, '_' as '-'
    std::span<const ExtraField> added = {};     // Connection lists neither afterwards
    // Without what belongs to the one request: body, upgrade, conditions, range.
    bool bare = false;
};

// What comes out parses again. Empty if it does not fit.
std::optional<std::size_t> edit_request_head(const RequestHead& head, const HeadEdit& edit,
                                             std::span<char> out);

}  // namespace moln::http
