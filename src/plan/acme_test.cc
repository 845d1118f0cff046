// Which hosts get a certificate from a public authority, when it is asked, and what a failure does.
#include "plan/acme.h"

#include <algorithm>
#include <deque>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "model/certificate.h"
#include "model/limits.h"
#include "plan/acme_for_test.h"
#include "plan/certificates.h"

namespace moln::plan {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// ---- consent -----------------------------------------------------------------------------------

TEST_F(Acme, nothing_is_asked_for_before_the_operator_agreed) {
    deploy();
    EXPECT_THAT(route("shop.example.org"), HasSubstr("moln cert acme --agree-tos"));
    EXPECT_TRUE(steps.empty());
    EXPECT_EQ(given("shop.example.org"), nullptr);
    agree();
    ASSERT_NE(given("shop.example.org"), nullptr);
    EXPECT_EQ(told("acme.registered"), 1);
    EXPECT_EQ(told("certificate.issued"), 2);  // the app's own local host has one, too
    EXPECT_THAT(route("other.example.org"), Not(HasSubstr("certificate")));
}

TEST_F(Acme, an_authority_is_set_with_its_terms_agreed_to_once) {
    EXPECT_THAT(reason({}), HasSubstr("--agree-tos"));
    agree();
    EXPECT_EQ(reason({.email = "ops@example.org"}), "");
    EXPECT_THAT(reason({.directory = "letsencrypt-staging"}), HasSubstr("letsencrypt-staging"));
    EXPECT_EQ(r.world.acme->directory, acme_directory("letsencrypt"));
    EXPECT_EQ(r.world.acme->email, "ops@example.org");
    EXPECT_EQ(reason({.directory = "letsencrypt-staging", .agree_tos = true, .sealed_key = "new"}),
              "");
    EXPECT_EQ(r.world.acme->sealed_key, "new");
    EXPECT_EQ(r.world.acme->email, "ops@example.org");
    EXPECT_FALSE(r.world.acme->registered);
    r.world.acme->reason = "it cannot be reached";
    const auto retried = r.command(RetryCertificateCommand{"shop.example.org"});
    ASSERT_FALSE(retried);
    EXPECT_THAT(retried.error().reason,
                HasSubstr("does not take this cloud, so that no host was tried: it cannot be"));
    for (const auto* url : {"http://ca.example.org/dir", "ca.example.org", "https://", "https:///x",
                            "https://a b/", "https://user@ca.example.org/"}) {
        EXPECT_THAT(reason({.directory = url, .agree_tos = true}), HasSubstr("directory")) << url;
    }
    for (const auto* email : {"ops", "@example.org", "ops@", "a@b@c", "a b@c.d", "-x@c.d"}) {
        EXPECT_THAT(reason({.email = email}), HasSubstr("email")) << email;
    }
}

TEST_F(Acme, the_same_once_more_changes_nothing) {
    agree();
    const auto again = r.command(SetAcmeCommand{.agree_tos = true, .sealed_key = "another"});
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->changes.empty());
    EXPECT_EQ(r.world.acme->sealed_key, "sealed");
}

TEST_F(Acme, a_changed_address_is_told_to_the_authority) {
    agree();
    ASSERT_TRUE(r.command(SetAcmeCommand{.email = "ops@example.org"}));
    ASSERT_GE(r.settle(), 0);
    EXPECT_TRUE(r.world.acme->registered);
    EXPECT_EQ(told("acme.registered"), 2);
}

TEST_F(Acme, when_it_is_off_nothing_is_ordered_or_renewed_and_what_is_there_serves) {
    deploy({"shop.example.org"});
    agree();
    ASSERT_TRUE(r.command(StopAcmeCommand{}));
    pass(days(89));
    EXPECT_EQ(begun["shop.example.org"].size(), 1u);
    EXPECT_NE(given("shop.example.org"), nullptr);
    EXPECT_EQ(told("certificate.expiring"), 1);
    EXPECT_THAT(route("other.example.org"), HasSubstr("moln cert acme"));
}

// ---- who gets one ------------------------------------------------------------------------------

TEST_F(Acme, every_public_host_of_a_route_gets_one_of_its_own) {
    deploy({"shop.example.org", "*.example.org", "*", "shop.test", "nas", "10.0.0.1"});
    agree();
    ASSERT_NE(given("shop.example.org"), nullptr);
    EXPECT_EQ(given("shop.example.org")->hosts, std::vector<std::string>{"shop.example.org"});
    EXPECT_EQ(begun.size(), 1u);
    EXPECT_TRUE(r.world.edge.challenges.empty());
    EXPECT_TRUE(r.world.orders.empty());
    const auto& route =
        *std::ranges::find(r.world.edge.routes, "shop.example.org", &EdgeRoute::host);
    EXPECT_TRUE(route.redirect);
}

TEST_F(Acme, a_wildcard_is_told_to_need_one_by_file) {
    deploy();
    agree();
    EXPECT_THAT(route("*.example.org"), HasSubstr("moln cert add"));
}

TEST_F(Acme, a_host_that_is_served_by_file_is_left_alone_until_that_ends) {
    Certificate brought{.id = CertificateId("cert-file"),
                        .hosts = {"*.example.org"},
                        .chain = "chain",
                        .sealed_key = "sealed",
                        .not_before = r.now.wall,
                        .not_after = r.now.wall + days(30),
                        .fingerprint = "f"};
    ASSERT_TRUE(r.command(AddCertificateCommand{brought}));
    deploy({"shop.example.org"});
    agree();
    EXPECT_TRUE(begun.empty());
    pass(days(31));
    EXPECT_EQ(begun["shop.example.org"].size(), 1u);
    EXPECT_EQ(given("shop.example.org")->hosts, std::vector<std::string>{"shop.example.org"});
}

TEST_F(Acme, not_more_than_some_are_under_way_at_once_and_all_get_theirs) {
    std::vector<std::string> hosts;
    for (int i = 0; i < 7; ++i) hosts.push_back(fmt::format("h{}.example.org", i));
    deploy(hosts);
    std::size_t most = 0;
    const auto checked = r.on_plan;
    r.on_plan = [&](const World& before, const Plan& plan) {
        checked(before, plan);
        most = std::max(most, before.attempts.size());
    };
    agree();
    EXPECT_EQ(most, k_attempts_at_once_max);
    for (const auto& host : hosts) EXPECT_NE(given(host), nullptr) << host;
}

TEST_F(Acme, there_is_a_limit_to_their_number) {
    deploy();
    agree();
    for (std::size_t i = 1; i < k_acme_certificates_max; ++i) {
        const CertificateId id(fmt::format("cert-{}", i));
        r.world.certificates[id] = {.id = id,
                                    .hosts = {fmt::format("h{}.example.com", i)},
                                    .source = CertificateSource::acme,
                                    .not_before = r.now.wall,
                                    .not_after = r.now.wall + days(90)};
    }
    route("at.example.org");
    EXPECT_NE(given("at.example.org"), nullptr);
    route("past.example.org");
    EXPECT_EQ(given("past.example.org"), nullptr);
    EXPECT_FALSE(begun.contains("past.example.org"));
}

// ---- the challenge -----------------------------------------------------------------------------

TEST_F(Acme, the_authority_looks_only_when_every_edge_answers) {
    deploy({"shop.example.org"});
    ASSERT_TRUE(r.command(SetAcmeCommand{.agree_tos = true, .sealed_key = "sealed"}));
    r.edge_applies = false;
    for (int i = 0; i < 20; ++i) {
        r.plan_once();
        r.step();
        r.pass(seconds(1));
    }
    EXPECT_EQ(r.world.edge.challenges.size(), 1u);
    EXPECT_EQ(r.acme_looks, 0);
    r.edge_applies = true;
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(r.acme_looks, 1);
    EXPECT_NE(given("shop.example.org"), nullptr);
}

TEST_F(Acme, an_edge_that_never_answers_ends_the_attempt) {
    deploy({"shop.example.org"});
    ASSERT_TRUE(r.command(SetAcmeCommand{.agree_tos = true, .sealed_key = "sealed"}));
    r.edge_applies = false;
    for (int i = 0; i < 100; ++i) {
        r.plan_once();
        r.step();
        r.pass(seconds(1));
    }
    EXPECT_EQ(r.acme_looks, 0);
    ASSERT_TRUE(r.world.orders.contains("shop.example.org"));
    EXPECT_EQ(told("certificate.failed"), 1);
}

TEST_F(Acme, it_looks_over_the_public_listener_first_and_then_over_the_other) {
    const auto kinds = [](std::vector<std::string> plain, std::vector<std::string> tls) {
        World world;
        world.edges[NodeId("n1")].report = {.listens = std::move(plain),
                                            .tls_listens = std::move(tls)};
        std::string text;
        for (int i = 1; i <= 3; ++i)
            text += fmt::format("{} ", challenge_words(choose_challenge(world, i)));
        return text;
    };
    EXPECT_EQ(kinds({"0.0.0.0:80"}, {"0.0.0.0:443"}), "http-01 tls-alpn-01 http-01 ");
    EXPECT_EQ(kinds({"127.0.0.1:8080"}, {"0.0.0.0:443"}), "tls-alpn-01 http-01 tls-alpn-01 ");
    EXPECT_EQ(kinds({"127.0.0.1:8080"}, {"127.0.0.1:8443"}), "http-01 tls-alpn-01 http-01 ");
    EXPECT_EQ(kinds({}, {"[::]:443"}), "tls-alpn-01 tls-alpn-01 tls-alpn-01 ");
    EXPECT_EQ(kinds({"127.0.0.1:8080"}, {}), "http-01 http-01 http-01 ");
}

TEST_F(Acme, what_fails_by_one_challenge_is_tried_by_the_other) {
    r.acme_refuses = [](const std::string& host, ChallengeKind kind) {
        return !host.empty() && kind == ChallengeKind::http_01 ? "connection: refused" : "";
    };
    deploy({"shop.example.org"});
    agree();
    EXPECT_EQ(begun["shop.example.org"].size(), 2u);  // settle() goes on over a minute's pause
    EXPECT_NE(given("shop.example.org"), nullptr);
}

// ---- failures ----------------------------------------------------------------------------------

TEST_F(Acme, a_failure_is_kept_with_the_authoritys_reason_and_told) {
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.empty() ? "" : "dns: no address of shop.example.org";
    };
    deploy({"shop.example.org"});
    agree();
    const auto& order = r.world.orders.at("shop.example.org");
    EXPECT_EQ(order.reason, "dns: no address of shop.example.org");
    EXPECT_GT(order.retry, r.now.steady);
    EXPECT_EQ(told("certificate.failed"), order.attempts);
    EXPECT_THAT(r.world.events.rbegin()->second.text, HasSubstr("no address"));
    EXPECT_EQ(given("shop.example.org"), nullptr);
}

RC_GTEST_PROP(AcmeProperty, no_host_is_asked_for_more_than_five_times_in_an_hour_whatever_happens,
              ()) {
    Reality r;
    std::map<std::string, std::deque<SteadyTime>> begun;
    r.on_plan = [&](const World&, const Plan& plan) {
        for (const auto& step : plan.acme) {
            if (step.verb != AcmeVerb::begin) continue;
            auto& times = begun[step.host];
            times.push_back(r.now.steady);
            while (r.now.steady - times.front() >= minutes(60)) times.pop_front();
            RC_ASSERT(times.size() <= 5u);
        }
    };
    const bool crashes = *rc::gen::arbitrary<bool>();
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.empty() ? "" : "unauthorized: another answers there";
    };
    RC_ASSERT(r.command(deploy_of("default/shop", web_config(1))));
    RC_ASSERT(r.command(SetAcmeCommand{.agree_tos = true, .sealed_key = "sealed"}));
    RC_ASSERT(r.settle() >= 0);
    const auto rounds = *rc::gen::inRange(10, 120);
    for (int i = 0; i < rounds; ++i) {
        const RouteSpec route{.host = "shop.example.org"};
        // Taking the route away and back forgets nothing.
        if (*rc::gen::inRange(0, 4) == 0) {
            if (!r.command(AddRouteCommand{k_shop, route})) {
                RC_ASSERT(r.command(RemoveRouteCommand{k_shop, route.host, route.path}));
            }
        }
        // Nor does a person who has it tried again at any time.
        if (*rc::gen::inRange(0, 3) == 0) {
            (void)r.command(RetryCertificateCommand{"shop.example.org"});
        }
        r.plan_once();
        r.step();
        if (crashes && *rc::gen::inRange(0, 5) == 0) {
            r.world.attempts.clear();
            r.world.registering = false;
        }
        r.pass({*rc::gen::inRange<std::int64_t>(100, 400'000)});
    }
}

TEST_F(Acme, a_failed_host_is_tried_again_at_once_if_a_person_says_so_and_not_too_often) {
    bool refuses = true;
    r.acme_refuses = [&](const std::string& host, ChallengeKind) {
        return host.empty() || !refuses ? "" : "no";
    };
    const RetryCertificateCommand again{"shop.example.org"};
    const auto reason_of = [&] {
        const auto done = r.command(again);
        return done ? "" : done.error().reason;
    };
    EXPECT_THAT(reason_of(), HasSubstr("no certificates are ordered"));
    deploy({"shop.example.org"});
    agree();
    EXPECT_THAT(r.command(RetryCertificateCommand{"other.example.org"}).error().reason,
                HasSubstr("nothing was tried for it"));
    const auto left = [&] { return r.world.orders.at("shop.example.org").retry - r.now.steady; };
    while (left() < minutes(40)) pass(minutes(5));
    const auto tried = begun["shop.example.org"].size();
    pass(k_order_retry_min);
    refuses = false;
    EXPECT_EQ(reason_of(), "");
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(begun["shop.example.org"].size(), tried + 1);
    EXPECT_NE(given("shop.example.org"), nullptr);
    EXPECT_THAT(reason_of(), HasSubstr("nothing was tried for it"));
}

TEST_F(Acme, who_has_a_host_tried_again_too_soon_is_told_when) {
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.empty() ? "" : "no";
    };
    deploy({"shop.example.org"});
    agree();
    pass(minutes(2));
    const auto tried = begun["shop.example.org"].size();
    const auto done = r.command(RetryCertificateCommand{"shop.example.org"});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::refused);
    EXPECT_THAT(done.error().reason, HasSubstr("only a few attempts in an hour: try again in"));
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(begun["shop.example.org"].size(), tried);
}

TEST_F(Acme, a_clock_that_was_set_back_does_not_keep_a_person_from_trying_again) {
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.empty() ? "" : "no";
    };
    deploy({"shop.example.org"});
    agree();
    pass(minutes(2));
    r.now.wall = r.now.wall + Milliseconds{-days(365).count};
    const RetryCertificateCommand again{"shop.example.org"};
    EXPECT_TRUE(r.command(again));
    ASSERT_GE(r.settle(), 0);
    EXPECT_THAT(r.command(again).error().reason, HasSubstr("only a few attempts in an hour"));
}

TEST_F(Acme, pauses_grow_and_have_an_end) {
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.empty() ? "" : "no";
    };
    deploy({"shop.example.org"});
    agree();
    for (int i = 0; i < 2'000; ++i) pass(minutes(5));
    const auto& times = begun["shop.example.org"];
    ASSERT_GT(times.size(), 10u);
    for (std::size_t i = 0; i + 1 < times.size(); ++i) {
        const auto pause = k_order_pauses[std::min(i, std::size(k_order_pauses) - 1)];
        EXPECT_GE(times[i + 1] - times[i], pause);
        EXPECT_LE(times[i + 1] - times[i], Milliseconds{pause.count * 5 / 4} + minutes(6));
    }
}

TEST_F(Acme, an_authority_that_limits_our_rate_is_left_alone_for_all_hosts) {
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.empty() ? "" : "rateLimited: too many new orders";
    };
    deploy({"a.example.org"});
    agree();
    route("b.example.org");
    pass(minutes(50));
    EXPECT_EQ(begun["a.example.org"].size(), 1u);
    EXPECT_FALSE(begun.contains("b.example.org"));
    // Nor is it asked because it is set once more, as a script does every hour.
    EXPECT_EQ(reason({.email = "ops@example.org", .agree_tos = true}), "");
    ASSERT_GE(r.settle(), 0);
    EXPECT_EQ(begun["a.example.org"].size(), 1u);
    EXPECT_FALSE(begun.contains("b.example.org"));
    EXPECT_THAT(r.world.acme->reason, HasSubstr("too many"));
    r.acme_refuses = nullptr;
    pass(minutes(30));
    EXPECT_NE(given("b.example.org"), nullptr);
    EXPECT_EQ(r.world.acme->reason, "");
}

TEST_F(Acme, what_an_authority_refuses_that_is_no_longer_asked_is_not_held_against_the_next) {
    deploy({"shop.example.org"});
    agree();
    r.acme_moves = false;
    ASSERT_TRUE(r.command(AddRouteCommand{k_shop, {.host = "new.example.org"}}));
    r.plan_once();
    r.plan_once();
    ASSERT_TRUE(r.world.attempts.contains("new.example.org"));
    ASSERT_EQ(reason({.directory = "letsencrypt-staging", .agree_tos = true, .sealed_key = "new"}),
              "");
    r.world.attempts["new.example.org"].outcome = AcmeOutcome{{}, "rateLimited: too many", {}};
    r.plan_once();
    EXPECT_EQ(r.world.acme->retry, SteadyTime{});
    EXPECT_EQ(r.world.acme->reason, "");
    EXPECT_FALSE(r.world.orders.contains("new.example.org"));
    r.acme_moves = true;
    ASSERT_GE(r.settle(), 0);
    EXPECT_NE(given("new.example.org"), nullptr);
    EXPECT_EQ(told("certificate.failed"), 0);
}

TEST_F(Acme, an_account_that_is_refused_is_told_and_tried_again_and_nothing_is_ordered) {
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.empty() ? "SSL peer certificate was not OK" : "";
    };
    deploy({"shop.example.org"});
    agree();
    EXPECT_EQ(r.world.acme->reason, "SSL peer certificate was not OK");
    EXPECT_EQ(told("acme.failed"), 1);
    EXPECT_TRUE(begun.empty());
    r.acme_refuses = nullptr;
    pass(minutes(40));
    EXPECT_TRUE(r.world.acme->registered);
    EXPECT_NE(given("shop.example.org"), nullptr);
}

TEST_F(Acme, an_account_that_the_authority_forgot_is_made_known_again) {
    bool forgotten = true;
    r.acme_refuses = [&](const std::string& host, ChallengeKind) {
        if (host.empty()) {
            forgotten = told("certificate.failed") == 0;
            return "";
        }
        return forgotten ? "accountDoesNotExist: who?" : "";
    };
    deploy({"shop.example.org"});
    agree();
    EXPECT_EQ(told("acme.registered"), 2);
    EXPECT_NE(given("shop.example.org"), nullptr);
}

TEST_F(Acme, an_account_whose_key_is_lost_is_made_anew_by_saying_so) {
    r.acme_refuses = [&](const std::string&, ChallengeKind) {
        const bool lost = r.world.acme->sealed_key == "sealed" && !r.world.certificates.empty();
        return lost ? "accountDoesNotExist: its key is lost" : "";
    };
    agree();
    deploy({"shop.example.org"});
    EXPECT_FALSE(r.world.acme->registered);
    EXPECT_EQ(told("acme.failed"), 1);
    EXPECT_THAT(r.world.acme->reason, HasSubstr("its key is lost"));
    ASSERT_EQ(reason({.agree_tos = true, .sealed_key = "new"}), "");
    pass(minutes(2));
    EXPECT_EQ(r.world.acme->sealed_key, "new");
    EXPECT_NE(given("shop.example.org"), nullptr);
}

TEST_F(Acme, an_attempt_that_the_daemon_died_over_is_repeated_after_its_pause) {
    deploy({"shop.example.org"});
    r.acme_moves = false;
    ASSERT_TRUE(r.command(SetAcmeCommand{.agree_tos = true, .sealed_key = "sealed"}));
    r.plan_once();
    r.world.registration = AcmeOutcome{};
    r.plan_once();
    r.plan_once();
    ASSERT_TRUE(r.world.attempts.contains("shop.example.org"));
    r.world.attempts.clear();
    r.plan_once();
    EXPECT_THAT(r.world.orders.at("shop.example.org").reason, HasSubstr("daemon ended"));
    r.acme_moves = true;
    ASSERT_GE(r.settle(), 0);
    EXPECT_NE(given("shop.example.org"), nullptr);
    const auto& times = begun["shop.example.org"];
    ASSERT_EQ(times.size(), 2u);
    EXPECT_GE(times[1] - times[0], k_order_pauses[0]);
}

TEST_F(Acme, what_the_authority_gives_is_looked_at) {
    deploy({"shop.example.org"});
    agree();
    const auto first = *given("shop.example.org");
    const auto finish = [&](Certificate made) {
        r.world.attempts["other.example.org"] = {.id = CertificateId("cert-x"),
                                                 .directory = r.world.acme->directory,
                                                 .outcome = AcmeOutcome{std::move(made), "", {}}};
        r.world.orders["other.example.org"] = {
            .host = "other.example.org", .id = CertificateId("cert-x"), .attempts = 1};
        r.plan_once();
        return r.world.orders["other.example.org"].reason;
    };
    EXPECT_THAT(finish({.hosts = {"evil.example.org"}}), HasSubstr("other names"));
    EXPECT_THAT(finish({.hosts = {"other.example.org"},
                        .not_before = r.now.wall + minutes(6),
                        .not_after = r.now.wall + days(90)}),
                HasSubstr("clock"));
    EXPECT_FALSE(r.world.certificates.contains(CertificateId("cert-x")));
}

// ---- renewal -----------------------------------------------------------------------------------

TEST_F(Acme, one_is_renewed_at_two_thirds_of_its_life_in_its_place) {
    deploy({"shop.example.org"});
    agree();
    const auto first = r.world.certificates.at(given("shop.example.org")->id);
    const auto due = acme_renewal_time(first) - r.now.wall;
    EXPECT_LE(due, days(60));
    EXPECT_GE(due, days(56));
    pass(due + Milliseconds{-minutes(5).count});
    EXPECT_EQ(begun["shop.example.org"].size(), 1u);
    pass(minutes(6));
    const auto& second = r.world.certificates.at(first.id);
    EXPECT_GT(second.not_after, first.not_after);
    EXPECT_EQ(given("shop.example.org")->chain, second.chain);
    EXPECT_EQ(told("certificate.renewed"), 1);
}

TEST_F(Acme, the_old_one_serves_while_renewing_fails_and_its_end_is_told) {
    deploy({"shop.example.org"});
    agree();
    const auto first = r.world.certificates.at(given("shop.example.org")->id);
    r.acme_refuses = [](const std::string& host, ChallengeKind) {
        return host.empty() ? "" : "no";
    };
    for (int i = 0; i < 80; ++i) pass(days(1));
    EXPECT_EQ(given("shop.example.org")->chain, first.chain);
    EXPECT_EQ(told("certificate.expiring"), 1);
    r.acme_refuses = nullptr;
    pass(days(1));
    EXPECT_NE(given("shop.example.org")->chain, first.chain);
}

TEST_F(Acme, a_short_life_does_not_make_us_ask_all_the_time) {
    r.acme_life = seconds(1);
    deploy({"shop.example.org"});
    ASSERT_TRUE(r.command(SetAcmeCommand{.agree_tos = true, .sealed_key = "sealed"}));
    for (int i = 0; i < 600; ++i) {
        r.plan_once();
        r.step();
        r.pass(Milliseconds{100});
    }
    EXPECT_LE(begun["shop.example.org"].size(), 8u);
}

TEST_F(Acme, those_that_no_route_needs_are_not_renewed_and_go_when_they_have_ended) {
    deploy({"shop.example.org"});
    agree();
    ASSERT_TRUE(r.command(RemoveRouteCommand{k_shop, "shop.example.org", "/"}));
    pass(days(80));
    EXPECT_EQ(begun["shop.example.org"].size(), 1u);
    EXPECT_EQ(r.world.certificates.size(), 2u);
    pass(days(15));
    EXPECT_EQ(r.world.certificates.size(), 1u);
}

TEST_F(Acme, renewals_of_those_issued_together_lie_apart) {
    std::vector<WallTime> times;
    for (int i = 0; i < 50; ++i) {
        times.push_back(acme_renewal_time({.id = CertificateId(fmt::format("cert-{}", i)),
                                           .not_before = {0},
                                           .not_after = {days(90).count},
                                           .created = {0}}));
    }
    const auto [first, last] = std::ranges::minmax(times);
    EXPECT_GT(last - first, days(2));
    EXPECT_LE(last, WallTime{days(60).count});
    EXPECT_GE(first, WallTime{days(57).count});
}

}  // namespace
}  // namespace moln::plan
