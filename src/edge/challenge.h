// What a certificate authority asks for over plain HTTP while it looks whether we speak for a host
// (ACME's http-01, RFC 8555 8.3). Only the exact token of a host that waits is answered: whatever
// else is asked for below that path is the app's, whose own ACME client may want it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/edge.h"

namespace moln::edge {

inline constexpr std::string_view k_challenge_path = "/.well-known/acme-challenge/";

class ChallengeAnswers {
public:
    // Those of other kinds are only checked. Invalid: an empty or a wildcard host, a host twice, a
    // token of other letters than base64url, an empty answer or one that is no plain text; refused:
    // more than k_snapshot_challenges_max, a text longer than k_challenge_text_max.
    static Result<ChallengeAnswers> compile(const std::vector<EdgeChallenge>& challenges);

    // `host` in lower case, without a port. "" for what is not asked for by an authority.
    std::string_view find(std::string_view host, std::string_view path) const;

private:
    struct Answer {
        std::string host;
        std::string path;
        std::string text;
    };
    std::vector<Answer> answers_;
};

}  // namespace moln::edge
