#include "drivers/process/pidfd.h"

#include <gtest/gtest.h>
#include <signal.h>

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

}  // namespace
}  // namespace moln
