#include "edge/proxy_header.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln::edge {
namespace {

ProxyParsed parse(std::string_view bytes, ProxyHeader& header) {
    return parse_proxy_header(bytes, header);
}
ProxyProgress progress_of(std::string_view bytes) {
    ProxyHeader header;
    return parse(bytes, header).progress;
}

std::string v2(char command, char family, std::string_view rest) {
    std::string out("\r\n\r\n\0\r\nQUIT\n", 12);
    out += command;
    out += family;
    out += static_cast<char>(rest.size() >> 8);
    out += static_cast<char>(rest.size() & 0xffU);
    return out.append(rest);
}

const std::string k_v4_addresses("\x0a\0\0\x01\xc0\0\x02\x07\x30\x39\x15\x38", 12);

TEST(ProxyHeader, a_line_of_version_1_says_who_the_client_is) {
    ProxyHeader header;
    const auto parsed = parse("PROXY TCP4 10.0.0.1 192.0.2.7 12345 5432\r\nhello", header);
    EXPECT_EQ(parsed.progress, ProxyProgress::done);
    EXPECT_EQ(parsed.consumed, 42u);
    EXPECT_EQ(header.family, ProxyFamily::ipv4);
    EXPECT_EQ(header.source.ip[0], 10);
    EXPECT_EQ(header.source.port, 12'345);
    EXPECT_EQ(header.destination.ip[3], 7);
    EXPECT_EQ(header.destination.port, 5432);
    EXPECT_EQ(parse("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", header).progress, ProxyProgress::done);
    EXPECT_EQ(header.family, ProxyFamily::ipv6);
    EXPECT_EQ(header.source.ip[1], 0x01);
    EXPECT_EQ(parse("PROXY UNKNOWN\r\n", header).progress, ProxyProgress::done);
    EXPECT_EQ(header, ProxyHeader());
    EXPECT_EQ(parse("PROXY UNKNOWN ffff::1 anything 1 2\r\n", header).progress,
              ProxyProgress::done);
}

TEST(ProxyHeader, version_1_is_taken_exactly_or_not_at_all) {
    for (const auto* text :
         {"PROXY TCP4 10.0.0.1 192.0.2.7 12345 5432\n", "PROXY TCP4 10.0.0.1 192.0.2.7 12345\r\n",
          "PROXY TCP4 10.0.0.1 192.0.2.7 12345 5432 \r\n", "PROXY  TCP4 10.0.0.1 1.2.3.4 1 2\r\n",
          "PROXY TCP4 10.0.0.01 192.0.2.7 1 2\r\n", "PROXY TCP4 10.0.0.1 192.0.2.7 01 2\r\n",
          "PROXY TCP4 10.0.0.1 192.0.2.7 1 65536\r\n", "PROXY TCP4 10.0.0.1 192.0.2.7 -1 2\r\n",
          "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 10.0.0.1 10.0.0.2 1 2\r\n",
          "PROXY UDP4 10.0.0.1 10.0.0.2 1 2\r\n", "PROXY UNKNOWNS\r\n", "PROXY \r\n", "proxy tcp4",
          "GET / HTTP/1.1\r\n", "PROXY TCP4 10.0.0.1 192.0.2.7 1 2\r\r\n", "\r\n\r\nX", "P\n"}) {
        EXPECT_EQ(progress_of(text), ProxyProgress::refused) << text;
    }
}

TEST(ProxyHeader, a_line_of_version_1_has_107_bytes_at_most) {
    const std::string at = "PROXY UNKNOWN " + std::string(k_proxy_v1_bytes_max - 16, 'x') + "\r\n";
    ASSERT_EQ(at.size(), k_proxy_v1_bytes_max);
    EXPECT_EQ(progress_of(at), ProxyProgress::done);
    const std::string past =
        "PROXY UNKNOWN " + std::string(k_proxy_v1_bytes_max - 15, 'x') + "\r\n";
    EXPECT_EQ(progress_of(past), ProxyProgress::refused);
    EXPECT_EQ(progress_of(at.substr(0, at.size() - 1)), ProxyProgress::need_more);
}

TEST(ProxyHeader, version_2_says_the_same_in_bytes) {
    ProxyHeader header;
    const auto bytes = v2(0x21, 0x11, k_v4_addresses);
    EXPECT_EQ(parse(bytes + "hello", header).consumed, bytes.size());
    EXPECT_EQ(header.family, ProxyFamily::ipv4);
    EXPECT_EQ(header.source.port, 12'345);
    EXPECT_EQ(header.destination.port, 5432);
    EXPECT_EQ(parse(v2(0x21, 0x21, std::string(36, '\1')), header).progress, ProxyProgress::done);
    EXPECT_EQ(header.family, ProxyFamily::ipv6);
    // LOCAL, and families that are no TCP over IP: the socket's own addresses stand.
    for (const auto& other :
         {v2(0x20, 0x11, k_v4_addresses), v2(0x21, 0x00, ""), v2(0x20, 0x00, ""),
          v2(0x21, 0x12, k_v4_addresses), v2(0x21, 0x31, std::string(216, 'x'))}) {
        EXPECT_EQ(parse(other, header).progress, ProxyProgress::done);
        EXPECT_EQ(header, ProxyHeader());
    }
}

// Section 2.2: such a connection must be accepted, its block discarded, the family ignored.
TEST(ProxyHeader, what_a_local_one_says_is_nobodys) {
    for (const auto& block : {std::string(), std::string("\xff"), std::string(100, '\xff')}) {
        for (int family = 0; family < 256; ++family) {
            ProxyHeader header;
            const auto bytes = v2(0x20, static_cast<char>(family), block);
            const auto parsed = parse(bytes + "hello", header);
            EXPECT_EQ(parsed.progress, ProxyProgress::done) << family;
            EXPECT_EQ(parsed.consumed, bytes.size());
            EXPECT_EQ(header, ProxyHeader());
        }
    }
    const auto of = [](std::size_t bytes) { return v2(0x20, 0, std::string(bytes, 'x')); };
    EXPECT_EQ(progress_of(of(k_proxy_v2_bytes_max - 16)), ProxyProgress::done);
    EXPECT_EQ(progress_of(of(k_proxy_v2_bytes_max - 15)), ProxyProgress::refused);
}

TEST(ProxyHeader, version_2_is_taken_exactly_or_not_at_all) {
    for (const auto& bytes :
         {v2(0x11, 0x11, k_v4_addresses), v2(0x22, 0x11, k_v4_addresses),
          v2(0x21, 0x41, k_v4_addresses), v2(0x21, 0x13, k_v4_addresses), v2(0x21, 0x11, "short"),
          v2(0x2f, 0x11, k_v4_addresses), v2(0x31, 0x11, k_v4_addresses), v2(0x21, 0x11, ""),
          v2(0x21, 0x31, std::string(215, 'x')), v2(0x21, 0x00, "x"),
          v2(0x21, 0x21, k_v4_addresses), v2(0x21, 0x11, k_v4_addresses + "\x04"),
          v2(0x21, 0x11, k_v4_addresses + std::string("\x04\0\x05", 3) + "abc")}) {
        EXPECT_EQ(progress_of(bytes), ProxyProgress::refused);
    }
}

TEST(ProxyHeader, extensions_are_dropped_up_to_a_limit) {
    const auto with = [](std::size_t bytes) {
        std::string extension("\xe0", 1);
        extension += static_cast<char>(bytes >> 8);
        extension += static_cast<char>(bytes & 0xffU);
        return v2(0x21, 0x11, k_v4_addresses + extension + std::string(bytes, 'x'));
    };
    constexpr std::size_t k_around = 16 + 12 + 3;
    EXPECT_EQ(progress_of(with(0)), ProxyProgress::done);
    EXPECT_EQ(progress_of(with(k_proxy_v2_bytes_max - k_around)), ProxyProgress::done);
    EXPECT_EQ(progress_of(with(k_proxy_v2_bytes_max - k_around + 1)), ProxyProgress::refused);
}

rc::Gen<ProxyHeader> any_header() {
    return rc::gen::exec([] {
        ProxyHeader header;
        header.family =
            *rc::gen::element(ProxyFamily::unknown, ProxyFamily::ipv4, ProxyFamily::ipv6);
        if (header.family == ProxyFamily::unknown) return header;
        const std::size_t bytes = header.family == ProxyFamily::ipv4 ? 4 : 16;
        for (auto* address : {&header.source, &header.destination}) {
            for (std::size_t i = 0; i < bytes; ++i) {
                address->ip[i] = *rc::gen::arbitrary<std::uint8_t>();
            }
            address->port = *rc::gen::arbitrary<std::uint16_t>();
        }
        return header;
    });
}

TEST(ProxyHeader, what_is_written_is_read_as_the_same_in_any_parts) {
    EXPECT_TRUE(rc::check([] {
        const auto header = *any_header();
        const auto version = *rc::gen::element(SendProxy::v1, SendProxy::v2);
        std::array<char, k_proxy_written_max> room;
        const std::string bytes(room.data(), write_proxy_header(version, header, room));
        ProxyHeader read;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            RC_ASSERT(parse(bytes.substr(0, i), read).progress == ProxyProgress::need_more);
        }
        RC_ASSERT(parse(bytes + "more", read).consumed == bytes.size());
        RC_ASSERT(read == header);
    }));
    std::array<char, k_proxy_written_max> room;
    EXPECT_EQ(write_proxy_header(SendProxy::none, {}, room), 0u);
}

}  // namespace
}  // namespace moln::edge
