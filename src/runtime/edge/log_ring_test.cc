#include "runtime/edge/log_ring.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln::edge_loop {
namespace {

bool put(LogRing& ring, std::string_view line, std::size_t line_max = 64) {
    const auto room = ring.reserve(line_max);
    if (room.empty()) return false;
    std::memcpy(room.data(), line.data(), line.size());
    ring.commit(line.size());
    return true;
}

std::string take(LogRing& ring) {
    const std::string text(ring.peek());
    ring.release(text.size());
    return text;
}

std::string take_all(LogRing& ring) {
    std::string all;
    for (auto text = take(ring); !text.empty(); text = take(ring)) all += text;
    return all;
}

// Two threads that go through numbered rounds together.
class Rounds {
public:
    // Once both are there.
    void meet(std::uint64_t round) {
        arrived_.fetch_add(1);
        for (int spins = 1; arrived_.load() < 2 * round; ++spins) {
            // On a busy machine the other may have no processor.
            if (spins % 512 == 0) std::this_thread::yield();
        }
    }

private:
    std::atomic<std::uint64_t> arrived_ = 0;
};

TEST(LogRing, gives_back_what_was_put_in_whatever_the_turns) {
    EXPECT_TRUE(rc::check("fifo", [](std::vector<std::uint8_t> steps) {
        LogRing ring(256);
        std::string expected;
        std::string got;
        std::int64_t dropped = 0;
        for (const std::uint8_t step : steps) {
            if (step % 4 == 0) {
                got += take(ring);
                continue;
            }
            const std::string line(step % 64 + 1, static_cast<char>('a' + step % 26));
            if (put(ring, line)) {
                expected += line;
            } else {
                ++dropped;
            }
        }
        got += take_all(ring);
        RC_ASSERT(got == expected);
        RC_ASSERT(ring.dropped() == dropped);
    }));
}

TEST(LogRing, full_drops_and_counts_and_goes_on_after_a_read) {
    LogRing ring(256);
    const std::string line(64, 'x');
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(put(ring, line));
    EXPECT_FALSE(put(ring, line));
    EXPECT_EQ(ring.dropped(), 1);
    EXPECT_TRUE(ring.pressing());
    EXPECT_EQ(take_all(ring).size(), 256U);
    EXPECT_FALSE(ring.pressing());
    EXPECT_TRUE(put(ring, line));
}

TEST(LogRing, one_writer_and_one_reader_on_two_threads_lose_nothing_but_what_is_counted) {
    LogRing ring(1024);
    constexpr int k_lines = 200'000;
    int accepted = 0;
    std::string got;
    {
        const std::jthread writer([&] {
            for (int i = 0; i < k_lines; ++i) {
                if (put(ring, std::to_string(i) + "\n")) ++accepted;
            }
            while (!put(ring, "end\n")) {
            }
        });
        while (!got.ends_with("end\n")) got += take(ring);
    }
    EXPECT_EQ(std::ranges::count(got, '\n'), accepted + 1);
    int previous = -1;
    std::size_t at = 0;
    while (got.compare(at, std::string::npos, "end\n") != 0) {
        const auto end = got.find('\n', at);
        const int number = std::stoi(got.substr(at, end - at));
        ASSERT_GT(number, previous);
        previous = number;
        at = end + 1;
    }
}

// The reader is called already when both begin: the writer adds a line while the reader withdraws
// the call and looks. Some of its rounds would leave one behind if it could be.
TEST(LogCall, a_line_is_seen_by_the_look_that_withdraws_a_call_or_calls_anew) {
    constexpr std::uint64_t k_rounds = 100'000;
    const auto enough = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    LogRing ring(1024);
    LogCall call;
    Rounds begin;
    Rounds end;
    bool called = false;  // the writer's between begin and end, else the reader's
    bool last = false;    // the other way round
    int left_behind = 0;
    {
        const std::jthread writer([&] {
            bool over = false;
            for (std::uint64_t round = 1; !over; ++round) {
                ring.reserve(8)[0] = '\n';
                begin.meet(round);
                over = last;
                ring.commit(1);
                called = call.note_line(ring);
                end.meet(round);
            }
        });
        (void)call.note_line(ring);
        for (std::uint64_t round = 1; !last; ++round) {
            last = round == k_rounds || std::chrono::steady_clock::now() > enough;
            begin.meet(round);
            call.withdraw();
            const bool seen = !take(ring).empty();
            end.meet(round);
            if (!seen && !called) ++left_behind;
            take(ring);
            (void)call.note_line(ring);
        }
    }
    EXPECT_EQ(left_behind, 0);
}

}  // namespace
}  // namespace moln::edge_loop
