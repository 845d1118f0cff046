// Applications that nobody here wrote: a server from the npm registry, a Django project as its own
// tool makes it, and a calendar server; built as a deploy builds them, started, and asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "build_bench.h"

namespace moln {
namespace {

using ::testing::HasSubstr;

class RealApps : public BuildBench {};

bool npm_registry_answers() {
    const auto answer =
        run_child({.argv = {"npm", "ping"}, .env = {"HOME=/root"}, .time_limit = seconds(30)});
    return answer && answer->exit_code == 0;
}

TEST_F(RealApps, a_server_from_the_npm_registry_serves) {
    if (!npm_registry_answers()) GTEST_SKIP() << "the npm registry does not answer";
    write("package.json",
          R"({"private": true, "dependencies": {"http-server": "14.1.1"},
              "scripts": {"start": "http-server site -p $PORT"}})");
    write("site/index.html", "served by a stranger");
    const auto built = build(source());
    ASSERT_TRUE(built) << built.error().reason;
    EXPECT_EQ(built->detected, "Node.js (package.json)");
    const auto answer = ask(*built, "/");
    ASSERT_TRUE(answer) << answer.error().reason;
    EXPECT_THAT(*answer, HasSubstr("served by a stranger"));

    // The same folder again: the registry is not asked.
    const auto again = build(source());
    ASSERT_TRUE(again);
    EXPECT_EQ(again->image, built->image);
    EXPECT_THAT(log_, HasSubstr("unchanged: layer"));
}

TEST_F(RealApps, a_django_project_serves_with_gunicorn) {
    std::filesystem::create_directories(source());
    ASSERT_TRUE(run_child_ok({.argv = {"django-admin", "startproject", "shop", source()}}));
    // What the platform has already is not fetched.
    write("requirements.txt", "Django\ngunicorn\n");
    const auto built = build(source());
    ASSERT_TRUE(built) << built.error().reason;
    EXPECT_EQ(built->detected, "Python (requirements.txt), Django");
    const auto answer = ask(*built, "/");
    ASSERT_TRUE(answer) << answer.error().reason;
    EXPECT_THAT(*answer, HasSubstr("The install worked successfully"));
}

TEST_F(RealApps, a_calendar_server_runs_by_its_procfile) {
    write("requirements.txt", "radicale\n");
    write("Procfile",
          "web: python3 -m radicale --hosts 0.0.0.0:$PORT --auth-type none"
          " --storage-filesystem-folder /tmp/calendars\n");
    const auto built = build(source());
    ASSERT_TRUE(built) << built.error().reason;
    EXPECT_EQ(built->detected, "Python (requirements.txt), Procfile");
    const auto answer = ask(*built, "/.web/");
    ASSERT_TRUE(answer) << answer.error().reason;
    EXPECT_THAT(*answer, HasSubstr("Radicale"));
}

}  // namespace
}  // namespace moln
