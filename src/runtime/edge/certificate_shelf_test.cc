#include "runtime/edge/certificate_shelf.h"

#include <gtest/gtest.h>

#include "io/file/temp_dir_for_test.h"
#include "io/tls/test_keys_for_test.h"

namespace moln::edge_loop {
namespace {

class Shelf : public testing::Test {
protected:
    EdgeCertificate certificate(const std::string& id, const std::string& host) const {
        return {.id = CertificateId(id),
                .hosts = {host},
                .chain = tls::k_test_chain,
                .sealed_key = box_.seal(Secret(tls::k_test_key), seal_context(CertificateId(id))),
                .staple = {}};
    }
    std::shared_ptr<const tls::Sites> sites_of(const EdgeSnapshot& snapshot) {
        const auto compiled = edge::compile(snapshot);
        EXPECT_TRUE(compiled) << compiled.error().reason;
        return shelf_.sites_of(snapshot, *compiled);
    }

    TempDir dir_;
    SealBox box_ = SealBox::open(dir_.path() + "/seal.key")->for_purpose(k_seal_certificates);
    CertificateShelf shelf_{box_};
};

TEST_F(Shelf, what_did_not_change_is_kept_and_what_did_is_opened_anew) {
    EdgeSnapshot snapshot;
    snapshot.certificates = {certificate("a", "a.org"), certificate("b", "b.org")};
    const auto first = sites_of(snapshot);
    ASSERT_NE(first->find("a.org"), nullptr);
    const auto second = sites_of(snapshot);
    EXPECT_EQ(second->find("a.org"), first->find("a.org"));
    EXPECT_EQ(second->find("b.org"), first->find("b.org"));
    snapshot.certificates[0].chain += "\n";
    const auto third = sites_of(snapshot);
    EXPECT_NE(third->find("a.org"), first->find("a.org"));
    EXPECT_EQ(third->find("b.org"), first->find("b.org"));
    snapshot.certificates.erase(snapshot.certificates.begin());
    EXPECT_EQ(sites_of(snapshot)->find("a.org"), nullptr);
}

TEST_F(Shelf, authorities_of_clients_are_kept_by_their_text) {
    EdgeSnapshot snapshot;
    snapshot.apps = {EdgeApp{.app = AppId("default/shop"), .process = "web", .endpoints = {}}};
    snapshot.routes = {{.host = "a.org",
                        .path = "/",
                        .app = AppId("default/shop"),
                        .process = "web",
                        .client_cert = ClientCertSpec{.ca = tls::k_test_chain}}};
    const auto first = sites_of(snapshot);
    ASSERT_NE(first->authorities(0), nullptr);
    EXPECT_TRUE(first->questions().find("a.org")->names(first->authorities(0)));
    auto other = snapshot.routes[0];
    other.host = "0.org";
    other.client_cert->ca = tls::k_test_other_chain;
    snapshot.routes.insert(snapshot.routes.begin(), other);
    const auto second = sites_of(snapshot);
    EXPECT_EQ(second->authorities(1), first->authorities(0));
    EXPECT_NE(second->authorities(0), first->authorities(0));
    snapshot.routes.clear();
    EXPECT_TRUE(sites_of(snapshot)->questions().empty());
}

TEST_F(Shelf, ticket_keys_come_in_the_snapshots_order_and_as_old_as_they_are) {
    const auto sealed = [&](const std::string& id, WallTime made) {
        const auto key = tls::fresh_shared_key(made);
        return EdgeTicketKey{.id = id, .sealed_key = box_.seal(pack(*key), ticket_context(id))};
    };
    EdgeSnapshot snapshot;
    snapshot.ticket_keys = {sealed("old", {1'000}), sealed("new", {7'000}),
                            sealed("late", {9'999})};
    const Now now{.wall = {8'000}, .mono = {500}, .steady = {}};
    const auto keys = shelf_.ticket_keys_of(snapshot, now);
    ASSERT_EQ(keys.size(), 3u);
    EXPECT_EQ(keys[0].made, MonoTime{500 - 7'000});
    EXPECT_EQ(keys[1].made, MonoTime{500 - 1'000});
    EXPECT_EQ(keys[2].made, MonoTime{500});  // of a clock that is ahead
    snapshot.ticket_keys[1].id = "another";  // sealed for "new"

    CertificateShelf fresh{box_};
    EXPECT_EQ(fresh.ticket_keys_of(snapshot, now).size(), 2u);
    CertificateShelf keyless{std::nullopt};
    EXPECT_TRUE(keyless.ticket_keys_of(snapshot, now).empty());
}

}  // namespace
}  // namespace moln::edge_loop
