#include "drivers/acme/uacme_output.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moln {
namespace {

TEST(UacmeOutput, a_line_of_the_hook_is_a_challenge) {
    const auto offer = offered_challenge("moln-challenge shop.example.org tok tok.thumb");
    ASSERT_TRUE(offer);
    EXPECT_EQ(offer->host, "shop.example.org");
    EXPECT_EQ(offer->token, "tok");
    EXPECT_EQ(offer->authorization, "tok.thumb");
    for (const auto* line : {"", "moln-challenge", "moln-challenge a b", "moln-challenge a b c d",
                             "uacme: moln-challenge a b c", "x moln-challenge a b c"}) {
        EXPECT_FALSE(offered_challenge(line)) << line;
    }
}

TEST(UacmeOutput, the_authoritys_own_words_are_the_reason) {
    EXPECT_EQ(failure_reason("uacme: polling\n"
                             "uacme: challenge https://ca/1 failed with status invalid\n"
                             "uacme: the server reported the following error:\n{\n"
                             "    \"type\": \"urn:ietf:params:acme:error:connection\",\n"
                             "    \"detail\": \"Get \\\"http://a/\\\": refused\",\n"
                             "    \"status\": 400\n}\n"
                             "uacme: failed to authorize order at https://ca/2\n"),
              "connection: Get \"http://a/\": refused");
}

TEST(UacmeOutput, the_last_of_several_problems_counts) {
    EXPECT_EQ(failure_reason("uacme: the server reported the following error:\n{\n"
                             "\"type\": \"a\"\n}\n"
                             "uacme: the server reported the following error:\n{\n"
                             "\"type\": \"urn:ietf:params:acme:error:rateLimited\",\n"
                             "\"detail\": \"too many\"\n}\n"),
              "rateLimited: too many");
}

TEST(UacmeOutput, without_such_words_the_failed_transfer_or_the_last_line_counts) {
    EXPECT_EQ(failure_reason("uacme: curl_get: GET https://ca/dir failed: Couldn't connect\n"
                             "uacme: curl_get: waiting 5 seconds before retrying\n"
                             "uacme: failed to fetch directory at https://ca/dir\n"),
              "GET https://ca/dir failed: Couldn't connect");
    EXPECT_EQ(failure_reason("uacme: a\nuacme: no challenge completed\n"),
              "no challenge completed");
    EXPECT_EQ(failure_reason(""), "uacme gave no reason");
    EXPECT_EQ(failure_reason("the server reported the following error:\nuacme: rest\n"), "rest");
}

TEST(UacmeOutput, an_account_that_is_no_more_is_told_by_its_type) {
    EXPECT_TRUE(failure_reason("uacme: no account associated with conf/private/key.pem found at "
                               "https://ca/new. Consider trying 'new'\n")
                    .starts_with("accountDoesNotExist: "));
}

std::string problem(const std::string& type, const std::string& detail) {
    return "uacme: the server reported the following error:\n{\n    \"type\": "
           "\"urn:ietf:params:acme:error:" +
           type + "\",\n    \"detail\": \"" + detail + "\"\n}\n";
}

TEST(UacmeOutput, an_account_that_was_closed_is_one_that_is_no_more_and_the_way_out_is_said) {
    for (const auto* step :
         {"retrieve account at", "create account at", "update account email at"}) {
        const auto output = fmt::format("uacme: failed to {} https://ca/sign-me-up\n", step) +
                            problem("unauthorized", "exists but is deactivated");
        const auto reason = failure_reason(output);
        EXPECT_THAT(reason, testing::StartsWith("accountDoesNotExist: ")) << step;
        EXPECT_THAT(reason, testing::HasSubstr("exists but is deactivated"));
        EXPECT_THAT(reason, testing::HasSubstr("moln cert acme --agree-tos"));
        EXPECT_FALSE(is_away(output));
    }
    EXPECT_THAT(failure_reason("uacme: invalid account status (revoked)\n"),
                testing::StartsWith("accountDoesNotExist: "));
    EXPECT_EQ(failure_reason("uacme: account location: https://ca/1\n" +
                             problem("unauthorized", "another answers") +
                             "uacme: failed to authorize order at https://ca/2\n"),
              "unauthorized: another answers");
}

TEST(UacmeOutput, whether_the_authority_or_the_host_is_at_fault_is_told_apart) {
    for (const auto& output :
         {std::string("uacme: curl_get: GET https://ca/dir failed: Couldn't connect to server\n"
                      "uacme: acme_get: curl_get failed\n"
                      "uacme: failed to fetch directory at https://ca/dir\n"),
          std::string("uacme: failed to find newNonce URL in directory\n"),
          std::string("uacme: failed to create new order at https://ca/order\n"),
          "uacme: failed to create new order at https://ca/order\n" +
              problem("serverInternal", "oops"),
          "uacme: failed to create new order at https://ca/order\n" +
              problem("rateLimited", "Service busy; retry later."),
          "uacme: failed to create new order at https://ca/order\n" + problem("badNonce", "bad")}) {
        EXPECT_TRUE(is_away(output)) << output;
    }
    for (const auto& output :
         {std::string(), std::string("uacme: no challenge completed\n"),
          std::string("uacme: challenge https://ca/1 failed with status invalid\n"
                      "uacme: failed to authorize order at https://ca/2\n"),
          std::string("uacme: timeout while polling order status at https://ca/2, giving up\n"),
          // The first transfer failed, and the next did not.
          "uacme: curl_get: GET https://ca/dir failed: Couldn't connect to server\n" +
              problem("dns", "no address") + "uacme: failed to authorize order at https://ca/2\n",
          "uacme: failed to create new order at https://ca/order\n" +
              problem("rejectedIdentifier", "not this one"),
          "uacme: failed to create new order at https://ca/order\n" +
              problem("rateLimited", "too many")}) {
        EXPECT_FALSE(is_away(output)) << output;
    }
}

TEST(UacmeOutput, a_reason_is_one_line_of_bounded_length) {
    const auto reason = [](const std::string& detail) {
        return failure_reason("uacme: the server reported the following error:\n{\"detail\": \"" +
                              detail + "\"\n}\n");
    };
    EXPECT_EQ(reason("a\\u001b[31m\\nb"), "a [31m b");
    EXPECT_EQ(reason(std::string(k_acme_reason_bytes_max, 'a')),
              std::string(k_acme_reason_bytes_max, 'a'));
    EXPECT_EQ(reason(std::string(k_acme_reason_bytes_max + 1, 'a')),
              std::string(k_acme_reason_bytes_max, 'a') + "…");
}

}  // namespace
}  // namespace moln
