// What every Store refuses before it looks at its data, so that all of them refuse the same.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "ports/store.h"

namespace moln {

// ErrorCode::invalid: an empty key, a key, value or transaction past its limit, a negative
// revision, a key written twice.
Status check_txn(const StoreTxn& txn);
Status check_key(std::string_view key);
// A prefix may be empty.
Status check_prefix(std::string_view prefix);
Status check_after(std::int64_t after);

// The smallest string above every string that begins with `prefix`; "" if there is none, which
// is so for "" and for bytes of 0xff only.
std::string prefix_end(std::string_view prefix);

// The conflict of a compare that does not hold.
std::unexpected<Error> lost_compare(const StoreCompare& compare, std::int64_t mod_revision);

// The answer of changes() when `after` lies before the history that is kept.
std::unexpected<Error> history_gone(std::int64_t after, std::int64_t trimmed_to);

}  // namespace moln
