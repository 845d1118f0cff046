#include "io/net/line_channel.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

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

Fd some_descriptor() {
    return Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

bool same_file(const Fd& a, std::uint64_t inode) {
    struct stat info{};
    return ::fstat(a.get(), &info) == 0 && info.st_ino == inode;
}

TEST(LineChannel, descriptors_come_with_their_lines) {
    auto [peer, to] = make_pair({});
    LineChannel from(std::move(peer), {});
    std::vector<std::uint64_t> inodes;
    for (const int count : {0, 2, 1}) {
        std::vector<Fd> descriptors;
        for (int i = 0; i < count; ++i) {
            descriptors.push_back(some_descriptor());
            struct stat info{};
            ASSERT_EQ(::fstat(descriptors.back().get(), &info), 0);
            inodes.push_back(info.st_ino);
        }
        ASSERT_TRUE(from.send_line(std::string(3000, 'x'), std::move(descriptors)));
    }
    ASSERT_TRUE(from.write_some().value());
    std::size_t lines = 0;
    while (lines < 3) {
        ASSERT_TRUE(to.read_some());
        lines += lines_of(to).size();
    }
    for (const auto inode : inodes) EXPECT_TRUE(same_file(to.take_descriptor(), inode));
    EXPECT_FALSE(to.take_descriptor().valid());
}

TEST(LineChannel, descriptors_have_limits) {
    auto [peer, to] = make_pair({});
    LineChannel from(std::move(peer), {});
    const auto batch = [](std::size_t count) {
        std::vector<Fd> out;
        for (std::size_t i = 0; i < count; ++i) out.push_back(some_descriptor());
        return out;
    };
    EXPECT_FALSE(from.send_line("x", batch(k_line_descriptors_max + 1)));
    for (std::size_t i = 0; i < k_descriptors_kept_max; i += k_line_descriptors_max) {
        ASSERT_TRUE(from.send_line("x", batch(k_line_descriptors_max)));
    }
    ASSERT_TRUE(from.write_some().value());
    for (std::size_t i = 0; i < k_descriptors_kept_max / k_line_descriptors_max; ++i) {
        EXPECT_TRUE(to.read_some());
    }
    ASSERT_TRUE(from.send_line("x", batch(1)));
    ASSERT_TRUE(from.write_some().value());
    EXPECT_FALSE(to.read_some());
}

}  // namespace
}  // namespace moln::net
