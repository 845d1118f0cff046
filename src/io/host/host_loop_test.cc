#include "io/host/host_loop.h"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include "io/host/asio_context.h"
#include "io/host/host_entropy.h"

namespace moln {
namespace {

TEST(HostLoop, timers_fire_in_order_and_never_early) {
    HostLoop loop;
    std::vector<int> order;
    const auto began = loop.now().mono;
    loop.after({30}, [&] {
        order.push_back(3);
        EXPECT_GE((loop.now().mono - began).count, 30);
        loop.stop();
    });
    loop.after({10}, [&] { order.push_back(2); });
    loop.after({0}, [&] { order.push_back(1); });
    loop.after({-5}, [&] { order.push_back(1); });
    EXPECT_TRUE(order.empty()) << "never from within the call";
    loop.run();
    EXPECT_EQ(order, (std::vector{1, 1, 2, 3}));
}

TEST(HostLoop, a_timer_set_by_a_timer_fires_too) {
    HostLoop loop;
    int fired = 0;
    std::function<void()> again = [&] {
        if (++fired == 100) {
            loop.stop();
        } else {
            loop.after({0}, again);
        }
    };
    loop.after({0}, again);
    loop.run();
    EXPECT_EQ(fired, 100);
}

TEST(HostLoop, posts_from_other_threads_run_on_the_loop_thread_in_order) {
    HostLoop loop;
    std::vector<int> seen;
    const auto loop_thread = std::this_thread::get_id();
    std::jthread other([&] {
        for (int i = 0; i < 1000; ++i) {
            loop.post([&, i] {
                EXPECT_EQ(std::this_thread::get_id(), loop_thread);
                seen.push_back(i);
                if (i == 999) loop.stop();
            });
        }
    });
    loop.run();
    ASSERT_EQ(seen.size(), 1000u);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(HostLoop, jobs_of_one_key_run_in_order_and_done_comes_back_to_the_loop) {
    HostLoop loop({.pool_threads = 4});
    std::vector<int> ran;  // no lock: one key's jobs do not overlap
    std::vector<int> done;
    for (int i = 0; i < 200; ++i) {
        loop.submit(
            "key", [&, i] { ran.push_back(i); },
            [&, i] {
                done.push_back(i);
                if (i == 199) loop.stop();
            });
    }
    loop.run();
    EXPECT_TRUE(std::is_sorted(ran.begin(), ran.end()));
    EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
    EXPECT_EQ(done.size(), 200u);
}

TEST(HostLoop, jobs_of_different_keys_run_side_by_side) {
    HostLoop loop({.pool_threads = 2});
    std::mutex mutex;
    std::condition_variable met;
    int present = 0;
    // Each waits for the other: one after the other would never end.
    const auto meet = [&] {
        std::unique_lock lock(mutex);
        ++present;
        met.notify_all();
        met.wait(lock, [&] { return present == 2; });
    };
    int done = 0;
    const auto count = [&] {
        if (++done == 2) loop.stop();
    };
    loop.submit("a", meet, count);
    loop.submit("b", meet, count);
    loop.run();
    EXPECT_EQ(present, 2);
}

TEST(HostLoop, a_job_with_a_value_hands_it_to_the_loop) {
    HostLoop loop;
    int got = 0;
    run_blocking<std::unique_ptr<int>>(
        loop, "key", [] { return std::make_unique<int>(42); },
        [&](std::unique_ptr<int> value) {
            got = *value;
            loop.stop();
        });
    loop.run();
    EXPECT_EQ(got, 42);
}

TEST(HostLoop, jobs_that_wait_when_the_loop_ends_never_run) {
    std::promise<void> begun;
    auto dropped = std::make_shared<std::promise<void>>();
    bool second_ran = false;
    {
        HostLoop loop({.pool_threads = 1});
        // The first job ends when the second is no more, which only the destructor can bring about.
        loop.submit(
            "key",
            [&begun, gone = dropped->get_future().share()] {
                begun.set_value();
                gone.wait();
            },
            [] { FAIL() << "the loop does not run"; });
        const std::shared_ptr<void> on_death(nullptr, [dropped](void*) { dropped->set_value(); });
        loop.submit("key", [&second_ran, on_death] { second_ran = true; }, [] {});
        begun.get_future().wait();
    }
    EXPECT_FALSE(second_ran);
}

TEST(HostLoop, jobs_that_have_begun_are_done_before_what_they_use_goes) {
    HostLoop loop;
    auto used = std::make_unique<std::atomic<int>>(0);
    std::promise<void> begun;
    loop.submit(
        "key",
        [&] {
            begun.set_value();
            for (int i = 0; i < 1000; ++i) ++*used;
        },
        [] {});
    begun.get_future().wait();
    loop.end_jobs();
    EXPECT_EQ(*used, 1000);
    used.reset();
    loop.submit("key", [] { FAIL() << "it has ended"; }, [] {});
}

TEST(HostLoop, its_asio_context_runs_on_the_same_thread) {
    HostLoop loop;
    bool ran = false;
    boost::asio::post(asio_context(loop), [&] {
        ran = true;
        loop.stop();
    });
    loop.run();
    EXPECT_TRUE(ran);
}

// Fills the queue behind one job that runs and waits.
void queue_behind_a_running_job(std::size_t jobs) {
    HostLoop loop({.pool_threads = 1});
    std::promise<void> begun;
    std::promise<void> gate;
    loop.submit(
        "first",
        [&] {
            begun.set_value();
            gate.get_future().wait();
        },
        [] {});
    begun.get_future().wait();
    for (std::size_t i = 0; i < jobs; ++i) loop.submit("other", [] {}, [] {});
    gate.set_value();
}

TEST(HostLoopDeathTest, one_waiting_job_too_many_is_a_bug) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    queue_behind_a_running_job(k_pool_queue_max);
    EXPECT_DEATH(queue_behind_a_running_job(k_pool_queue_max + 1), "waiting_ < k_pool_queue_max");
}

TEST(HostLoop, wall_and_mono_time_go_on) {
    HostLoop loop;
    const auto first = loop.now();
    const auto second = loop.now();
    EXPECT_GT(first.wall.ms, 1'700'000'000'000);
    EXPECT_GE(second.mono, first.mono);
}

TEST(HostEntropy, numbers_differ_over_more_than_one_draw) {
    HostEntropy entropy;
    std::vector<std::uint64_t> drawn;
    for (int i = 0; i < 1000; ++i) drawn.push_back(entropy.next());
    std::sort(drawn.begin(), drawn.end());
    EXPECT_EQ(std::adjacent_find(drawn.begin(), drawn.end()), drawn.end());
}

}  // namespace
}  // namespace moln
