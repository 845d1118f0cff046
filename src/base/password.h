// Hashes of passwords as crypt(5) writes them. Slow on purpose (tens of milliseconds): not for an
// event loop.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace moln {

inline constexpr std::size_t k_password_bytes_max = 256;

// With the strongest method of the system (yescrypt, "$y$…") and a salt of its own.
Result<std::string> hash_password(const Secret& password);

// False also for a hash of a method that the system does not have.
bool password_matches(const Secret& password, const std::string& hash);

}  // namespace moln
