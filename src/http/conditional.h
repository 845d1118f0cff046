// Conditional requests (RFC 9110 13) as a cache answers them, and the validators they compare.
// Precondition fields that only an origin may judge (If-Match, If-Unmodified-Since) are not here.
#pragma once

#include <optional>
#include <string_view>

#include "base/units.h"
#include "http/head.h"

namespace moln::http {

// RFC 9110 8.8.3.2: equal but for W/. What is no valid entity tag is compared as it stands, as
// origins send such too; an empty one is equal to none.
bool equals_weakly(std::string_view a, std::string_view b);
// Equal, and neither is weak.
bool equals_strongly(std::string_view a, std::string_view b);

// What is held, as far as it decides.
struct Validators {
    std::string_view etag;           // empty: none
    std::string_view last_modified;  // empty: none
    WallTime date;                   // of the response; stands in for Last-Modified
};
Validators validators_of(const FieldTable& fields, WallTime date);

// Is what the client has still what is held, so that 304 is the answer? If-None-Match goes before
// If-Modified-Since; without either the answer is no. `now` is for two-digit years.
bool is_not_modified(const FieldTable& request, const Validators& held, WallTime now);

// May the Range of this request be served from what is held? Without If-Range, always; with it only
// for the very same representation (RFC 9110 13.1.5).
bool if_range_holds(const FieldTable& request, const Validators& held, WallTime now);

// Does the request have a precondition that a cache must leave to the origin?
bool has_origin_precondition(const FieldTable& request);

}  // namespace moln::http
