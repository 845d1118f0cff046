#include "edge/mirror.h"

#include <gtest/gtest.h>

namespace moln::edge {
namespace {

using http::Method;

TEST(Mirror, copies_are_of_what_changes_nothing_unless_the_app_says_otherwise) {
    for (const auto mode : {RetryMode::idempotent, RetryMode::none, RetryMode::all}) {
        for (const auto method : {Method::get, Method::head, Method::options}) {
            EXPECT_TRUE(may_mirror(method, mode));
        }
        for (const auto method :
             {Method::post, Method::put, Method::delete_, Method::patch, Method::other}) {
            EXPECT_EQ(may_mirror(method, mode), mode == RetryMode::all);
        }
    }
}

}  // namespace
}  // namespace moln::edge
