#include "base/password.h"

#include <gtest/gtest.h>

namespace moln {
namespace {

TEST(Password, matches_its_own_hash_and_no_other) {
    const auto hash = hash_password(Secret("open sesame"));
    ASSERT_TRUE(hash);
    EXPECT_TRUE(hash->starts_with("$y$")) << *hash;
    EXPECT_TRUE(password_matches(Secret("open sesame"), *hash));
    EXPECT_FALSE(password_matches(Secret("open sesam"), *hash));
    EXPECT_FALSE(password_matches(Secret(""), *hash));
    EXPECT_NE(*hash_password(Secret("open sesame")), *hash);
}

// As openssl passwd -6 and htpasswd -B write them.
TEST(Password, matches_hashes_of_other_methods) {
    const Secret hello("Hello world!");
    EXPECT_TRUE(password_matches(hello,
                                 "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/"
                                 "O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"));
    EXPECT_TRUE(
        password_matches(hello, "$2b$04$G.zcYxBKQMRbzfRXrRlWHuS/AE4NvzocV1RcunC2JrJiMelcSLdiS"));
    EXPECT_FALSE(password_matches(Secret("x"), "plain"));
    EXPECT_FALSE(password_matches(Secret("x"), "$apr1$x$y"));
    EXPECT_FALSE(password_matches(Secret("x"), ""));
}

TEST(Password, has_a_length) {
    EXPECT_TRUE(hash_password(Secret(std::string(k_password_bytes_max, 'x'))));
    EXPECT_FALSE(hash_password(Secret(std::string(k_password_bytes_max + 1, 'x'))));
    EXPECT_FALSE(hash_password(Secret("")));
    EXPECT_FALSE(hash_password(Secret(std::string("a\0b", 3))));
}

}  // namespace
}  // namespace moln
