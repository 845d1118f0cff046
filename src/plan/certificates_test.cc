// Which host gets a certificate, when it is renewed, what the edges are given, who is told.
#include "plan/certificates.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/limits.h"
#include "plan/reality.h"

namespace moln::plan {
namespace {

using testing::HasSubstr;
using testing::Not;

const AppId k_shop("default/shop");

class Certificates : public testing::Test {
protected:
    void deploy(const std::vector<std::string>& hosts = {}) {
        ASSERT_TRUE(r.command(deploy_of("default/shop", web_config(1))));
        ASSERT_GE(r.settle(), 0);
        for (const auto& host : hosts) route({.host = host});
    }
    void route(const RouteSpec& spec) {
        const auto done = r.command(AddRouteCommand{k_shop, spec});
        ASSERT_TRUE(done) << done.error().reason;
        ASSERT_GE(r.settle(), 0);
    }
    Certificate by_file(const std::string& id, std::vector<std::string> hosts) const {
        return {.id = CertificateId(id),
                .hosts = std::move(hosts),
                .chain = "chain of " + id,
                .sealed_key = "sealed",
                .not_before = r.now.wall,
                .not_after = r.now.wall + days(90),
                .issuer = "A public authority",
                .fingerprint = fmt::format("{} at {}", id, r.now.wall.ms)};
    }
    void add(const std::string& id, std::vector<std::string> hosts) {
        const auto done = r.command(AddCertificateCommand{by_file(id, std::move(hosts))});
        ASSERT_TRUE(done) << done.error().reason;
        ASSERT_GE(r.settle(), 0);
    }
    const EdgeCertificate* given(const std::string& host) const {
        return serving_certificate(r.world.edge, host);
    }
    const EdgeRoute& drawn(const std::string& host) const {
        return *std::ranges::find(r.world.edge.routes, host, &EdgeRoute::host);
    }
    const Certificate& kept(const CertificateId& id) const { return r.world.certificates.at(id); }
    std::int64_t told(const std::string& name) const {
        return std::ranges::count_if(r.world.events,
                                     [&](const auto& one) { return one.second.name == name; });
    }

    Reality r;
};

// ---- the local authority -----------------------------------------------------------------------

TEST_F(Certificates, every_local_host_of_a_route_gets_one_and_no_other) {
    deploy({"nas", "tv.local", "shop.example.org", "*", "*.shop.test"});
    for (const auto* host : {"shop.localhost", "nas", "tv.local", "*.shop.test"}) {
        ASSERT_NE(given(host), nullptr) << host;
        EXPECT_EQ(given(host)->hosts, std::vector<std::string>{host});
    }
    EXPECT_EQ(given("shop.example.org"), nullptr);
    EXPECT_EQ(given("*"), nullptr);
    EXPECT_EQ(r.world.certificates.size(), 4u);
    EXPECT_EQ(told("certificate.issued"), 4);
    ASSERT_TRUE(r.world.authority);
    EXPECT_TRUE(std::ranges::is_sorted(r.world.edge.certificates, {}, &EdgeCertificate::id));
}

TEST_F(Certificates, nothing_is_to_be_issued_in_a_world_that_is_as_wanted) {
    deploy();
    const auto next = plan(r.world, r.now, 7);
    EXPECT_TRUE(next.issue.empty());
    EXPECT_TRUE(next.changes.empty());
    EXPECT_FALSE(next.edge);
    // Until it is, each plan asks for the same.
    r.issues = false;
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, {.host = "new.test"}}));
    r.plan_once();
    for (int i = 0; i < 2; ++i) {
        const auto orders = plan(r.world, r.now, 7).issue;
        ASSERT_EQ(orders.size(), 1u);
        EXPECT_EQ(orders[0].host, "new.test");
        EXPECT_FALSE(orders[0].new_authority);
    }
}

TEST_F(Certificates, a_local_one_is_renewed_when_a_third_of_its_life_is_left) {
    deploy();
    const auto id = given("shop.localhost")->id;
    const auto first = kept(id);
    r.pass(renewal_time(first) - r.now.wall - minutes(5));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(kept(id).not_after, first.not_after);
    r.pass(minutes(5));
    ASSERT_GE(r.settle(), 0);
    EXPECT_GT(kept(id).not_after, first.not_after);
    EXPECT_EQ(given("shop.localhost")->id, id);
    EXPECT_EQ(given("shop.localhost")->chain, kept(id).chain);
    EXPECT_EQ(told("certificate.renewed"), 1);
    EXPECT_EQ(told("certificate.expiring"), 0);
}

TEST_F(Certificates, the_authority_is_made_once_and_anew_before_it_ends) {
    deploy();
    const auto first = *r.world.authority;
    r.pass(days(100));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(r.world.authority->not_after, first.not_after);
    r.pass(first.not_after - r.now.wall + Milliseconds{-days(80).count});
    ASSERT_GE(r.settle(), 0);
    EXPECT_GT(r.world.authority->not_after, first.not_after);
}

// Who trusts the new one alone would refuse the others for up to two months.
TEST_F(Certificates, what_an_authority_signed_that_is_replaced_is_signed_anew_at_once) {
    std::vector<std::string> hosts = {"shop.localhost"};
    for (std::size_t i = 0; i < 2 * k_issues_at_once_max; ++i) {
        hosts.push_back(fmt::format("h{}.test", i));
    }
    deploy({hosts.begin() + 1, hosts.end()});
    r.pass(r.world.authority->not_after - r.now.wall + Milliseconds{-days(100).count});
    ASSERT_GE(r.settle(), 0);  // all are renewed by the old one, which is good for ten days more
    r.pass(days(10) + minutes(1));
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, {.host = "new.test"}}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_GE(r.world.authority->not_before + minutes(1), r.now.wall);
    for (const auto& host : hosts) {
        const auto& one = kept(given(host)->id);
        EXPECT_GE(one.created + minutes(1), r.now.wall) << host;
        EXPECT_EQ(one.not_after - one.not_before, k_local_certificate_life) << host;
    }
    EXPECT_EQ(plan(r.world, r.now, 7).issue.size(), 0U);
}

TEST_F(Certificates, one_made_under_a_clock_that_was_wrong_is_made_anew) {
    r.now.wall = r.now.wall + days(4000);
    deploy();
    const auto id = given("shop.localhost")->id;
    r.now.wall = r.now.wall + Milliseconds{-days(4000).count};
    ASSERT_GE(r.settle(), 0);
    EXPECT_TRUE(is_valid(kept(id), r.now.wall));
    EXPECT_LE(r.world.authority->not_before, r.now.wall);
}

TEST_F(Certificates, one_that_another_has_taken_the_place_of_is_not_to_be_renewed) {
    deploy({"a.example.org"});
    add("cert-old", {"a.example.org"});
    r.pass(days(70));
    ASSERT_GE(r.settle(), 0);
    add("cert-new", {"a.example.org", "www.example.org"});
    EXPECT_EQ(given("a.example.org")->id.text, "cert-new");
    r.pass(days(15));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(told("certificate.expiring"), 0);
    r.pass(days(30));
    ASSERT_GE(r.settle(), 0);
    EXPECT_TRUE(r.world.certificates.contains(CertificateId("cert-old")))
        << "what a person brought goes by a person's word";
    r.pass(days(35));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(told("certificate.expiring"), 1);
}

// As all are whose seal key is gone, and they were said to be well for two months.
TEST_F(Certificates, one_whose_private_key_is_lost_is_made_anew_at_once) {
    deploy({"a.example.org"});
    add("cert-a", {"a.example.org"});
    const auto id = given("shop.localhost")->id;
    const auto before = kept(id);
    for (const auto& lost : {before, kept(CertificateId("cert-a"))}) {
        r.world.staples[lost.id] = {.fingerprint = lost.fingerprint,
                                    .sealed_key = lost.sealed_key,
                                    .facts = {.responder = "", .key_lost = true},
                                    .answer = {},
                                    .retry = {},
                                    .reason = {}};
    }
    r.pass(minutes(1));
    auto next = plan(r.world, r.now, 7);
    ASSERT_EQ(next.issue.size(), 1U);
    EXPECT_EQ(next.issue[0].host, "shop.localhost");
    EXPECT_EQ(next.issue[0].id, id);
    r.world.certificates[id].sealed_key = "sealed anew";
    EXPECT_TRUE(plan(r.world, r.now, 7).issue.empty());
}

// A machine without a battery begins long ago, until others tell it the time: the authority that
// clients trust is not replaced for that.
TEST_F(Certificates, a_clock_that_is_behind_after_a_boot_costs_no_authority) {
    deploy();
    auto behind = r.now;
    behind.wall = behind.wall + Milliseconds{-days(4000).count};
    behind.mono = {k_clock_found_max.count - 1};
    const auto early = plan(r.world, behind, 7);
    EXPECT_TRUE(early.issue.empty());
    ASSERT_TRUE(early.wake);
    EXPECT_LE(*early.wake, MonoTime{} + k_clock_found_max);
    EXPECT_NE(given("shop.localhost"), nullptr);
    behind.mono = {k_clock_found_max.count};
    const auto late = plan(r.world, behind, 7);
    ASSERT_EQ(late.issue.size(), 1U);
    EXPECT_TRUE(late.issue[0].new_authority);
}

TEST_F(Certificates, nor_does_one_that_is_ahead) {
    deploy();
    auto ahead = r.now;
    ahead.wall = ahead.wall + days(4000);
    ahead.mono = {k_clock_found_max.count - 1};
    EXPECT_TRUE(plan(r.world, ahead, 7).issue.empty());
    ahead.mono = {k_clock_found_max.count};
    const auto late = plan(r.world, ahead, 7);
    ASSERT_EQ(late.issue.size(), 1U);
    EXPECT_TRUE(late.issue[0].new_authority);
}

TEST_F(Certificates, an_end_that_was_told_under_a_clock_that_was_ahead_is_told_again_in_its_time) {
    deploy({"a.example.org"});
    add("cert-a", {"a.example.org"});
    const auto right = r.now.wall;
    r.now.wall = right + days(85);
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(told("certificate.expiring"), 1);
    r.now.wall = right;
    ASSERT_GE(r.settle(), 0);
    EXPECT_FALSE(kept(CertificateId("cert-a")).expiry_told);
    r.now.wall = right + days(80);
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(told("certificate.expiring"), 2);
}

TEST_F(Certificates, what_fails_is_tried_again_with_back_off) {
    deploy();
    r.issues = false;
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, {.host = "new.test"}}));
    r.plan_once();
    auto& seen = r.world.issuing["new.test"];
    Milliseconds last{0};
    for (int i = 0; i < 12; ++i) {
        seen = issue_failed(seen, "no entropy", r.now.mono);
        const auto wait = seen.retry - r.now.mono;
        EXPECT_GE(wait, last);
        EXPECT_LE(wait, k_issue_retry_max);
        last = wait;
        const auto next = plan(r.world, r.now, 7);
        EXPECT_TRUE(next.issue.empty());
        ASSERT_TRUE(next.wake);
        EXPECT_LE(*next.wake, seen.retry);
        r.pass(wait);
        EXPECT_EQ(plan(r.world, r.now, 7).issue.size(), 1u);
    }
    EXPECT_EQ(last, k_issue_retry_max);
    EXPECT_EQ(seen.failures, 12);
}

TEST_F(Certificates, a_local_one_that_cannot_be_renewed_is_told_of_once) {
    deploy();
    r.issues = false;
    const auto& own = kept(given("shop.localhost")->id);
    r.pass(renewal_time(own) - r.now.wall + minutes(1));
    for (int day = 0; day < 40; ++day) {
        auto& seen = r.world.issuing["shop.localhost"];
        seen = issue_failed(seen, "no entropy", r.now.mono);
        (void)r.plan_once();
        EXPECT_EQ(told("certificate.expiring"), own.not_after - r.now.wall > days(14) ? 0 : 1);
        r.pass(days(1));
    }
}

TEST_F(Certificates, many_are_issued_in_steps_and_not_past_the_limit) {
    deploy();
    auto& app = r.world.apps.at(k_shop);
    for (std::size_t i = 0; i <= k_local_certificates_max; ++i) {
        app.routes.push_back({.host = fmt::format("h{}.test", i)});
    }
    EXPECT_EQ(plan(r.world, r.now, 7).issue.size(), k_issues_at_once_max);
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(r.world.certificates.size(), k_local_certificates_max);
}

TEST_F(Certificates, a_local_one_that_no_route_needs_goes_when_it_has_ended) {
    deploy({"new.test"});
    const auto id = given("new.test")->id;
    ASSERT_TRUE(r.command(RemoveRouteCommand{k_shop, "new.test", "/"}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(given("new.test"), nullptr);
    EXPECT_TRUE(r.world.certificates.contains(id)) << "the route may come back";
    r.pass(days(91));
    ASSERT_GE(r.settle(), 0);
    EXPECT_FALSE(r.world.certificates.contains(id));
    EXPECT_EQ(told("certificate.removed"), 1);
    EXPECT_EQ(told("certificate.expiring"), 0);
}

// ---- by file -----------------------------------------------------------------------------------

TEST_F(Certificates, one_added_by_file_serves_its_hosts_and_sends_on_to_https) {
    deploy({"shop.example.org", "a.shop.example.org", "blog.example.org", "nas.local"});
    EXPECT_FALSE(drawn("shop.example.org").redirect);
    add("cert-a", {"*.shop.example.org", "shop.example.org"});
    EXPECT_EQ(given("shop.example.org")->id.text, "cert-a");
    EXPECT_EQ(given("a.shop.example.org")->id.text, "cert-a");
    EXPECT_TRUE(drawn("shop.example.org").redirect);
    EXPECT_TRUE(drawn("a.shop.example.org").redirect);
    EXPECT_FALSE(drawn("blog.example.org").redirect) << "no certificate";
    EXPECT_FALSE(drawn("nas.local").redirect) << "a local one";
    EXPECT_EQ(told("certificate.added"), 1);
}

TEST_F(Certificates, https_of_a_route_has_the_last_word_on_redirects) {
    deploy();
    route({.host = "a.example.org", .https = Https::both, .hsts = days(30)});
    route({.host = "a.local", .https = Https::redirect});
    route({.host = "b.example.org"});
    add("cert-a", {"a.example.org", "b.example.org"});
    EXPECT_FALSE(drawn("a.example.org").redirect);
    EXPECT_EQ(drawn("a.example.org").hsts, days(30));
    EXPECT_TRUE(drawn("a.local").redirect);
    EXPECT_TRUE(drawn("b.example.org").redirect);
    EXPECT_EQ(drawn("b.example.org").hsts, Milliseconds{0});
}

TEST_F(Certificates, one_added_for_a_local_host_takes_the_place_of_the_local_one) {
    deploy({"tv.local"});
    const auto own = given("tv.local")->id;
    add("cert-a", {"tv.local"});
    EXPECT_EQ(given("tv.local")->id.text, "cert-a");
    r.pass(days(89));
    ASSERT_GE(r.settle(), 0);
    EXPECT_LT(kept(own).not_after, r.now.wall + days(2)) << "nobody renews it meanwhile";
    // It ends: the local one serves again, renewed.
    r.pass(days(2));
    ASSERT_GE(r.settle(), 0);
    EXPECT_NE(given("tv.local")->id.text, "cert-a");
    EXPECT_TRUE(is_valid(kept(given("tv.local")->id), r.now.wall));
}

TEST_F(Certificates, the_same_hosts_again_take_the_older_ones_place) {
    deploy({"shop.example.org"});
    add("cert-a", {"shop.example.org"});
    r.pass(days(80));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(told("certificate.expiring"), 1);
    add("cert-a", {"shop.example.org"});
    EXPECT_EQ(kept(CertificateId("cert-a")).not_after, r.now.wall + days(90));
    EXPECT_FALSE(kept(CertificateId("cert-a")).expiry_told);
    // Two at the same moment have different ids: the later stays.
    add("cert-b", {"shop.example.org"});
    EXPECT_FALSE(r.world.certificates.contains(CertificateId("cert-a")));
    EXPECT_EQ(given("shop.example.org")->id.text, "cert-b");
    EXPECT_EQ(told("certificate.renewed"), 3) << "twice by command, once the app's local one";
    EXPECT_EQ(told("certificate.added"), 1);
}

TEST_F(Certificates, the_very_same_again_is_sealed_anew_and_not_told) {
    deploy();
    add("cert-a", {"shop.example.org"});
    auto same = kept(CertificateId("cert-a"));
    const auto events = r.world.event_number;
    same.sealed_key = "sealed anew";
    ASSERT_TRUE(r.command(AddCertificateCommand{same}));
    EXPECT_EQ(r.world.event_number, events);
    EXPECT_EQ(kept(CertificateId("cert-a")), same);
}

// An issuer that was forgotten could not be added: the same leaf was taken for the same chain.
TEST_F(Certificates, the_same_leaf_with_its_issuer_takes_the_place_of_the_leaf_alone) {
    deploy();
    const std::string block = "-----BEGIN CERTIFICATE-----\n";
    auto certificate = by_file("cert-a", {"shop.example.org"});
    certificate.chain = block;
    certificate.issuer = "R11";
    const auto alone = r.command(AddCertificateCommand{certificate});
    ASSERT_TRUE(alone);
    EXPECT_THAT(alone->reply.text, HasSubstr("it comes without R11, its issuer"));
    certificate.chain = block + block;
    const auto whole = r.command(AddCertificateCommand{certificate});
    ASSERT_TRUE(whole);
    EXPECT_THAT(whole->reply.text, HasSubstr("renewed for shop.example.org"));
    EXPECT_THAT(whole->reply.text, Not(HasSubstr("without")));
    EXPECT_EQ(kept(CertificateId("cert-a")).chain, block + block);
}

TEST_F(Certificates, no_host_is_named_twice_to_the_edges) {
    deploy({"a.example.org", "x.shop.test"});
    add("cert-a", {"a.example.org", "b.example.org"});
    add("cert-b", {"b.example.org", "c.example.org"});
    add("cert-c", {"*.shop.test"});
    std::set<std::string> named;
    for (const auto& certificate : r.world.edge.certificates) {
        for (const auto& host : certificate.hosts) {
            EXPECT_TRUE(named.insert(host).second) << host;
        }
    }
    EXPECT_TRUE(named.contains("c.example.org")) << "added ones are given before their routes";
    EXPECT_FALSE(named.contains("x.shop.test")) << "the star that was added goes first";
    EXPECT_EQ(given("x.shop.test")->id.text, "cert-c");
}

TEST_F(Certificates, an_end_that_comes_near_is_told_once_and_one_that_has_ended_serves_on) {
    deploy({"shop.example.org"});
    add("cert-a", {"shop.example.org"});
    r.pass(days(76) + Milliseconds{-seconds(1).count});
    ASSERT_GE(r.settle(), 0);
    r.pass(minutes(10));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(told("certificate.expiring"), 1);
    r.pass(days(20));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(told("certificate.expiring"), 1);
    ASSERT_NE(given("shop.example.org"), nullptr);
    EXPECT_TRUE(drawn("shop.example.org").redirect) << "no silent step back to plain HTTP";
}

TEST_F(Certificates, removal_is_by_command_and_of_what_there_is) {
    deploy({"shop.example.org"});
    add("cert-a", {"shop.example.org"});
    ASSERT_TRUE(r.command(RemoveCertificateCommand{CertificateId("cert-a")}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(given("shop.example.org"), nullptr);
    EXPECT_FALSE(drawn("shop.example.org").redirect);
    const auto again = r.command(RemoveCertificateCommand{CertificateId("cert-a")});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::not_found);
    // A local one is issued again while a route needs it.
    const auto own = given("shop.localhost")->id;
    ASSERT_TRUE(r.command(RemoveCertificateCommand{own}));
    ASSERT_GE(r.settle(), 0);
    ASSERT_NE(given("shop.localhost"), nullptr);
    EXPECT_NE(given("shop.localhost")->id, own);
}

TEST_F(Certificates, as_many_are_added_as_allowed_and_no_more) {
    for (std::size_t i = 0; i < k_certificates_max; ++i) {
        const auto one = by_file(fmt::format("cert-{}", i), {fmt::format("h{}.example.org", i)});
        ASSERT_TRUE(r.command(AddCertificateCommand{one}));
    }
    const auto more = r.command(AddCertificateCommand{by_file("cert-x", {"more.example.org"})});
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().code, ErrorCode::refused);
    ASSERT_TRUE(r.command(AddCertificateCommand{by_file("cert-7", {"h7.example.org"})}))
        << "a renewal is none more";
}

TEST_F(Certificates, all_together_are_as_large_as_allowed_and_no_larger) {
    auto large = by_file("cert-a", {"a.example.org"});
    large.chain.assign(
        static_cast<std::size_t>(k_certificates_size_max.count) - large.sealed_key.size(), 'x');
    ASSERT_TRUE(r.command(AddCertificateCommand{large}));
    large.fingerprint = "another";
    ASSERT_TRUE(r.command(AddCertificateCommand{large})) << "in its own place";
    const auto more = r.command(AddCertificateCommand{by_file("cert-b", {"b.example.org"})});
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().code, ErrorCode::refused);
}

TEST_F(Certificates, hsts_is_taken_up_to_its_limit) {
    deploy();
    route({.host = "a.test", .hsts = k_hsts_max});
    for (const auto bad : {k_hsts_max + seconds(1), Milliseconds{-1}, Milliseconds{999}}) {
        const auto done = r.command(AddRouteCommand{k_shop, {.host = "b.test", .hsts = bad}});
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().code, ErrorCode::invalid);
    }
}

}  // namespace
}  // namespace moln::plan
