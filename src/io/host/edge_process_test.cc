#include "io/host/edge_process.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/file/files.h"
#include "io/file/lock_file.h"
#include "io/file/temp_dir_for_test.h"

namespace moln {
namespace {

// Orphans of this test come back to it, so that it can reap them.
class EdgeProcessTest : public testing::Test {
protected:
    EdgeProcessTest() { EXPECT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0); }
    ~EdgeProcessTest() override {
        for (const auto pid : started_) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        }
        ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    }

    EdgeProcessOptions options(std::vector<std::string> argv) const {
        return {.argv = std::move(argv),
                .log_path = dir_.path() + "/edge.out",
                .lock_path = lock_path()};
    }
    std::string lock_path() const { return dir_.path() + "/edge.lock"; }
    // As one that serves until it is told to end.
    EdgeProcessOptions lasting() const { return options({"/bin/sleep", "3600"}); }
    pid_t keep(const EdgeProcess& edge) {
        started_.push_back(edge.pid());
        return edge.pid();
    }
    std::string output() const { return read_file(dir_.path() + "/edge.out", 1 << 20).value(); }

    TempDir dir_;
    HostLoop loop_;
    std::vector<pid_t> started_;
};

TEST_F(EdgeProcessTest, is_started_in_a_session_of_its_own_and_found_again_by_the_next_daemon) {
    pid_t pid = 0;
    {
        EdgeProcess first(loop_, lasting());
        EXPECT_EQ(first.ensure().value(), EdgeFound::started);
        pid = keep(first);
        EXPECT_NE(::getsid(pid), ::getsid(0));
        EXPECT_EQ(first.ensure().value(), EdgeFound::running);
    }
    EdgeProcess second(loop_, lasting());
    EXPECT_EQ(second.ensure().value(), EdgeFound::running);
    EXPECT_EQ(second.pid(), pid);
}

// Where the disk had no block left for the text: tests/system/test_bad_world.py makes one so.
TEST_F(EdgeProcessTest, is_found_by_the_size_of_its_lock_too) {
    EdgeProcess first(loop_, lasting());
    ASSERT_TRUE(first.ensure());
    const auto pid = keep(first);
    ASSERT_EQ(::truncate(lock_path().c_str(), 0), 0);
    EdgeProcess nobody(loop_, lasting());
    EXPECT_FALSE(nobody.find()) << "an empty file is nobody's";
    ASSERT_EQ(::truncate(lock_path().c_str(), pid), 0);
    EdgeProcess second(loop_, lasting());
    EXPECT_TRUE(second.find().value());
    EXPECT_EQ(second.pid(), pid);
}

TEST_F(EdgeProcessTest, a_death_is_told_once_and_another_can_be_started) {
    EdgeProcess edge(loop_, lasting());
    ASSERT_TRUE(edge.ensure());
    const auto pid = keep(edge);
    std::vector<pid_t> dead;
    edge.on_death([&](pid_t which) {
        dead.push_back(which);
        EXPECT_EQ(edge.pid(), 0);
        loop_.stop();
    });
    ASSERT_TRUE(edge.send_signal(SIGKILL));
    loop_.run();
    EXPECT_EQ(dead, std::vector{pid});
    EXPECT_EQ(edge.send_signal(SIGTERM).error().code, ErrorCode::not_found);
    EXPECT_EQ(edge.ensure().value(), EdgeFound::started);
    EXPECT_NE(keep(edge), pid);
}

TEST_F(EdgeProcessTest, one_that_ends_at_once_is_told_of_like_any_other) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);  // it may be gone, and reaped, before it is watched
    for (int i = 0; i < 30; ++i) {
        HostLoop loop;
        EdgeProcess edge(loop, options({"/bin/true"}));
        std::vector<pid_t> dead;
        edge.on_death([&](pid_t which) {
            dead.push_back(which);
            loop.stop();
        });
        ASSERT_EQ(edge.ensure().value(), EdgeFound::started);
        const auto pid = edge.pid();
        loop.run();
        EXPECT_EQ(dead, std::vector{pid});
    }
}

TEST_F(EdgeProcessTest, the_death_of_one_that_was_found_is_told_too) {
    EdgeProcess first(loop_, lasting());
    ASSERT_TRUE(first.ensure());
    const auto pid = keep(first);
    EdgeProcess second(loop_, lasting());
    ASSERT_EQ(second.ensure().value(), EdgeFound::running);
    second.on_death([&](pid_t which) {
        EXPECT_EQ(which, pid);
        loop_.stop();
    });
    ::kill(pid, SIGKILL);
    loop_.run();
}

// A daemon that is started again while an old edge ends must not give up over it.
TEST_F(EdgeProcessTest, one_that_ends_while_it_is_looked_for_is_not_there) {
    for (int i = 0; i < 100; ++i) {
        EdgeProcess edge(loop_, options({"/bin/true"}));
        ASSERT_TRUE(edge.ensure());
        keep(edge);
        for (bool is_there = true; is_there;) {
            EdgeProcess other(loop_, options({"/bin/true"}));
            const auto found = other.find();
            ASSERT_TRUE(found) << found.error().reason;
            is_there = *found;
        }
    }
}

TEST_F(EdgeProcessTest, inherits_the_lock_and_no_other_descriptor) {
    const auto lock = lock_file(dir_.path() + "/some file of the daemon", "it").value();
    int leaky[2];
    ASSERT_EQ(::pipe(leaky), 0);  // without close-on-exec
    // Only builtins of the shell, which opens nothing itself.
    const auto script = "for n in $(seq 0 64); do [ -e /proc/$$/fd/$n ] && echo $n; done; exit 0";
    EdgeProcess edge(loop_, options({"/bin/sh", "-c", script}));
    edge.on_death([&](pid_t) { loop_.stop(); });
    ASSERT_TRUE(edge.ensure());
    keep(edge);
    loop_.run();
    EXPECT_EQ(output(), "0\n1\n2\n3\n");
    ::close(leaky[0]);
    ::close(leaky[1]);
}

TEST_F(EdgeProcessTest, one_that_cannot_be_executed_is_an_error_that_names_it) {
    EdgeProcess edge(loop_, options({"/no/such/moln"}));
    const auto failed = edge.ensure();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::not_found);
    EXPECT_NE(failed.error().reason.find("/no/such/moln"), std::string::npos);
    EXPECT_EQ(edge.pid(), 0);
    EdgeProcess working(loop_, lasting());
    EXPECT_EQ(working.ensure().value(), EdgeFound::started) << "the failed one let go of the lock";
    keep(working);
}

TEST_F(EdgeProcessTest, what_it_printed_is_kept_and_set_aside_when_it_is_much) {
    ASSERT_TRUE(
        write_file(dir_.path() + "/edge.out", std::string(k_edge_output_bytes_max + 1, 'x'), 0600));
    EdgeProcess edge(loop_, options({"/bin/sh", "-c", "echo out; echo error >&2"}));
    edge.on_death([&](pid_t) { loop_.stop(); });
    ASSERT_TRUE(edge.ensure());
    keep(edge);
    loop_.run();
    EXPECT_EQ(output(), "out\nerror\n");
    EXPECT_TRUE(std::filesystem::exists(dir_.path() + "/edge.out.1"));
}

}  // namespace
}  // namespace moln
