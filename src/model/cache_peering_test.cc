// Which peers of a cache are taken.
#include "model/cache_peering.h"

#include <gtest/gtest.h>

namespace moln {
namespace {

CachePeer peer(const std::string& name) {
    return {.name = name,
            .kind = CachePeerKind::parent,
            .address = "192.0.2.1",
            .port = 443,
            .host = name + ".edges.internal"};
}

CachePeering peering(std::vector<CachePeer> peers) {
    return {.name = "falun", .sealed_key = "", .authorities = "", .peers = std::move(peers)};
}

std::string refusal(const CachePeering& of) {
    const auto valid = validate(of);
    return valid ? "" : valid.error().reason;
}

TEST(CachePeering, is_taken_as_a_user_writes_it) {
    EXPECT_EQ(refusal(peering({peer("lund"), peer("ume-2")})), "");
    EXPECT_EQ(refusal(peering({})), "");
}

TEST(CachePeering, without_tls_only_of_this_machine) {
    auto plain = peer("lund");
    plain.host = "";
    EXPECT_NE(refusal(peering({plain})).find("peer lund: `host`"), std::string::npos);
    plain.address = "127.0.0.9";
    EXPECT_EQ(refusal(peering({plain})), "");
}

TEST(CachePeering, what_is_wrong_is_named) {
    auto odd = peer("lund");
    odd.address = "lund.example";
    EXPECT_NE(refusal(peering({odd})).find("\"lund.example\" is no IPv4 address"),
              std::string::npos);
    odd = peer("lund");
    odd.address = "::ffff:192.0.2.1";
    EXPECT_NE(refusal(peering({odd})), "");
    odd = peer("lund");
    odd.port = 0;
    EXPECT_NE(refusal(peering({odd})).find("port"), std::string::npos);
    EXPECT_NE(refusal(peering({peer("Lund")})).find("\"Lund\" is no name"), std::string::npos);
    EXPECT_NE(refusal(peering({peer("")})), "");
    EXPECT_NE(refusal(peering({peer("lund"), peer("lund")})).find("another edge has"),
              std::string::npos);
    EXPECT_NE(refusal(peering({peer("falun")})).find("another edge has"), std::string::npos);
}

TEST(CachePeering, has_limits) {
    std::vector<CachePeer> many;
    for (std::size_t i = 0; i < k_cache_peers_max; ++i) many.push_back(peer(std::to_string(i)));
    EXPECT_EQ(refusal(peering(many)), "");
    many.push_back(peer("more"));
    EXPECT_NE(refusal(peering(many)), "");
    EXPECT_EQ(refusal(peering({peer(std::string(k_cache_peer_name_max, 'a'))})), "");
    EXPECT_NE(refusal(peering({peer(std::string(k_cache_peer_name_max + 1, 'a'))})), "");
}

}  // namespace
}  // namespace moln
