#include "edge/basic_auth.h"

#include <string>

#include <gtest/gtest.h>

#include "http/fields_testing.h"

namespace moln::edge {
namespace {

std::string read(std::string_view value) {
    http::FieldsOf fields;
    fields.add("Authorization", value);
    std::array<char, k_credentials_bytes_max> room{};
    const auto found = basic_credentials(fields.table(), room);
    return found ? std::string(found->user) + "|" + std::string(found->password) : "";
}

std::string encoded(std::string_view text) {
    constexpr std::string_view k_digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    std::uint32_t bits = 0;
    int have = 0;
    for (const char c : text) {
        bits = (bits << 8) | static_cast<unsigned char>(c);
        for (have += 8; have >= 6; have -= 6) out += k_digits[(bits >> (have - 6)) & 63];
    }
    if (have > 0) out += k_digits[(bits << (6 - have)) & 63];
    return out;
}

TEST(BasicAuth, reads_name_and_password) {
    EXPECT_EQ(read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), "Aladdin|open sesame");  // RFC 7617 2
    EXPECT_EQ(read("basic   dGVzdDoxMjPCow=="), "test|123\xc2\xa3");               // RFC 7617 2.1
    EXPECT_EQ(read("Basic " + encoded("a:b:c")), "a|b:c");
    EXPECT_EQ(read("Basic " + encoded("a:")), "a|");
}

TEST(BasicAuth, takes_nothing_else_for_credentials) {
    for (const auto* value : {"", "Basic", "Basic ", "Bearer QWxhZGRpbjpvcGVu", "Basic QWx!",
                              "Basic Q", "Basic QWxh=ZGRpbg==", "BasicQWxhZGRpbjpvcGVu"}) {
        EXPECT_EQ(read(value), "") << value;
    }
    EXPECT_EQ(read("Basic " + encoded("nobody")), "");
    EXPECT_EQ(read("Basic " + encoded(":password")), "");
    EXPECT_EQ(read("Basic " + encoded("a\r\nX: y:b")), "");
    EXPECT_EQ(read("Basic " + encoded(std::string("a:\0b", 4))), "");
    http::FieldsOf two;
    two.add("Authorization", "Basic " + encoded("a:b"));
    two.add("Authorization", "Basic " + encoded("c:d"));
    std::array<char, k_credentials_bytes_max> room{};
    EXPECT_FALSE(basic_credentials(two.table(), room));
}

TEST(BasicAuth, is_as_long_as_its_limit_and_no_longer) {
    const std::string fits = "a:" + std::string(k_credentials_bytes_max - 4, 'x');
    EXPECT_EQ(read("Basic " + encoded(fits)).size(), fits.size());
    EXPECT_EQ(read("Basic " + encoded(fits + "xxx")), "");
}

TEST(BasicAuth, finds_the_hash_of_a_user) {
    const std::vector<std::string> users = {"alice:$y$1", "al:$y$2"};
    EXPECT_EQ(hash_of(users, "al"), "$y$2");
    EXPECT_EQ(hash_of(users, "alice"), "$y$1");
    EXPECT_EQ(hash_of(users, "ali"), "");
    EXPECT_EQ(hash_of(users, ""), "");
}

}  // namespace
}  // namespace moln::edge
