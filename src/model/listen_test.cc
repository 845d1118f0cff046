#include "model/listen.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln {
namespace {

TEST(Listen, a_protocol_and_a_port) {
    EXPECT_EQ(parse_listen("tcp:5432"), (Listen{Protocol::tcp, 5432}));
    EXPECT_EQ(parse_listen("udp:53"), (Listen{Protocol::udp, 53}));
    EXPECT_EQ(parse_listen("tcp:1"), (Listen{Protocol::tcp, 1}));
    EXPECT_EQ(parse_listen("tcp:65535"), (Listen{Protocol::tcp, 65'535}));
}

TEST(Listen, anything_else_is_refused) {
    for (const auto* text : {"", "tcp", "tcp:", "tcp:0", "tcp:65536", "tcp:05", "tcp:+5", "tcp:5 ",
                             " tcp:5", "TCP:5", "sctp:5", "5432", "tcp:5432/x", "tcp:0.0.0.0:5"}) {
        const auto parsed = parse_listen(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, ErrorCode::invalid);
        EXPECT_NE(parsed.error().reason.find("tcp:PORT"), std::string::npos);
    }
}

TEST(Listen, what_is_written_is_read_as_the_same) {
    EXPECT_TRUE(rc::check([] {
        const Listen listen{*rc::gen::element(Protocol::tcp, Protocol::udp),
                            *rc::gen::inRange<std::uint16_t>(1, 65'535)};
        RC_ASSERT(parse_listen(listen.text()).value() == listen);
    }));
}

}  // namespace
}  // namespace moln
