#include "http/accept_encoding.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "http/head_testing.h"

namespace moln::http {
namespace {

constexpr auto k_identity = ContentCoding::identity;
constexpr auto k_gzip = ContentCoding::gzip;
constexpr auto k_br = ContentCoding::br;
constexpr auto k_zstd = ContentCoding::zstd;

class AcceptEncoding : public ::testing::Test {
protected:
    AcceptedCodings of(const std::string& fields) {
        text_ = "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
        HeadCursor cursor;
        EXPECT_EQ(parse_request_head(text_, {}, cursor, head_).progress, Progress::done);
        head_.rebase(text_.data());
        return accepted_codings(head_.fields);
    }

    std::string text_;
    RequestHead head_;
};

TEST_F(AcceptEncoding, Silence_means_identity_alone) {
    for (const auto* fields : {"", "Accept-Encoding:\r\n"}) {
        const auto taken = of(fields);
        EXPECT_GT(taken.weight(k_identity), 0);
        EXPECT_EQ(taken.weight(k_gzip), 0);
        EXPECT_EQ(taken.weight(k_br), 0);
        EXPECT_EQ(taken.weight(k_zstd), 0);
    }
}

TEST_F(AcceptEncoding, A_browsers_list_takes_each_at_full_weight) {
    const auto taken = of("Accept-Encoding: gzip, deflate, br, zstd\r\n");
    EXPECT_EQ(taken.weight(k_gzip), 1000);
    EXPECT_EQ(taken.weight(k_br), 1000);
    EXPECT_EQ(taken.weight(k_zstd), 1000);
    EXPECT_LT(taken.weight(k_identity), taken.weight(k_gzip));
}

TEST_F(AcceptEncoding, Weights_and_refusals_are_heard_in_several_lines_and_any_case) {
    const auto taken =
        of("Accept-Encoding: GZip;q=0.5, br;q=0\r\nAccept-Encoding: ZSTD;q=0.25\r\n");
    EXPECT_EQ(taken.weight(k_gzip), 500);
    EXPECT_EQ(taken.weight(k_br), 0);
    EXPECT_EQ(taken.weight(k_zstd), 250);
}

TEST_F(AcceptEncoding, A_star_stands_for_all_that_is_not_named) {
    const auto any = of("Accept-Encoding: br;q=0, *;q=0.3\r\n");
    EXPECT_EQ(any.weight(k_br), 0);
    EXPECT_EQ(any.weight(k_gzip), 300);
    EXPECT_EQ(any.weight(k_identity), 300);
    const auto none = of("Accept-Encoding: *;q=0\r\n");
    for (const auto weight : none.weights) EXPECT_EQ(weight, 0);
    EXPECT_EQ(of("Accept-Encoding: identity;q=0, gzip\r\n").weight(k_identity), 0);
}

TEST_F(AcceptEncoding, The_old_name_of_gzip_is_gzip) {
    EXPECT_EQ(of("Accept-Encoding: x-gzip\r\n").weight(k_gzip), 1000);
}

RC_GTEST_FIXTURE_PROP(AcceptEncoding, Weights_stay_within_their_scale_whatever_is_said, ()) {
    const auto text = *rc::gen::container<std::string>(
        rc::gen::elementOf(std::string_view("gzipbrstd*;q=0.159,  x-\"identity")));
    const auto taken = of("Accept-Encoding: " + text + "\r\n");
    for (const auto weight : taken.weights) RC_ASSERT(weight <= 1000);
}

TEST(ContentCoding, Names_lead_back_to_their_coding) {
    for (std::size_t i = 0; i < k_content_codings; ++i) {
        const auto coding = static_cast<ContentCoding>(i);
        EXPECT_EQ(coding_of(coding_name(coding)), coding);
    }
    EXPECT_FALSE(coding_of("deflate"));
    EXPECT_FALSE(coding_of(""));
}

}  // namespace
}  // namespace moln::http
