// Public authorities that limit rates, that are away, and clocks that are wrong: who is asked when.
#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/certificate.h"
#include "plan/acme.h"
#include "plan/acme_for_test.h"

namespace moln::plan {
namespace {

using ::testing::HasSubstr;

// ---- rates -------------------------------------------------------------------------------------

TEST_F(Acme, it_is_believed_until_when_it_wants_not_to_be_asked_for_a_host) {
    const auto until = WallTime{1'800'000'000'000 + days(3).count};
    std::string said = "2027-01-18 08:00:00 UTC";
    r.now.wall = {1'800'000'000'000};  // 2027-01-15 08:00
    ASSERT_EQ(time_to_ask_again("retry after " + said), until);
    r.acme_refuses = [&](const std::string& host, ChallengeKind) {
        return host == "a.example.org" ? "rateLimited: too many, retry after " + said + ": see x"
                                       : "";
    };
    deploy({"a.example.org", "z.example.org"});
    agree();
    pass(minutes(80));
    EXPECT_EQ(begun["a.example.org"].size(), 1u);
    EXPECT_EQ(begun["z.example.org"].size(), 1u);
    pass(days(2) + minutes(20 * 60));
    EXPECT_EQ(begun["a.example.org"].size(), 1u);
    said = "9999-01-01 00:00:00 UTC";
    pass(minutes(6 * 60));
    EXPECT_EQ(begun["a.example.org"].size(), 2u);
    const auto wait = r.world.orders.at("a.example.org").retry - r.now.steady;
    EXPECT_LE(wait, k_rate_limit_believed);
    EXPECT_GE(wait, k_rate_limit_believed - minutes(6 * 60));
}

// Of fifty that are allowed in a week for a domain of many hosts one of another domain waited for
// all that are refused again and again.
TEST_F(Acme, hosts_that_are_refused_keep_no_other_from_its_turn) {
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.ends_with(".example.org") ? "rateLimited: too many of example.org" : "";
    };
    std::vector<std::string> hosts;
    for (int i = 0; i < 40; ++i) hosts.push_back(fmt::format("h{:02}.example.org", i));
    deploy(hosts);
    agree();
    pass(minutes(90));
    route("shop.example.net");
    for (int i = 0; i < 3; ++i) pass(minutes(80));
    EXPECT_NE(given("shop.example.net"), nullptr);
    // And each of those has its turn before one has its next.
    for (int i = 0; i < 25; ++i) pass(minutes(80));
    for (const auto& host : hosts) {
        EXPECT_GE(begun[host].size(), 1u) << host;
        EXPECT_LE(begun[host].size(), 2u) << host;
    }
}

TEST_F(Acme, of_those_that_are_due_the_one_that_ends_first_is_renewed_first) {
    deploy();
    agree();
    for (const auto& [name, left] : {std::pair("a", days(20)), {"b", days(10)}, {"c", days(5)}}) {
        const CertificateId id(fmt::format("cert-{}", name));
        r.world.certificates[id] = {.id = id,
                                    .hosts = {fmt::format("{}.example.org", name)},
                                    .source = CertificateSource::acme,
                                    .not_before = r.now.wall + left + Milliseconds{-days(90).count},
                                    .not_after = r.now.wall + left,
                                    .created = r.now.wall + Milliseconds{-days(80).count}};
    }
    std::vector<std::string> turns;
    const auto checked = r.on_plan;
    r.on_plan = [&](const World& before, const Plan& plan) {
        checked(before, plan);
        for (const auto& step : plan.acme) {
            if (step.verb == AcmeVerb::begin) turns.push_back(step.host);
        }
    };
    for (const auto* host : {"0.example.org", "a.example.org", "b.example.org", "c.example.org"}) {
        ASSERT_TRUE(r.command(AddRouteCommand{k_shop, {.host = host}}));
    }
    ASSERT_GE(r.settle(), 0);
    EXPECT_THAT(turns, testing::ElementsAre("c.example.org", "b.example.org", "a.example.org",
                                            "0.example.org"));
}

// ---- an authority that is away ------------------------------------------------------------------

TEST_F(Acme, one_that_is_away_is_no_fault_of_any_host_and_is_told_once) {
    r.acme_fault = AcmeFault::authority;
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.empty() ? "" : "Couldn't connect to server";
    };
    std::vector<std::string> hosts;
    for (int i = 0; i < 30; ++i) hosts.push_back(fmt::format("h{:02}.example.org", i));
    deploy(hosts);
    agree();
    for (int i = 0; i < 3 * 48; ++i) pass(minutes(30));
    EXPECT_EQ(told("acme.failed"), 1);
    EXPECT_EQ(told("certificate.failed"), 0);
    std::size_t asked = 0;
    for (const auto& [host, times] : begun) asked += times.size();
    EXPECT_LE(asked, 2u * (3 + 3 * 24));
    EXPECT_GE(asked, 3u * 16);
    EXPECT_THAT(r.world.acme->reason, HasSubstr("connect"));
    // When it is back all get theirs within the longest pause.
    r.acme_refuses = nullptr;
    pass(minutes(76));
    pass(minutes(76));  // those that were asked last wait for their own pause
    for (const auto& host : hosts) EXPECT_NE(given(host), nullptr) << host;
    EXPECT_EQ(told("acme.reached"), 1);
    EXPECT_EQ(r.world.acme->reason, "");
    EXPECT_EQ(r.world.acme->failures, 0);
}

TEST_F(Acme, one_that_is_away_when_it_is_to_know_this_cloud_is_asked_within_the_hour) {
    r.acme_fault = AcmeFault::authority;
    r.acme_refuses = [](const std::string&, ChallengeKind) { return "Couldn't connect to server"; };
    deploy({"shop.example.org"});
    EXPECT_TRUE(r.command(SetAcmeCommand{.agree_tos = true, .sealed_key = "sealed"}));
    ASSERT_GE(r.settle(), 0);
    for (int i = 0; i < 48; ++i) pass(minutes(30));
    EXPECT_FALSE(r.world.acme->registered);
    EXPECT_GT(r.world.acme->failures, 16);
    r.acme_refuses = nullptr;
    pass(minutes(76));
    EXPECT_TRUE(r.world.acme->registered);
    EXPECT_NE(given("shop.example.org"), nullptr);
}

TEST_F(Acme, one_that_comes_back_after_days_is_asked_before_what_serves_has_ended) {
    deploy({"shop.example.org"});
    agree();
    const auto ends = r.world.certificates.at(given("shop.example.org")->id).not_after;
    r.acme_fault = AcmeFault::authority;
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.empty() ? "" : "Couldn't connect to server";
    };
    while (ends - r.now.wall > minutes(150)) pass(minutes(60));
    EXPECT_EQ(told("certificate.expiring"), 1);
    r.acme_refuses = nullptr;
    pass(minutes(76));
    EXPECT_GT(r.world.certificates.at(given("shop.example.org")->id).not_after, ends);
}

TEST_F(Acme, a_host_whose_certificate_ends_is_tried_every_hour) {
    deploy({"shop.example.org"});
    agree();
    const auto ends = r.world.certificates.at(given("shop.example.org")->id).not_after;
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.empty() ? "" : "dns: no address";
    };
    while (ends - r.now.wall > minutes(90)) pass(minutes(10));
    r.acme_refuses = nullptr;
    pass(minutes(76));
    EXPECT_GT(r.world.certificates.at(given("shop.example.org")->id).not_after, ends);
    const auto& times = begun["shop.example.org"];
    for (std::size_t i = 4; i < times.size(); ++i) {
        EXPECT_GE(times[i] - times[i - 4], minutes(60));  // and never too often
    }
}

TEST_F(Acme, a_person_may_have_one_that_was_away_asked_at_once) {
    r.acme_fault = AcmeFault::authority;
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.empty() ? "" : "Couldn't connect to server";
    };
    deploy({"a.example.org", "b.example.org", "c.example.org"});
    agree();
    for (int i = 0; i < 6; ++i) pass(minutes(30));
    r.acme_refuses = nullptr;
    ASSERT_GT(r.world.acme->retry, r.now.steady);
    // One that was not tried, since the others were refused: that is no reason to refuse it.
    route("new.example.org");
    ASSERT_FALSE(begun.contains("new.example.org"));
    ASSERT_TRUE(r.command(RetryCertificateCommand{"new.example.org"}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_NE(given("new.example.org"), nullptr);
    EXPECT_FALSE(r.command(RetryCertificateCommand{"nobody.example.org"}));
}

TEST_F(Acme, a_bundle_that_lets_us_believe_it_again_is_tried_at_once) {
    deploy({"a.example.org"});
    agree();
    r.acme_fault = AcmeFault::authority;
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.empty() ? "" : "SSL peer certificate was not OK";
    };
    route("b.example.org");
    for (int i = 0; i < 6; ++i) pass(minutes(30));
    ASSERT_GT(r.world.acme->retry, r.now.steady);
    r.acme_refuses = nullptr;
    ASSERT_EQ(reason({.ca_bundle = "new"}), "");
    EXPECT_EQ(r.world.acme->retry, SteadyTime{});
    ASSERT_GE(r.settle(), 0);
    EXPECT_NE(given("b.example.org"), nullptr);  // it was tried in vain
    route("c.example.org");
    EXPECT_NE(given("c.example.org"), nullptr);
}

// ---- revoked -----------------------------------------------------------------------------------

TEST_F(Acme, one_that_its_authority_has_revoked_is_replaced_and_not_all_the_time) {
    deploy({"shop.example.org"});
    agree();
    const auto id = given("shop.example.org")->id;
    const auto first = r.world.certificates.at(id);
    r.world.staples[id] = {.fingerprint = "of another",
                           .facts = {},
                           .answer = {},
                           .retry = {},
                           .reason = {},
                           .revoked = true};
    pass(k_revoked_pause);
    EXPECT_EQ(begun["shop.example.org"].size(), 1u);
    r.world.staples[id].fingerprint = first.fingerprint;
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(begun["shop.example.org"].size(), 2u);
    EXPECT_NE(r.world.certificates.at(id).chain, first.chain);
    // All that it gives is revoked: that is asked for again only after a while.
    r.world.staples[id].fingerprint = r.world.certificates.at(id).fingerprint;
    for (int i = 0; i < 24; ++i) pass(minutes(5));
    EXPECT_LE(begun["shop.example.org"].size(), 4u);
}

// ---- clocks ------------------------------------------------------------------------------------

// Each that is got under a wrong clock is thrown away, and one of the few in a week.
TEST_F(Acme, under_a_wrong_clock_few_are_asked_for_and_what_was_there_is_kept) {
    std::vector<std::string> hosts;
    for (int i = 0; i < 30; ++i) hosts.push_back(fmt::format("h{:02}.example.org", i));
    deploy(hosts);
    agree();
    const auto before = r.world.certificates;
    begun.clear();
    const auto right = r.now.wall;
    r.now.wall = right + days(400);
    r.acme_clock_ahead = Milliseconds{-days(400).count};
    for (int i = 0; i < 24; ++i) pass(minutes(5));  // two hours
    std::size_t asked = 0;
    for (const auto& [host, times] : begun) asked += times.size();
    EXPECT_LE(asked, 2 * k_attempts_at_once_max);
    EXPECT_THAT(r.world.acme->reason, HasSubstr("this machine's clock"));
    EXPECT_EQ(told("acme.failed"), 1);
    r.now.wall = right + minutes(120);
    r.acme_clock_ahead = {};
    pass(minutes(80));
    for (const auto& host : hosts) {
        ASSERT_NE(given(host), nullptr) << host;
        const auto id = given(host)->id;
        EXPECT_EQ(r.world.certificates.at(id).fingerprint, before.at(id).fingerprint);
        EXPECT_TRUE(is_valid(r.world.certificates.at(id), r.now.wall));
    }
    // It is renewed in its time all the same.
    pass(days(61));
    for (const auto& host : hosts) {
        const auto& one = r.world.certificates.at(given(host)->id);
        EXPECT_GT(one.not_after, before.at(one.id).not_after) << host;
    }
}

TEST_F(Acme, a_clock_that_is_behind_renews_nothing_and_forgets_nothing) {
    deploy({"shop.example.org"});
    agree();
    begun.clear();
    const auto right = r.now.wall;
    r.now.wall = {0};
    for (int i = 0; i < 12; ++i) pass(minutes(5));
    EXPECT_TRUE(begun.empty());
    EXPECT_NE(given("shop.example.org"), nullptr);
    r.now.wall = right + days(61);
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(begun["shop.example.org"].size(), 1u);
}

}  // namespace
}  // namespace moln::plan
