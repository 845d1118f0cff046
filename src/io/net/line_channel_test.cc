#include "io/net/line_channel.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace moln::net {
namespace {

struct Pair {
    Fd peer;
    LineChannel channel;
};

Pair make_pair(LineLimits limits) {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    return {Fd(fds[0]), LineChannel(Fd(fds[1]), limits)};
}

void put(const Fd& fd, std::string_view text) {
    ASSERT_EQ(::send(fd.get(), text.data(), text.size(), 0), std::ssize(text));
}

std::vector<std::string> lines_of(LineChannel& channel) {
    std::vector<std::string> lines;
    std::string_view line;
    while (channel.next_line(&line)) lines.emplace_back(line);
    return lines;
}

TEST(LineChannel, lines_come_whole_however_they_are_cut) {
    const std::string text = "one\n\ntwo words\nthree\n";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        auto [peer, channel] = make_pair({});
        std::vector<std::string> lines;
        for (const auto& part : {text.substr(0, cut), text.substr(cut)}) {
            if (!part.empty()) put(peer, part);
            ASSERT_TRUE(channel.read_some());
            for (auto& line : lines_of(channel)) lines.push_back(line);
        }
        EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "two words", "three"})) << cut;
    }
}

TEST(LineChannel, a_line_at_the_limit_passes_and_one_past_it_is_refused) {
    for (const bool ended : {true, false}) {
        auto [peer, channel] = make_pair({.line_max = 8});
        put(peer, "12345678\n");
        ASSERT_TRUE(channel.read_some());
        EXPECT_EQ(lines_of(channel).size(), 1U);
        put(peer, ended ? "123456789\n" : "123456789");
        const auto state = channel.read_some();
        ASSERT_FALSE(state);
        EXPECT_EQ(state.error().code, ErrorCode::refused);
    }
}

TEST(LineChannel, the_end_of_the_stream_is_told) {
    auto [peer, channel] = make_pair({});
    put(peer, "last\n");
    peer.reset();
    ASSERT_TRUE(channel.read_some());
    EXPECT_EQ(lines_of(channel).size(), 1U);
    EXPECT_EQ(*channel.read_some(), LineChannel::ReadState::ended);
}

TEST(LineChannel, a_peer_that_does_not_read_is_bounded) {
    auto [peer, channel] = make_pair({.line_max = 8, .unsent_max = 10});
    ASSERT_TRUE(channel.send_line("12345"));
    EXPECT_TRUE(channel.has_unsent());
    ASSERT_TRUE(channel.send_line("123"));
    EXPECT_FALSE(channel.send_line(""));
    EXPECT_TRUE(*channel.write_some());
    EXPECT_FALSE(channel.has_unsent());
    ASSERT_TRUE(channel.send_line("12345"));
}

}  // namespace
}  // namespace moln::net
