#include "drivers/acme/uacme_output.h"

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
