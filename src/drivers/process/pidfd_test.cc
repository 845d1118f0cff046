#include "drivers/process/pidfd.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace moln {
namespace {

TEST(SignalNumber, names_with_and_without_their_prefix) {
    EXPECT_EQ(signal_number("SIGTERM"), SIGTERM);
    EXPECT_EQ(signal_number("QUIT"), SIGQUIT);
    EXPECT_EQ(signal_number("SIGRTMIN+3"), SIGRTMIN + 3);
}

TEST(SignalNumber, what_is_none_is_zero) {
    for (const char* word : {"", "SIG", "SIGNONSENSE", "15", "sigterm", "SIGRTMIN+", "SIGRTMIN+99",
                             "SIGRTMIN+-1", "SIGTERM "}) {
        EXPECT_EQ(signal_number(word), 0) << word;
    }
}

void nothing(int) {}

TEST(WaitUntilHeard, a_signal_with_its_default_action_is_not_heard) {
    EXPECT_FALSE(wait_until_heard(getpid(), SIGUSR1, Milliseconds{4}));
}

TEST(WaitUntilHeard, a_handled_signal_is_heard) {
    const auto before = signal(SIGUSR1, nothing);
    EXPECT_TRUE(wait_until_heard(getpid(), SIGUSR1, Milliseconds{0}));
    signal(SIGUSR1, before);
}

TEST(WaitUntilHeard, a_blocked_signal_is_heard) {
    sigset_t one;
    sigset_t before;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR2);
    sigprocmask(SIG_BLOCK, &one, &before);
    EXPECT_TRUE(wait_until_heard(getpid(), SIGUSR2, Milliseconds{0}));
    sigprocmask(SIG_SETMASK, &before, nullptr);
}

TEST(WaitUntilHeard, who_has_ended_hears_nothing) {
    EXPECT_FALSE(wait_until_heard(0x7fffffff, SIGTERM, Milliseconds{0}));
}

}  // namespace
}  // namespace moln
