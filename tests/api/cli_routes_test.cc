// Routes, and what their cache keeps, as `moln` is told of them.
#include <fstream>

#include <gmock/gmock.h>

#include "tests/api/cli_fixture.h"

namespace moln {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(Cli, a_route_is_added_with_what_becomes_of_plain_http) {
    EXPECT_EQ(moln({"route", "add", "a.example.org", "--https", "both", "--hsts", "30d"}).exit_code,
              0);
    on_loop([this] {
        const auto& route = std::get<AddRouteCommand>(control_->commands.back()).route;
        EXPECT_EQ(route.https, Https::both);
        EXPECT_EQ(route.hsts, days(30));
    });
    EXPECT_EQ(moln({"route", "add", "a.example.org", "--https", "never"}).exit_code, 2);
    EXPECT_EQ(moln({"route", "add", "a.example.org", "--hsts", "30"}).exit_code, 2);
}

TEST_F(Cli, a_route_says_who_is_let_in_and_how_many) {
    std::ofstream(folder_ + "/shop/users.txt") << "# who may\nalice:$y$one\n\nbob:$2b$two\n";
    EXPECT_EQ(moln({"route", "add", "a.example.org", "--users", "users.txt", "--realm", "shop",
                    "--rate-limit", "20/s burst 40", "--rate-limit-route", "600/m"})
                  .exit_code,
              0);
    on_loop([this] {
        const auto& route = std::get<AddRouteCommand>(control_->commands.back()).route;
        EXPECT_EQ(route.auth,
                  (AuthSpec{.users = {"alice:$y$one", "bob:$2b$two"}, .realm = "shop"}));
        EXPECT_EQ(route.rate, (RateSpec{.client = RateLimit{20, seconds(1), 40},
                                        .route = RateLimit{600, minutes(1), 0}}));
    });
    EXPECT_EQ(moln({"route", "add", "b.example.org", "--users", "-"}, "eve:$y$x\n").exit_code, 0);
    EXPECT_EQ(moln({"route", "add", "c.example.org", "--users", "-"}, "eve:plain\n").exit_code, 2);
    EXPECT_EQ(moln({"route", "add", "c.example.org", "--users", "none.txt"}).exit_code, 3);
    EXPECT_EQ(moln({"route", "add", "c.example.org", "--rate-limit", "20"}).exit_code, 2);
}

TEST_F(Cli, a_route_asks_for_certificates_of_authorities_in_a_file) {
    const std::string pem = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
    std::ofstream(folder_ + "/shop/partners.pem") << pem;
    std::ofstream(folder_ + "/shop/broken.pem") << "broken\n" << pem;
    std::ofstream(folder_ + "/shop/none.txt") << "none\n";
    EXPECT_EQ(moln({"route", "add", "a.example.org", "--client-ca", "partners.pem"}).exit_code, 0);
    on_loop([this, &pem] {
        const auto& route = std::get<AddRouteCommand>(control_->commands.back()).route;
        EXPECT_EQ(route.client_cert, ClientCertSpec{.ca = pem});
    });
    EXPECT_EQ(moln({"route", "add", "a.example.org", "--client-ca", "partners.pem",
                    "--client-cert-optional"})
                  .exit_code,
              0);
    on_loop([this] {
        const auto& route = std::get<AddRouteCommand>(control_->commands.back()).route;
        EXPECT_EQ(route.client_cert->need, ClientCertNeed::optional);
    });
    const auto broken = moln({"route", "add", "b.example.org", "--client-ca", "broken.pem"});
    EXPECT_EQ(broken.exit_code, 2);
    EXPECT_THAT(broken.out, HasSubstr("client_cert.ca: certificate 1 does not parse"));
    EXPECT_EQ(moln({"route", "add", "b.example.org", "--client-ca", "none.txt"}).exit_code, 2);
    EXPECT_EQ(moln({"route", "add", "b.example.org", "--client-ca", "no.pem"}).exit_code, 3);
    EXPECT_EQ(moln({"route", "add", "b.example.org", "--client-cert-optional"}).exit_code, 2);
}

TEST_F(Cli, a_route_that_is_there_is_set_anew_when_that_is_said) {
    EXPECT_EQ(moln({"route", "add", "a.example.org", "--cache", "--replace"}).exit_code, 0);
    on_loop([this] {
        const auto& command = std::get<AddRouteCommand>(control_->commands.back());
        EXPECT_TRUE(command.replace);
        EXPECT_TRUE(command.route.cache);
    });
    EXPECT_EQ(moln({"route", "add", "a.example.org"}).exit_code, 0);
    on_loop([this] { EXPECT_FALSE(std::get<AddRouteCommand>(control_->commands.back()).replace); });
}

TEST_F(Cli, an_app_that_is_not_there_has_no_empty_lists) {
    for (const auto& verb : std::vector<std::vector<std::string>>{{"ps"},
                                                                  {"route", "ls"},
                                                                  {"volume", "ls"},
                                                                  {"trash", "ls"},
                                                                  {"events"},
                                                                  {"logs"},
                                                                  {"top", "--once"},
                                                                  {"top", "--routes", "--once"},
                                                                  {"cache", "purge", "--all"}}) {
        auto words = verb;
        words.insert(words.end(), {"--app", "sohp"});
        const auto ran = moln(words);
        EXPECT_EQ(ran.exit_code, 3) << ran.out;
        EXPECT_THAT(ran.out, HasSubstr("app sohp: there is none of that name in project default; "
                                       "did you mean shop?"));
        words.push_back("--json");
        EXPECT_EQ(moln(words).exit_code, 3);
    }
    EXPECT_EQ(moln({"volume", "ls", "--app", "shop"}).exit_code, 0);
    on_loop([this] { control_->state.apps.clear(); });
    EXPECT_THAT(moln({"logs"}).out, HasSubstr("shop is what this folder is called: --app names"));
    on_loop([this] { control_->add_app("shop"); });
    // Of one that is gone there is still what happened to it.
    on_loop([this] {
        control_->state.events[1] = {.number = 1, .app = AppId("default/gone"), .text = "it went"};
    });
    EXPECT_THAT(moln({"events", "--app", "gone"}).out, HasSubstr("it went"));
    EXPECT_EQ(moln({"trash", "ls", "--app", "gone"}).exit_code, 0);
    EXPECT_EQ(moln({"ps", "--app", "gone"}).exit_code, 3);
}

TEST_F(Cli, a_canary_that_cannot_be_is_told_before_anything_is_sent) {
    const auto ran = moln({"deploy", ".", "--canary", "200%"});
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.out, testing::StartsWith("moln: --canary: expected a share of 0 to 100"));
}

TEST_F(Cli, what_was_asked_of_a_person_is_named_as_that_person_named_it) {
    std::ofstream(folder_ + "/shop/bad.pem") << "nothing\n";
    std::ofstream(folder_ + "/shop/key.pem") << "key hunter2\n";
    const auto added = moln({"cert", "add", "--cert", "bad.pem", "--key", "key.pem"});
    EXPECT_EQ(added.exit_code, 2);
    EXPECT_THAT(added.out, HasSubstr("moln: bad.pem with key.pem: "));
    const auto secret = moln({"secret", "set", "KEY"}, "\n");
    EXPECT_EQ(secret.exit_code, 2);
    EXPECT_THAT(secret.out, HasSubstr("`moln secret rm KEY` removes it"));
    const auto logs = moln({"logs", "--process", "wbe"});
    EXPECT_EQ(logs.exit_code, 3);
    EXPECT_THAT(logs.out, HasSubstr("default/shop has no process wbe: it has web"));
}

TEST_F(Cli, a_route_gets_a_cache_and_what_is_kept_is_purged) {
    EXPECT_EQ(moln({"route", "add", "a.example.org", "--stale-if-error", "1h"}).exit_code, 0);
    on_loop([this] {
        const auto& route = std::get<AddRouteCommand>(control_->commands.back()).route;
        EXPECT_EQ(route.cache, (CacheSpec{.stale_if_error = minutes(60)}));
    });
    EXPECT_EQ(moln({"route", "add", "b.example.org", "--cache"}).exit_code, 0);
    EXPECT_EQ(moln({"route", "add", "c.example.org", "--no-compress"}).exit_code, 0);
    on_loop([this] {
        const auto& route = std::get<AddRouteCommand>(control_->commands.back()).route;
        EXPECT_EQ(route.cache, (CacheSpec{.compress = false}));
    });
    EXPECT_EQ(moln({"route", "add", "a.example.org", "--cache-ttl", "x"}).exit_code, 2);
    EXPECT_EQ(moln({"cache", "purge", "https://a.example.org/x"}).out,
              "purged url https://a.example.org/x on every edge; no route with a cache leads from "
              "a.example.org now\n");
    on_loop([this] {
        control_->state.edge.routes = {{.host = "*.example.org", .cache = CacheSpec{}}};
        control_->purges.clear();
    });
    EXPECT_EQ(moln({"cache", "purge", "https://A.example.org:8443/x"}).out,
              "purged url https://A.example.org:8443/x on every edge\n");
    on_loop([this] { control_->purges.clear(); });
    EXPECT_EQ(moln({"cache", "purge", "https://a.example.org/x"}).exit_code, 0);
    EXPECT_EQ(moln({"cache", "purge", "--prefix", "a.example.org"}).exit_code, 0);
    EXPECT_EQ(moln({"cache", "purge", "--tag", "news"}).exit_code, 0);
    EXPECT_EQ(moln({"cache", "purge", "--all"}).exit_code, 0);
    EXPECT_EQ(moln({"cache", "purge", "--all", "--app", "shop"}).exit_code, 0);
    on_loop([this] {
        std::vector<std::string> purged;
        for (const auto& purge : control_->purges) purged.push_back(purge.name);
        EXPECT_THAT(purged, ElementsAre("https://a.example.org/x", "a.example.org", "news",
                                        "default", "default/shop"));
    });
    EXPECT_THAT(moln({"cache", "purge"}).out,
                HasSubstr("expected one of a URL, --prefix, --tag and --all, found none"));
    EXPECT_THAT(moln({"cache", "purge", "--tag", "news", "--app", "shop"}).out,
                HasSubstr("--app goes with --all alone"));
    EXPECT_EQ(moln({"cache", "purge"}).exit_code, 2);
    EXPECT_EQ(moln({"cache", "purge", "a.example.org/x", "--all"}).exit_code, 2);
    EXPECT_EQ(moln({"cache", "purge", "--all", "--app", "none"}).exit_code, 3);
    EXPECT_THAT(moln({"cache", "stats"}).out, HasSubstr("OBJECTS"));
}

}  // namespace
}  // namespace moln
