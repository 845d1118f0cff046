// Certificates from a public authority over ACME (RFC 8555): the account that the operator agreed
// to, and what is under way for each host. Pure words and rules; the talking is ports/acme.h, the
// deciding plan/acme.h.
//
// Store keys, one JSON value each:
//   acme           AcmeAccount
//   order/<host>   CertificateOrder
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/units.h"
#include "model/codec.h"
#include "model/edge.h"
#include "model/resources.h"

namespace moln {

inline constexpr const char* k_acme_key = "acme";  // in the store, and what the key is sealed for
inline constexpr const char* k_acme_default = "letsencrypt";  // see acme_directory()
inline constexpr std::size_t k_acme_url_length_max = 1024;
inline constexpr std::size_t k_acme_email_length_max = 254;           // RFC 5321, 4.5.3.1.3
inline constexpr std::size_t k_acme_ca_bundle_bytes_max = 64 * 1024;  // of a private authority

// How far an authority's clock may be ahead of ours.
inline constexpr Milliseconds k_acme_clock_skew = minutes(5);

// Who may speak for us with the authority. One a cluster.
struct AcmeAccount {
    bool enabled = true;        // false: nothing is ordered or renewed; what was issued serves on
    std::string directory;      // URL of the authority
    std::string email;          // where it may write to; "" nowhere
    std::string ca_bundle;      // PEM: whom to believe that it is the authority; "" the system's
    std::string sealed_key;     // the account's private key, PEM, sealed for k_acme_key
    WallTime agreed;            // when the operator agreed to the authority's terms
    bool registered = false;    // the authority knows the key
    std::int64_t failures = 0;  // in a row: of registering it, or of no single host
    SteadyTime retry;           // the authority is left alone until then
    std::string reason;         // why: of the last failure, or that it limits our rate
    friend bool operator==(const AcmeAccount&, const AcmeAccount&) = default;
};
BOOST_DESCRIBE_STRUCT(AcmeAccount, (),
                      (enabled, directory, email, ca_bundle, sealed_key, agreed, registered,
                       failures, retry, reason))

// A host that has no certificate of the authority yet, or is to get a newer one. Written before an
// attempt begins, so that no crash makes us ask more often than an authority allows.
struct CertificateOrder {
    std::string host;
    CertificateId id;           // that it will have; of a renewal the one that is renewed
    std::int64_t attempts = 0;  // in a row without success, the one under way included
    ChallengeKind challenge = ChallengeKind::http_01;  // of the last attempt
    WallTime begun;                                    // the last attempt
    SteadyTime retry;                                  // there is no other before
    std::string reason;  // why the last attempt failed; "" while it is under way
    friend bool operator==(const CertificateOrder&, const CertificateOrder&) = default;
};
BOOST_DESCRIBE_STRUCT(CertificateOrder, (), (host, id, attempts, challenge, begun, retry, reason))

// ---- what is merely seen -----------------------------------------------------------------------

// Whose a failure is.
enum class AcmeFault {
    host,       // of this host: others may go well
    authority,  // it cannot be talked with: no host would go well
};

// What became of a talk with the authority.
struct AcmeOutcome {
    std::optional<Certificate> certificate;  // of an attempt that succeeded
    std::string reason;                      // "": it went well
    AcmeFault fault = AcmeFault::host;
    friend bool operator==(const AcmeOutcome&, const AcmeOutcome&) = default;
};

// An attempt that this daemon has under way.
struct AcmeAttempt {
    CertificateId id;
    std::string directory;  // of the authority that is asked
    ChallengeKind kind = ChallengeKind::http_01;
    MonoTime since;                             // the last step
    std::optional<EdgeChallenge> challenge;     // what the edges are to answer the authority with
    std::optional<std::int64_t> shown_version;  // edge snapshot version that first had it
    bool answered = false;                      // the authority was told to look, or not to
    std::optional<AcmeOutcome> outcome;         // it is over, and not yet written down
    friend bool operator==(const AcmeAttempt&, const AcmeAttempt&) = default;
};

// ---- words -------------------------------------------------------------------------------------

// "letsencrypt" and "letsencrypt-staging" as their URLs; others as they are.
std::string acme_directory(std::string_view said);
// For people: "letsencrypt" for its URL, else the host of the URL.
std::string acme_name(std::string_view directory);
// "http-01", "tls-alpn-01".
std::string_view challenge_words(ChallengeKind kind);

// The authority says that it is asked too often (RFC 8555, 6.6 and 6.7).
bool is_rate_limit(std::string_view reason);
// "…, retry after 2026-12-05 12:00:00 UTC: see …", as Let's Encrypt says it; nothing where no time
// is said.
std::optional<WallTime> time_to_ask_again(std::string_view reason);

// A name that a public authority may certify by looking at it: two labels or more, no star, none of
// is_local_host() and no address.
bool is_public_host(std::string_view host);

// `invalid`, with what is expected.
Status validate_acme_url(std::string_view url);
Status validate_email(std::string_view email);  // "" is good

}  // namespace moln
