// What the driver does without an authority. With a real one: tests/system/test_acme.py.
#include "drivers/acme/real_acme.h"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/certificate/request.h"
#include "io/file/files.h"
#include "io/file/temp_dir_for_test.h"

namespace moln {
namespace {

using ::testing::HasSubstr;

struct Fixture : testing::Test {
    TempDir dir;
    SealBox seals = *SealBox::open(dir.path() + "/seal.key");
    std::string folder = dir.path() + "/acme";
    // Nobody listens on port 1: the transfer is refused at once, and repeated by uacme.
    AcmeAccount account{.directory = "https://127.0.0.1:1/dir",
                        .sealed_key = seals.seal(*make_account_key(), k_acme_key)};
    AcmeOrder order{.host = "shop.example.org", .id = CertificateId("cert-a")};
};
using RealAcmeTest = Fixture;

TEST_F(RealAcmeTest, what_an_earlier_daemon_left_goes) {
    ASSERT_TRUE(make_folders(folder + "/cert-x/private", 0700));
    ASSERT_TRUE(write_file(folder + "/cert-x/private/key.pem", "old", 0600));
    const RealAcme acme(seals, folder);
    EXPECT_FALSE(path_exists(folder));
}

TEST_F(RealAcmeTest, an_attempt_that_was_not_begun_is_not_finished) {
    RealAcme acme(seals, folder);
    const auto done = acme.finish("shop.example.org", AcmeAnswer::look);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::not_found);
}

TEST_F(RealAcmeTest, a_key_that_was_sealed_for_another_is_not_used) {
    RealAcme acme(seals, folder);
    account.sealed_key = seals.seal(Secret("key"), "elsewhere");
    const auto done = acme.register_account(account);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::failed);
    EXPECT_THAT(done.error().reason, HasSubstr("accountDoesNotExist"));
    EXPECT_THAT(done.error().reason, HasSubstr("moln cert acme --agree-tos"));
}

TEST_F(RealAcmeTest, a_host_that_cannot_be_proved_is_refused_before_anybody_is_asked) {
    RealAcme acme(seals, folder);
    order.host = "*.example.org";
    EXPECT_FALSE(acme.begin(account, order));
    EXPECT_FALSE(path_exists(folder + "/cert-a"));
}

// uacme repeats a transfer that was refused three times, five seconds apart.
TEST_F(RealAcmeTest, the_end_of_the_daemon_ends_what_runs) {
    Status done;
    std::thread call;
    {
        RealAcme acme(seals, folder);
        call = std::thread([&] { done = acme.register_account(account); });
        while (!path_exists(folder + "/account/hook")) std::this_thread::yield();
    }
    call.join();
    ASSERT_FALSE(done);
    EXPECT_FALSE(path_exists(folder));
}

struct UacmeTest : Fixture {
    UacmeSettings settings{.folder = folder + "/one",
                           .directory = "https://127.0.0.1:1/dir",
                           .ca_bundle = {},
                           .account_key = Secret("a key"),
                           .challenge = ChallengeKind::tls_alpn_01};
    // In the place of uacme: `words` are a shell's, in which $hook is the hook.
    std::unique_ptr<Uacme> prepare(const std::string& words) {
        settings.program = dir.path() + "/program";
        EXPECT_TRUE(write_file(
            settings.program,
            "#!/bin/sh\nwhile [ \"$1\" != -h ]; do shift; done\nhook=$2\n" + words + "\n", 0700,
            Durability::unsynced));
        auto made = Uacme::prepare(std::move(settings));
        EXPECT_TRUE(made);
        return std::move(*made);
    }
};

TEST_F(UacmeTest, all_that_lies_in_its_folder_is_the_owners_alone_and_goes_with_it) {
    {
        const auto uacme = Uacme::prepare(std::move(settings));
        ASSERT_TRUE(uacme) << uacme.error().reason;
        namespace fs = std::filesystem;
        EXPECT_EQ(*read_file((*uacme)->path("private/key.pem")), "a key");
        for (const auto& one : fs::recursive_directory_iterator(folder + "/one")) {
            EXPECT_EQ(fs::status(one).permissions() & fs::perms(077), fs::perms::none) << one;
        }
        EXPECT_EQ(fs::status(folder + "/one").permissions() & fs::perms(077), fs::perms::none);
    }
    EXPECT_FALSE(path_exists(folder + "/one"));
}

TEST_F(UacmeTest, the_hook_takes_the_wanted_challenge_alone_and_waits_for_the_word) {
    const auto uacme = prepare(
        "\"$hook\" begin http-01 a.org tok auth && exit 2\n"
        "\"$hook\" done tls-alpn-01 a.org tok auth || exit 3\n"
        "\"$hook\" failed http-01 a.org tok auth || exit 4\n"
        "\"$hook\" begin tls-alpn-01 a.org tok auth || exit 5\n"
        "\"$hook\" begin tls-alpn-01 b.org tok auth && exit 6\n"
        "exit 0");
    ASSERT_TRUE(uacme->start({}));
    for (const bool look : {true, false}) {
        const auto offer = uacme->run(seconds(60));
        ASSERT_TRUE(offer && *offer) << uacme->output();
        EXPECT_EQ((*offer)->token, "tok");
        uacme->answer(look);
    }
    const auto end = uacme->run(seconds(60));
    ASSERT_TRUE(end && !*end);
    EXPECT_TRUE(uacme->succeeded()) << uacme->output();
}

// The hook begins to wait for its word just when there is nobody any more to give it one.
TEST_F(UacmeTest, a_hook_that_outlives_the_daemon_ends_by_itself) {
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // who is left behind becomes our child
    const auto out = dir.path() + "/out";
    const pid_t daemon = ::fork();
    if (daemon == 0) {
        const auto uacme = prepare(
            "exec 3<&0\n"
            "(while kill -0 " +
            std::to_string(::getpid()) +
            " 2> /dev/null; do sleep 0.01; done; \"$hook\" begin tls-alpn-01 a.org tok auth <&3 "
            "> " +
            out + ") &\n" + "echo moln-challenge a.org tok auth\nwait");
        if (!uacme->start({}) || !uacme->run(seconds(60))) ::_exit(1);
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(daemon, &status, 0), daemon);
    ASSERT_TRUE(WIFSIGNALED(status));
    // The program, which dies with the daemon, and the shells of which the last is the hook.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    pid_t left = 0;
    while ((left = ::waitpid(-1, &status, WNOHANG)) >= 0) {
        if (left > 0) continue;
        if (std::chrono::steady_clock::now() > deadline) {
            ADD_FAILURE() << "a process is left behind";
            std::system(
                ("kill $(cat /proc/" + std::to_string(::getpid()) + "/task/*/children)").c_str());
            break;
        }
        ::usleep(10'000);
    }
    EXPECT_THAT(*read_file(out), HasSubstr("moln-challenge a.org tok auth"));
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace
}  // namespace moln
