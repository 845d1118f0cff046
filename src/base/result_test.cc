#include "base/result.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace moln {
namespace {

TEST(ErrorCode, every_word_round_trips) {
    for (int i = 0; i <= static_cast<int>(ErrorCode::internal); ++i) {
        const auto code = static_cast<ErrorCode>(i);
        EXPECT_EQ(error_code_from(word(code)), code);
    }
}

TEST(ErrorFromErrno, a_full_disk_is_told_apart) {
    EXPECT_EQ(error_from_errno(ENOSPC, "write").code, ErrorCode::full);
    EXPECT_EQ(error_from_errno(ENOENT, "open").code, ErrorCode::not_found);
}

Result<int> half(int n) {
    if (n % 2 != 0) return fail(ErrorCode::invalid, "odd");
    return n / 2;
}
Result<int> quarter(int n) {
    MOLN_ASSIGN(const int h, half(n));
    return half(h);
}

TEST(Assign, returns_the_first_error) {
    EXPECT_EQ(quarter(8).value(), 2);
    EXPECT_EQ(quarter(7).error().reason, "odd");
    EXPECT_EQ(quarter(6).error().reason, "odd");
}

}  // namespace
}  // namespace moln
