#include "edge/challenge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "edge/limits.h"

namespace moln::edge {
namespace {

using ::testing::HasSubstr;

EdgeChallenge challenge(std::string host = "shop.example.org") {
    EdgeChallenge one;
    one.host = std::move(host);
    one.token = "to-k_3n";
    one.authorization = "to-k_3n.thumb";
    return one;
}

std::string reason(const std::vector<EdgeChallenge>& challenges) {
    const auto compiled = ChallengeAnswers::compile(challenges);
    return compiled ? "" : compiled.error().reason;
}

TEST(ChallengeAnswers, the_exact_token_of_its_host_is_answered) {
    const auto answers = *ChallengeAnswers::compile({challenge()});
    EXPECT_EQ(answers.find("shop.example.org", "/.well-known/acme-challenge/to-k_3n"),
              "to-k_3n.thumb");
}

TEST(ChallengeAnswers, whatever_else_is_the_apps) {
    const auto answers = *ChallengeAnswers::compile({challenge()});
    for (const auto* path :
         {"/", "/.well-known/acme-challenge/", "/.well-known/acme-challenge/to-k_3",
          "/.well-known/acme-challenge/to-k_3n/", "/.well-known/acme-challenge/to-k_3nx",
          "/.well-known/acme-challenge/TO-K_3N", "/x/.well-known/acme-challenge/to-k_3n"}) {
        EXPECT_EQ(answers.find("shop.example.org", path), "") << path;
    }
    EXPECT_EQ(answers.find("other.example.org", "/.well-known/acme-challenge/to-k_3n"), "");
}

TEST(ChallengeAnswers, a_challenge_of_a_handshake_has_no_answer_over_http) {
    auto one = challenge();
    one.kind = ChallengeKind::tls_alpn_01;
    const auto answers = *ChallengeAnswers::compile({one});
    EXPECT_EQ(answers.find("shop.example.org", "/.well-known/acme-challenge/to-k_3n"), "");
}

TEST(ChallengeAnswers, what_is_none_is_refused) {
    EXPECT_THAT(reason({challenge("")}), HasSubstr("one host"));
    EXPECT_THAT(reason({challenge("*.example.org")}), HasSubstr("one host"));
    EXPECT_THAT(reason({challenge(), challenge()}), HasSubstr("twice"));
    for (const auto* token : {"", "a/b", "a.b", "a b", "..", "a\r\n", "ö"}) {
        auto one = challenge();
        one.token = token;
        EXPECT_THAT(reason({one}), HasSubstr("token")) << token;
    }
    for (const auto* text : {"", "a b", "a\r\nX: y"}) {
        auto one = challenge();
        one.authorization = text;
        EXPECT_THAT(reason({one}), HasSubstr("answer")) << text;
    }
}

TEST(ChallengeAnswers, their_number_and_length_have_limits) {
    std::vector<EdgeChallenge> many;
    for (std::size_t i = 0; i < k_snapshot_challenges_max; ++i) {
        many.push_back(challenge("h" + std::to_string(i) + ".example.org"));
    }
    EXPECT_EQ(reason(many), "");
    many.push_back(challenge());
    EXPECT_THAT(reason(many), HasSubstr("more than 64"));
    auto longest = challenge();
    longest.token = std::string(k_challenge_text_max, 'a');
    longest.authorization = longest.token;
    EXPECT_EQ(reason({longest}), "");
    longest.authorization += 'a';
    EXPECT_THAT(reason({longest}), HasSubstr("longer than 512"));
}

}  // namespace
}  // namespace moln::edge
