#include "model/forward_auth.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moln {
namespace {

using testing::HasSubstr;

std::string reason(const ForwardAuthSpec& spec) {
    const auto valid = validate_forward_auth(spec);
    return valid ? "" : valid.error().reason;
}

TEST(ForwardAuth, a_process_and_a_path_are_enough) {
    EXPECT_EQ(reason({.process = "auth", .path = "/check"}), "");
    EXPECT_THAT(reason({.process = "Auth!", .path = "/check"}), HasSubstr("process: "));
    EXPECT_THAT(reason({.process = "auth", .path = "check"}), HasSubstr("path: "));
}

TEST(ForwardAuth, as_many_fields_as_the_limit_and_not_one_more) {
    ForwardAuthSpec spec{.process = "auth", .path = "/"};
    for (std::size_t i = 0; i < k_forward_auth_copies_max; ++i) {
        spec.copy.push_back("X-" + std::to_string(i));
    }
    EXPECT_EQ(reason(spec), "");
    spec.copy.emplace_back("X-More");
    EXPECT_THAT(reason(spec), HasSubstr("at most 20 fields, found 21"));
}

TEST(ForwardAuth, fields_are_names_that_a_process_may_say) {
    for (const auto* bad : {"", "a b", "X-A:", "Content-Length", "transfer-encoding", "HOST",
                            "Connection", "X-Forwarded-For", "traceparent"}) {
        EXPECT_NE(reason({.process = "auth", .path = "/", .copy = {bad}}), "") << bad;
    }
    EXPECT_THAT(reason({.process = "auth", .path = "/", .copy = {"X-A", "x-a"}}),
                HasSubstr("each field once"));
}

}  // namespace
}  // namespace moln
