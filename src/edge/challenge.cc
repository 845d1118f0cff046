#include "edge/challenge.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

std::unexpected<Error> bad(const EdgeChallenge& challenge, std::string_view what) {
    return fail(ErrorCode::invalid, fmt::format("challenge of {}: {}", challenge.host, what));
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

// RFC 8555, 8.1: base64url, a dot between token and thumbprint.
bool is_text(std::string_view text) {
    return !text.empty() &&
           std::ranges::all_of(text, [](char c) { return is_letter(c) || c == '.'; });
}

Status check(const EdgeChallenge& challenge) {
    if (challenge.host.empty() || challenge.host.find('*') != std::string::npos) {
        return bad(challenge, "it is for one host");
    }
    if (challenge.kind != ChallengeKind::http_01) return {};
    if (challenge.token.size() > k_challenge_text_max ||
        challenge.authorization.size() > k_challenge_text_max) {
        return fail(ErrorCode::refused, fmt::format("challenge of {}: longer than {} bytes",
                                                    challenge.host, k_challenge_text_max));
    }
    if (challenge.token.empty() || !std::ranges::all_of(challenge.token, is_letter)) {
        return bad(challenge, "the token is none");
    }
    if (!is_text(challenge.authorization)) return bad(challenge, "the answer is none");
    return {};
}

}  // namespace

Result<ChallengeAnswers> ChallengeAnswers::compile(const std::vector<EdgeChallenge>& challenges) {
    if (challenges.size() > k_snapshot_challenges_max) {
        return fail(ErrorCode::refused,
                    fmt::format("more than {} challenges", k_snapshot_challenges_max));
    }
    ChallengeAnswers made;
    std::set<std::string_view> hosts;
    for (const auto& challenge : challenges) {
        MOLN_TRY(check(challenge));
        if (!hosts.insert(challenge.host).second) return bad(challenge, "is there twice");
        if (challenge.kind != ChallengeKind::http_01) continue;
        made.answers_.push_back({.host = challenge.host,
                                 .path = std::string(k_challenge_path) + challenge.token,
                                 .text = challenge.authorization});
    }
    return made;
}

std::string_view ChallengeAnswers::find(std::string_view host, std::string_view path) const {
    if (answers_.empty() || !path.starts_with(k_challenge_path)) return {};
    const auto found = std::ranges::find_if(
        answers_, [&](const Answer& one) { return one.host == host && one.path == path; });
    return found == answers_.end() ? std::string_view() : found->text;
}

}  // namespace moln::edge
