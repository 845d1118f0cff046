#include "io/client/answer.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln::client {
namespace {

using Step = AnswerReader::Step;
constexpr std::size_t k_max = 1000;

constexpr std::string_view k_length =
    "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view k_chunked =
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nA: b\r\n\r\n";

TEST(Answer, of_a_length_is_whole_with_its_last_byte) {
    AnswerReader reader(k_max);
    ASSERT_EQ(reader.take(k_length), Step::done);
    EXPECT_EQ(reader.answer().status, 429);
    EXPECT_EQ(reader.answer().retry_after, "7");
    EXPECT_EQ(reader.answer().body, "hello");
    EXPECT_TRUE(reader.keeps());
}

TEST(Answer, is_the_same_however_its_bytes_come) {
    EXPECT_TRUE(rc::check("split", [] {
        for (const auto whole : {k_length, k_chunked}) {
            AnswerReader reader(k_max);
            auto rest = whole;
            auto step = Step::more;
            while (!rest.empty()) {
                RC_ASSERT(step == Step::more);
                const auto size = *rc::gen::inRange<std::size_t>(1, rest.size() + 1);
                step = reader.take(rest.substr(0, size));
                rest.remove_prefix(size);
            }
            RC_ASSERT(step == Step::done);
            RC_ASSERT(reader.answer().body == "hello");
            RC_ASSERT(reader.keeps());
        }
    }));
}

TEST(Answer, without_a_length_ends_with_the_connection) {
    AnswerReader reader(k_max);
    EXPECT_EQ(reader.take("HTTP/1.1 200 OK\r\n\r\nhel"), Step::more);
    EXPECT_EQ(reader.take("lo"), Step::more);
    EXPECT_EQ(reader.end(), Step::done);
    EXPECT_EQ(reader.answer().body, "hello");
    EXPECT_FALSE(reader.keeps());
}

TEST(Answer, that_is_cut_is_none) {
    for (const auto whole : {k_length, k_chunked}) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            AnswerReader reader(k_max);
            ASSERT_EQ(reader.take(whole.substr(0, size)), Step::more);
            EXPECT_EQ(reader.end(), Step::broken);
            EXPECT_EQ(reader.reason(), "ended too early");
        }
    }
}

TEST(Answer, that_wants_to_close_or_says_too_much_is_the_connections_last) {
    AnswerReader closing(k_max);
    EXPECT_EQ(closing.take("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
              Step::done);
    EXPECT_FALSE(closing.keeps());
    AnswerReader talking(k_max);
    EXPECT_EQ(talking.take(std::string(k_length) + "x"), Step::done);
    EXPECT_FALSE(talking.keeps());
}

TEST(Answer, may_have_so_many_bytes_and_not_one_more) {
    AnswerReader fits(k_length.size());
    EXPECT_EQ(fits.take(k_length), Step::done);
    AnswerReader too_long(k_length.size() - 1);
    EXPECT_EQ(too_long.take(k_length), Step::broken);
    AnswerReader told(k_max);
    EXPECT_EQ(told.take("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"), Step::broken);
    AnswerReader interim(k_max);
    auto step = Step::more;
    for (int i = 0; i < 100 && step == Step::more; ++i) {
        step = interim.take("HTTP/1.1 102 Processing\r\n\r\n");
    }
    EXPECT_EQ(step, Step::broken);
}

TEST(Answer, that_is_no_http_is_broken) {
    for (const char* text : {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/2 200 OK\r\n\r\n",
                             "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                             "Upgrade: x\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
        AnswerReader reader(k_max);
        EXPECT_EQ(reader.take(text), Step::broken) << text;
        EXPECT_FALSE(reader.reason().empty());
    }
}

}  // namespace
}  // namespace moln::client
