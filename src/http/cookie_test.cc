#include "http/cookie.h"

#include <gtest/gtest.h>

#include "http/fields_testing.h"

namespace moln::http {
namespace {

TEST(Cookie, is_found_by_its_whole_name) {
    FieldsOf fields;
    fields.add("Cookie", "a=1; bb=2;c=; =x; d").add("X", "e=5").add("cookie", " b = 3 ;a=9");
    EXPECT_EQ(cookie(fields.table(), "a"), "1");
    EXPECT_EQ(cookie(fields.table(), "bb"), "2");
    EXPECT_EQ(cookie(fields.table(), "c"), "");
    EXPECT_EQ(cookie(fields.table(), "b "), " 3");
    EXPECT_EQ(cookie(fields.table(), "b"), std::nullopt);
    EXPECT_EQ(cookie(fields.table(), "d"), std::nullopt);
    EXPECT_EQ(cookie(fields.table(), "e"), std::nullopt);
}

}  // namespace
}  // namespace moln::http
