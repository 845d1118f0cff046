#include "io/host/signals.h"

#include <vector>

#include <gtest/gtest.h>
#include <signal.h>

namespace moln {
namespace {

TEST(StopSignals, every_signal_comes_to_the_loop) {
    HostLoop loop;
    std::vector<int> seen;
    const StopSignals signals(loop, [&](int number) {
        seen.push_back(number);
        if (seen.size() == 1) ::raise(SIGTERM);
        if (seen.size() == 2) loop.stop();
    });
    ::raise(SIGINT);
    loop.run();
    EXPECT_EQ(seen, (std::vector{SIGINT, SIGTERM}));
}

}  // namespace
}  // namespace moln
