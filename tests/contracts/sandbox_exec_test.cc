// Programs run inside a running instance. Runs inside lab/netns.sh, as root.
#include <poll.h>
#include <unistd.h>

#include "contracts/sandbox_real_case.h"
#include "drivers/sandbox/attach.h"
#include "drivers/sandbox/exec.h"

namespace moln {
namespace {

class Exec : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(world_.sandboxes().recover());
        spec_ = world_.spec(Behaviour::runs);
        spec_.env["COLOR"] = "green";
        ASSERT_TRUE(world_.sandboxes().prepare(spec_));
        ASSERT_TRUE(world_.sandboxes().start(spec_.instance));
    }

    std::unique_ptr<ExecSession> exec(ExecSpec spec) {
        spec.instance = spec_.instance;
        auto session = exec_in(world_.host(), spec);
        EXPECT_TRUE(session) << session.error().reason;
        return session ? std::move(*session) : nullptr;
    }

    // All it says until it closes its output; a terminal says so by EIO.
    static std::string all_output(const ExecSession& session) {
        std::string text;
        char buffer[4096];
        while (true) {
            pollfd ready{session.output_fd(), POLLIN, 0};
            if (poll(&ready, 1, 20'000) <= 0) return text + "(no more in 20 s)";
            const ssize_t count = read(session.output_fd(), buffer, sizeof buffer);
            if (count <= 0) return text;
            text.append(buffer, static_cast<std::size_t>(count));
        }
    }

    RealCase world_;
    SandboxSpec spec_;
};

TEST_F(Exec, it_runs_as_the_instances_user_with_its_environment) {
    const auto session =
        exec({.argv = {"sh", "-c", "echo $COLOR $MORE $(id -u); exit 5"}, .env = {"MORE=yes"}});
    EXPECT_EQ(all_output(*session), "green yes 1000\n");
    EXPECT_EQ(session->wait(), 5);
}

TEST_F(Exec, its_input_is_ours) {
    const auto session = exec({.argv = {"sh", "-c", "read word; echo got $word"}});
    ASSERT_EQ(write(session->input_fd(), "hello\n", 6), 6);
    EXPECT_EQ(all_output(*session), "got hello\n");
    EXPECT_EQ(session->wait(), 0);
}

TEST_F(Exec, its_errors_come_apart_from_its_output) {
    const auto session = exec({.argv = {"sh", "-c", "echo said; echo lamented >&2"}});
    EXPECT_EQ(all_output(*session), "said\n");
    char buffer[64];
    const auto count = read(session->error_fd(), buffer, sizeof buffer);
    EXPECT_EQ(std::string(buffer, count < 0 ? 0 : static_cast<std::size_t>(count)), "lamented\n");
    EXPECT_EQ(session->wait(), 0);
}

TEST_F(Exec, with_a_terminal_it_has_one_of_the_size_asked_for) {
    const auto session = exec({.argv = {"sh", "-c", "test -t 0 && stty size; exit 4"},
                               .terminal = true,
                               .columns = 101,
                               .rows = 33});
    const auto text = all_output(*session);
    EXPECT_NE(text.find("33 101"), std::string::npos) << text;
    EXPECT_EQ(session->wait(), 4);
}

TEST_F(Exec, it_counts_against_the_instances_limits_and_dies_with_it) {
    const auto session = exec({.argv = {"sh", "-c", "echo here; exec sleep 1000"}});
    char buffer[16];
    pollfd ready{session->output_fd(), POLLIN, 0};
    ASSERT_EQ(poll(&ready, 1, 20'000), 1);
    ASSERT_GT(read(session->output_fd(), buffer, sizeof buffer), 0);
    EXPECT_GE(world_.sandboxes().usage(spec_.instance).value().pids, 3);
    ASSERT_TRUE(world_.sandboxes().kill(spec_.instance));
    EXPECT_EQ(session->wait(), 137);
}

TEST_F(Exec, in_what_does_not_run_it_is_refused) {
    ASSERT_TRUE(world_.sandboxes().kill(spec_.instance));
    const auto session = exec_in(world_.host(), {.instance = spec_.instance, .argv = {"true"}});
    ASSERT_FALSE(session);
    EXPECT_EQ(session.error().code, ErrorCode::refused);
}

// All that comes until the instance ends.
std::string until_end(Attachment& attached) {
    std::string text;
    while (true) {
        pollfd ready{attached.fd(), POLLIN, 0};
        if (poll(&ready, 1, 20'000) <= 0) return text + "(no more in 20 s)";
        const auto some = attached.read();
        if (!some) return text;
        text += *some;
    }
}

TEST(Attach, the_terminal_of_an_instance_is_ours_to_use) {
    RealCase world;
    ASSERT_TRUE(world.sandboxes().recover());
    auto spec = world.spec_of({"sh", "-c", "read word; stty size; echo got $word; exit 6"});
    spec.terminal = true;
    ASSERT_TRUE(world.sandboxes().prepare(spec));
    EXPECT_EQ(Attachment::open(world.host(), spec.instance).error().code, ErrorCode::refused);
    const auto started = world.sandboxes().start(spec.instance);
    ASSERT_TRUE(started) << started.error().reason;
    auto attached = Attachment::open(world.host(), spec.instance);
    ASSERT_TRUE(attached) << attached.error().reason;
    ASSERT_TRUE(attached->resize(99, 44));
    ASSERT_TRUE(attached->write("hello\n"));
    const auto text = until_end(*attached);
    EXPECT_NE(text.find("got hello"), std::string::npos) << text;
    ASSERT_TRUE(world.wait_for_exit(spec.instance));
    EXPECT_EQ(world.sandboxes().inspect(spec.instance).value().exit.value().code, 6);
}

}  // namespace
}  // namespace moln
