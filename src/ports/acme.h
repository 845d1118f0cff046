// A talk with a public certificate authority (ACME, RFC 8555), in the steps that the plan orders:
// the account is made known once; an attempt for a host begins and comes back with the challenge
// that the edges must answer; when they do, it is finished. Nothing here is remembered over an end
// of the daemon: an attempt that was not finished ends with it.
//
// Every call blocks, for at most k_acme_step_limit, and belongs into the pool; calls about one host
// come one after the other. Keys leave it sealed.
//
// Errors of code `failed` and `invalid` are of the host, or of the account where the reason says
// so: others may go well. With any other code none would: the authority is not there, or cannot be
// asked.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "model/acme.h"

namespace moln {

inline constexpr Milliseconds k_acme_step_limit = minutes(2);

struct AcmeOrder {
    std::string host;
    CertificateId id;  // that the certificate will have: its key is sealed for it
    ChallengeKind challenge = ChallengeKind::http_01;
};

// One of both.
struct AcmeBegun {
    std::optional<EdgeChallenge> challenge;
    std::optional<Certificate> certificate;  // it trusted us still, from a time before
};

enum class AcmeAnswer {
    look,     // the edges answer: the authority may look
    decline,  // they do not: the attempt ends, and finish() fails
};

class Acme {
public:
    virtual ~Acme() = default;

    // Agrees to the authority's terms for the account, or tells it another mail address of one that
    // it knows already. The error has the authority's own words.
    virtual Status register_account(const AcmeAccount& account) = 0;

    // The account is registered. An attempt of the same host that was not finished is ended.
    virtual Result<AcmeBegun> begin(const AcmeAccount& account, const AcmeOrder& order) = 0;

    // After a begin() that gave a challenge. The certificate has no `created`, and its host is not
    // looked at. `not_found`: no such attempt is under way.
    virtual Result<Certificate> finish(const std::string& host, AcmeAnswer answer) = 0;
};

}  // namespace moln
