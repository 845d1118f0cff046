// What uacme(1) and its hook say, as values. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace moln {

inline constexpr std::size_t k_acme_reason_bytes_max = 400;

// A line of the hook's: the challenge that the authority offers and that is to be answered.
struct OfferedChallenge {
    std::string host;
    std::string token;
    std::string authorization;  // of tls-alpn-01 the digest
};
inline constexpr std::string_view k_offer_word = "moln-challenge";
std::optional<OfferedChallenge> offered_challenge(std::string_view line);

// It was asked to make an account that the authority has already.
bool account_exists(std::string_view output);

// Why it failed, in one line for people: the authority's own words ("connection: …", the type of
// the problem first, RFC 8555 6.7) if it gave any, else what uacme said last.
std::string failure_reason(std::string_view output);

// Whether it failed for no reason of the host's: the authority is not there, says nothing that can
// be understood, or that it has a trouble of its own.
bool is_away(std::string_view output);

}  // namespace moln
