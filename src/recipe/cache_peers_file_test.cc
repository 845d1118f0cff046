#include "recipe/cache_peers_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moln {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view k_full = R"(
name = "falun"
key = "peers.key"
authorities = "/etc/moln/peers.pem"

[[peer]]
name = "lund"
kind = "parent"
address = "203.0.113.7:443"
host = "lund.edges.internal"

[[peer]]
name = "falun-2"
address = "127.0.0.2:8080"
)";

std::string reason(const std::string& text) {
    const auto file = parse_cache_peers(text, "peers.toml");
    return file ? "" : file.error().reason;
}

std::string with_peer(const std::string& lines) {
    return "name = \"a\"\nkey = \"k\"\nauthorities = \"c\"\n[[peer]]\n" + lines;
}

TEST(CachePeersFile, is_read_as_it_is_written) {
    const auto file = parse_cache_peers(k_full, "peers.toml");
    ASSERT_TRUE(file) << file.error().reason;
    EXPECT_EQ(file->peering.name, "falun");
    EXPECT_EQ(file->key_path, "peers.key");
    EXPECT_EQ(file->authorities, "/etc/moln/peers.pem");
    const CachePeer parent{.name = "lund",
                           .kind = CachePeerKind::parent,
                           .address = "203.0.113.7",
                           .port = 443,
                           .host = "lund.edges.internal"};
    const CachePeer sibling{.name = "falun-2", .address = "127.0.0.2", .port = 8080};
    EXPECT_EQ(file->peering.peers, (std::vector{parent, sibling}));
}

TEST(CachePeersFile, tells_what_is_missing_or_wrong) {
    EXPECT_THAT(reason(""), HasSubstr("name"));
    EXPECT_THAT(reason("name = \"a\""), HasSubstr("key"));
    EXPECT_THAT(reason("name = \"a\"\nkey = \"k\"\nkeys = 1"), HasSubstr("keys"));
    EXPECT_THAT(reason(with_peer("name = \"b\"\naddress = \"192.0.2.1\"\nhost = \"h\"")),
                HasSubstr("peers.toml:6: peer.address: expected an IPv4 address and a port"));
    EXPECT_THAT(reason(with_peer("name = \"b\"\naddress = \"192.0.2.1:65536\"\nhost = \"h\"")),
                HasSubstr("peer.address"));
    EXPECT_THAT(reason(with_peer("name = \"b\"\naddress = \"192.0.2.1:0\"\nhost = \"h\"")),
                HasSubstr("peer.address"));
    EXPECT_THAT(reason(with_peer("name = \"b\"\nhost = \"h\"")), HasSubstr("peer.address"));
    EXPECT_THAT(reason(with_peer("name = \"b\"\nkind = \"child\"\naddress = \"192.0.2.1:1\"")),
                HasSubstr("expected one of"));
    EXPECT_THAT(reason(with_peer("name = \"b\"\naddress = \"192.0.2.1:1\"")),
                HasSubstr("peer b: `host`"));
    EXPECT_EQ(reason(with_peer("name = \"b\"\naddress = \"192.0.2.1:1\"\nhost = \"h\"")), "");
    EXPECT_THAT(reason("name = \"a\"\nkey = \"k\"\n[[peer]]\nname = \"b\"\n"
                       "address = \"192.0.2.1:1\"\nhost = \"h\""),
                HasSubstr("authorities"));
}

}  // namespace
}  // namespace moln
