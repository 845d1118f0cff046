// Credentials of Basic authentication (RFC 7617), taken out of a request's Authorization. Not
// whether a password is right: that costs time on purpose, see runtime/edge/password_checker.h.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/head.h"

namespace moln::edge {

inline constexpr std::size_t k_credentials_bytes_max = 512;  // name, colon and password

struct Credentials {
    std::string_view user;
    std::string_view password;
};

// Reads into `room`. Nothing: there are none, another scheme's, several, too long or not base64.
std::optional<Credentials> basic_credentials(const http::FieldTable& fields,
                                             std::array<char, k_credentials_bytes_max>& room);

// The hash of `user` among "name:hash"; "" for one that is not there.
std::string_view hash_of(const std::vector<std::string>& users, std::string_view user);

// Some hash, to be tried for a name that is not there.
std::string_view first_hash(const std::vector<std::string>& users);

}  // namespace moln::edge
