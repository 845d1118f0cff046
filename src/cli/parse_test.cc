#include "cli/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/exit_code.h"
#include "cli/requests.h"
#include "cli/verbs.h"

namespace moln::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Invocation said(const std::vector<std::string>& words) {
    auto parsed = parse(words, "");
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().text);
    return parsed.value_or(Invocation{});
}

std::string refused(const std::vector<std::string>& words) {
    const auto parsed = parse(words, "");
    EXPECT_FALSE(parsed);
    if (parsed) return "";
    EXPECT_EQ(parsed.error().exit_code, k_exit_usage);
    return parsed.error().text;
}

TEST(Parse, global_options_stand_before_or_after_the_verb) {
    const auto before = said({"--json", "-a", "shop", "env", "set", "A=1"});
    const auto after = said({"env", "set", "A=1", "--app", "shop", "--json"});
    EXPECT_EQ(before, after);
    EXPECT_EQ(before.verb, "env set");
    EXPECT_EQ(before.app, "shop");
    EXPECT_TRUE(before.json);
}

TEST(Parse, the_data_directory_comes_from_option_then_environment_then_default) {
    EXPECT_EQ(said({"ps"}).data_dir, "/var/lib/moln");
    EXPECT_EQ(parse({"ps"}, "/srv/moln")->data_dir, "/srv/moln");
    EXPECT_EQ(parse({"ps", "--data", "/x"}, "/srv/moln")->data_dir, "/x");
}

TEST(Parse, an_empty_value_is_not_taken_for_one_that_was_not_said) {
    EXPECT_EQ(refused({"deploy", ".", "--canary", ""}),
              "moln deploy: --canary: expected a value, found an empty one; see `moln deploy "
              "--help`\n");
    for (const auto* option :
         {"--users", "--forward-auth", "--client-ca", "--rate-limit", "--listen", "--hsts"}) {
        EXPECT_THAT(refused({"route", "add", "a.test", option, ""}), HasSubstr("an empty one"));
        EXPECT_THAT(refused({"route", "add", "a.test", std::string(option) + "="}),
                    HasSubstr(option));
    }
    EXPECT_THAT(refused({"stop", "--instance", ""}), HasSubstr("--instance: expected a value"));
    EXPECT_THAT(refused({"restart", "--app", ""}), HasSubstr("--app: expected a value"));
    EXPECT_THAT(refused({"ps", "--project", ""}), HasSubstr("--project: expected a value"));
    EXPECT_THAT(refused({"volume", "rm", ""}), HasSubstr("VOLUME: expected a value"));
    EXPECT_THAT(refused({"trash", "purge", "a", ""}), HasSubstr("TRASH: expected a value"));
    EXPECT_THAT(refused({"env", "unset", "A", ""}), HasSubstr("NAME: expected a value"));
    EXPECT_EQ(said({"env", "set", "A="}).words.front(), "A=");
    EXPECT_EQ(said({"cert", "acme", "--email", ""}).email, "");
}

TEST(Parse, everything_after_run_is_the_command) {
    const auto run = said({"run", "-a", "shop", "ls", "-la", "--json", "--", "x"});
    EXPECT_EQ(run.app, "shop");
    EXPECT_FALSE(run.json);
    EXPECT_THAT(run.words, ElementsAre("ls", "-la", "--json", "--", "x"));
    EXPECT_THAT(said({"run", "--", "-x"}).words, ElementsAre("-x"));
    EXPECT_TRUE(said({"run", "--no-tty", "ls"}).no_tty);
    EXPECT_THAT(refused({"run"}), HasSubstr("expected a command"));
}

TEST(Parse, the_edge_has_verbs_of_its_own) {
    const auto target_of = [](const std::vector<std::string>& words) {
        const auto call = request_for(said(words), "");
        return call ? call->method + " " + call->target : call.error().reason;
    };
    EXPECT_EQ(said({"edge", "status"}).verb, "edge status");
    EXPECT_EQ(target_of({"--json", "edge", "status"}), "GET /v1/edge");
    EXPECT_EQ(target_of({"edge", "upgrade"}), "POST /v1/edge/upgrade");
    EXPECT_EQ(target_of({"edge", "upgrade", "--wait"}), "POST /v1/edge/upgrade?until=ended");
    EXPECT_EQ(target_of({"edge", "--json", "upgrade", "--no-wait"}),
              "POST /v1/edge/upgrade?until=begun");
    EXPECT_THAT(refused({"edge", "upgrade", "--wait", "--no-wait"}), HasSubstr("excludes"));
    EXPECT_THAT(refused({"edge"}), HasSubstr("expected status or upgrade"));
    refused({"edge", "upgrade", "now"});
    const auto help = parse({"help", "edge"}, "");
    ASSERT_FALSE(help);
    EXPECT_EQ(help.error().exit_code, k_exit_ok);
    EXPECT_THAT(help.error().text, HasSubstr("upgrade"));
    EXPECT_THAT(parse({"edge", "upgrade", "--help"}, "").error().text,
                HasSubstr("moln edge upgrade --wait"));
}

TEST(Parse, top_takes_a_limit_with_routes_alone) {
    const auto target_of = [](const std::vector<std::string>& words) {
        return request_for(said(words), "")->target;
    };
    EXPECT_EQ(target_of({"top", "--once"}), "/v1/top?interval_ms=2000&count=1");
    EXPECT_THAT(target_of({"top", "--routes"}), HasSubstr("/v1/top/routes?"));
    EXPECT_THAT(target_of({"top", "--routes"}), HasSubstr("&limit=20"));
    EXPECT_THAT(target_of({"top", "--routes", "--limit", "10000"}), HasSubstr("&limit=10000"));
    EXPECT_THAT(target_of({"top", "--routes", "--json"}), testing::Not(HasSubstr("limit")));
    refused({"top", "--routes", "--limit", "0"});
    refused({"top", "--routes", "--limit", "10001"});
    EXPECT_THAT(refused({"top", "--limit", "3"}), HasSubstr("--routes"));
}

TEST(Parse, what_is_said_of_requests_becomes_a_body) {
    const auto body = [](const std::vector<std::string>& words) {
        const auto call = request_for(said(words), "shop");
        return call ? call->body : call.error().reason;
    };
    const auto route = body({"route", "add", "a.test", "--forward-auth", "auth:/check",
                             "--forward-auth-copy", "X-User", "--forward-auth-copy", "X-Group"});
    EXPECT_THAT(route, HasSubstr(R"("forward_auth":{"process":"auth","path":"/check",)"
                                 R"("copy":["X-User","X-Group"]})"));
    EXPECT_THAT(body({"route", "add", "a.test", "--forward-auth", "auth"}),
                HasSubstr("a process and a path such as \"auth:/check\""));
    EXPECT_THAT(body({"route", "add", "a.test", "--forward-auth-copy", "X-User"}),
                HasSubstr("--forward-auth with it"));
    EXPECT_THAT(body({"canary", "--mirror", "20%"}), HasSubstr(R"("mirror":20)"));
    EXPECT_THAT(body({"canary", "5", "--mirror", "101"}), HasSubstr("0 to 100 per cent"));
    EXPECT_THAT(body({"canary", "5", "--mirror", "all"}), HasSubstr("--mirror: expected a share"));
    EXPECT_THAT(body({"canary"}), HasSubstr("a SHARE, --header, --cookie or --mirror"));
    EXPECT_THAT(body({"canary", "--cookie", "canary=yes"}), HasSubstr(R"("cookie":"canary=yes")"));
    EXPECT_THAT(body({"canary", "all"}), HasSubstr("canary: expected a share"));
    EXPECT_THAT(body({"maintenance", "on", "--retry-after", "1500ms"}),
                HasSubstr("--retry-after: expected whole seconds, found \"1500ms\""));
    EXPECT_THAT(body({"route", "add", "a.test", "--realm", "x"}),
                HasSubstr("--realm: only with --users"));
    EXPECT_THAT(body({"maintenance", "on", "--allow", "10.0.0.0/8", "--allow", "::1"}),
                HasSubstr(R"("allow":["10.0.0.0/8","::1"],"pass":"")"));
}

TEST(Parse, what_is_wrong_is_named) {
    EXPECT_THAT(refused({"bogus"}), HasSubstr("bogus: there is no such verb"));
    EXPECT_THAT(refused({"ps", "--bogus"}), HasSubstr("--bogus"));
    EXPECT_THAT(refused({"scale"}), HasSubstr("PROCESS=N"));
    EXPECT_THAT(refused({"logs", "-n", "10001"}), HasSubstr("10001"));
    EXPECT_EQ(request_for(said({"logs"}), "shop")->target, "/v1/apps/shop/logs");
    EXPECT_EQ(request_for(said({"logs", "-n", "0"}), "shop")->target, "/v1/apps/shop/logs?lines=0");
    EXPECT_THAT(refused({"env"}), HasSubstr("expected ls, set or unset"));
    EXPECT_THAT(refused({"completion", "tcsh"}), HasSubstr("tcsh"));
    EXPECT_THAT(refused({"rollback", "1", "2"}), HasSubstr("2"));
}

TEST(Parse, every_verb_has_help_with_an_example) {
    for (const auto& verb : verbs()) {
        std::vector<std::string> words;
        std::string_view rest = verb.name;
        while (!rest.empty()) {
            const auto end = rest.find(' ');
            words.emplace_back(rest.substr(0, end));
            rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
        }
        words.push_back("--help");
        const auto help = parse(words, "");
        ASSERT_FALSE(help) << verb.name;
        EXPECT_EQ(help.error().exit_code, k_exit_ok);
        EXPECT_THAT(help.error().text, HasSubstr(std::string(verb.summary)));
        if (verb.name == "daemon" || verb.name == "edge") continue;
        EXPECT_THAT(help.error().text, HasSubstr("Examples:")) << verb.name;
    }
}

TEST(Parse, help_alone_and_no_words_list_the_verbs) {
    for (const auto& words : {std::vector<std::string>{}, {"help"}, {"--help"}}) {
        const auto help = parse(words, "");
        ASSERT_FALSE(help);
        EXPECT_EQ(help.error().exit_code, k_exit_ok);
        EXPECT_THAT(help.error().text, HasSubstr("deploy"));
        EXPECT_THAT(help.error().text, HasSubstr("130  interrupted"));
    }
    EXPECT_THAT(parse({"help", "env", "set"}, "").error().text, HasSubstr("NAME=VALUE"));
}

TEST(Requests, words_that_cannot_be_are_refused_by_name) {
    const auto reason = [](const std::vector<std::string>& words) {
        const auto call = request_for(said(words), "shop");
        return call ? std::string() : call.error().reason;
    };
    EXPECT_THAT(reason({"scale", "web"}), HasSubstr("web: expected PROCESS=N"));
    EXPECT_THAT(reason({"scale", "web=-1"}), HasSubstr("web=-1"));
    EXPECT_THAT(reason({"scale", "web=1", "web=2"}), HasSubstr("twice"));
    EXPECT_THAT(reason({"env", "set", "A"}), HasSubstr("A: expected NAME=VALUE"));
    EXPECT_THAT(reason({"env", "set", "=x"}), HasSubstr("NAME=VALUE"));
    EXPECT_THAT(reason({"rollback", "last"}), HasSubstr("last: expected a release"));
    EXPECT_THAT(reason({"stop", "--now"}), HasSubstr("--instance"));
    EXPECT_EQ(reason({"scale", "web=0"}), "");
    EXPECT_EQ(reason({"route", "add", "https://shop.test/"}),
              "route add: expected HOST[/PATH] without a scheme, found \"https://shop.test/\"");
}

TEST(Requests, a_follow_goes_on_behind_what_was_shown) {
    FollowPlace place({90});
    place.takes(json::object{{"instance", "web-a"}, {"position", "web-a.1.2.3"}});
    place.takes(json::object{{"number", 7}, {"at", 5}});
    const auto target_of_next = [&](const std::vector<std::string>& words) {
        return request_to_go_on(said(words), "shop", place).value().target;
    };
    EXPECT_EQ(target_of_next({"logs", "-f", "-n", "5", "--process", "web"}),
              "/v1/apps/shop/logs?after=web-a.1.2.3&since=90&process=web&follow=1");
    EXPECT_EQ(target_of_next({"events", "-f"}), "/v1/events?after=7&follow=1");
    EXPECT_EQ(target_of_next({"top"}), "/v1/top?interval_ms=2000");
}

TEST(Requests, options_become_headers_query_and_body) {
    const auto scale = request_for(said({"scale", "web=3", "--if-generation", "7"}), "shop");
    EXPECT_EQ(scale->method, "PUT");
    EXPECT_EQ(scale->target, "/v1/apps/shop/scale?wait=1");
    EXPECT_EQ(scale->headers.at("If-Match"), "7");
    EXPECT_EQ(scale->body, R"({"instances":{"web":3}})");
    const auto restart = request_for(said({"restart", "--no-wait", "--project", "p"}), "shop");
    EXPECT_EQ(restart->target, "/v1/apps/shop/restart?project=p");
    const auto route = request_for(said({"route", "rm", "a.b/x y"}), "shop");
    EXPECT_EQ(route->target, "/v1/apps/shop/routes?wait=1&host=a.b&path=%2Fx%20y");
    EXPECT_EQ(split_route("/api"), (std::pair<std::string, std::string>("*", "/api")));
}

TEST(ExitCodes, tell_apart_what_a_script_acts_on) {
    EXPECT_EQ(exit_code_of(ErrorCode::invalid), 2);
    EXPECT_EQ(exit_code_of(ErrorCode::not_found), 3);
    EXPECT_EQ(exit_code_of(ErrorCode::refused), 4);
    EXPECT_EQ(exit_code_of(ErrorCode::unavailable), 5);
    EXPECT_EQ(exit_code_of(ErrorCode::timeout), 6);
    EXPECT_EQ(exit_code_of(ErrorCode::internal), 1);
}

}  // namespace
}  // namespace moln::cli
