#include "io/host/host_loop.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <sys/timerfd.h>
#include <time.h>

#include "base/check.h"
#include "io/host/asio_context.h"
#include "io/host/keyed_pool.h"

namespace moln {
namespace {

namespace asio = boost::asio;

std::int64_t milliseconds_of(clockid_t clock) {
    timespec time{};
    CHECK(::clock_gettime(clock, &time) == 0);
    return std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

// All timers of the loop behind one kernel timer, which is set to the earliest of them.
class Timers {
public:
    explicit Timers(asio::io_context& context) : descriptor_(context, make_timer()) { wait(); }

    void add(std::int64_t at_ms, std::function<void()> callback) {
        const bool is_first = timers_.empty() || at_ms < timers_.begin()->first;
        timers_.emplace(at_ms, std::move(callback));  // equal times keep their order
        if (is_first) arm();
    }

private:
    static int make_timer() {
        const int fd = ::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        CHECK(fd >= 0);
        return fd;
    }

    void arm() {
        itimerspec spec{};
        // A timer in the past fires at once; all zeros would switch it off.
        const auto at_ms = std::max<std::int64_t>(1, timers_.begin()->first);
        spec.it_value.tv_sec = at_ms / 1000;
        spec.it_value.tv_nsec = at_ms % 1000 * 1'000'000;
        CHECK(::timerfd_settime(descriptor_.native_handle(), TFD_TIMER_ABSTIME, &spec, nullptr) ==
              0);
    }

    void wait() {
        descriptor_.async_wait(asio::posix::stream_descriptor::wait_read,
                               [this](const boost::system::error_code& error) {
                                   if (error) return;
                                   fire();
                                   wait();
                               });
    }

    void fire() {
        std::uint64_t expirations = 0;
        (void)!::read(descriptor_.native_handle(), &expirations, sizeof expirations);
        // Those added by the callbacks wait for the next turn, so that a loop of zero delays does
        // not starve the sockets.
        const auto due = timers_.upper_bound(milliseconds_of(CLOCK_BOOTTIME));
        std::multimap<std::int64_t, std::function<void()>> now;
        while (timers_.begin() != due) now.insert(now.end(), timers_.extract(timers_.begin()));
        for (const auto& [at_ms, callback] : now) callback();
        if (!timers_.empty()) arm();
    }

    asio::posix::stream_descriptor descriptor_;
    std::multimap<std::int64_t, std::function<void()>> timers_;
};

}  // namespace

struct HostLoop::Impl {
    explicit Impl(const HostLoopOptions& options)
        : work(asio::make_work_guard(context)), timers(context), pool(options.pool_threads) {}

    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> work;
    Timers timers;
    std::atomic<std::thread::id> thread;  // that runs the loop; nobody's before run()
    KeyedPool pool;                       // last: its threads end before what they post to
};

HostLoop::HostLoop(HostLoopOptions options) : impl_(std::make_unique<Impl>(options)) {}

HostLoop::~HostLoop() = default;

Now HostLoop::now() const {
    return {.wall = {milliseconds_of(CLOCK_REALTIME)}, .mono = {milliseconds_of(CLOCK_BOOTTIME)}};
}

void HostLoop::after(Milliseconds delay, std::function<void()> callback) {
    const auto owner = impl_->thread.load(std::memory_order_relaxed);
    CHECK(owner == std::thread::id() || owner == std::this_thread::get_id());
    // One more millisecond: now is rounded down, and a timer must not be early.
    const auto delay_ms = delay.count > 0 ? delay.count + 1 : 0;
    impl_->timers.add(milliseconds_of(CLOCK_BOOTTIME) + delay_ms, std::move(callback));
}

void HostLoop::submit(const std::string& key, std::function<void()> job,
                      std::function<void()> done) {
    impl_->pool.submit(key, [this, job = std::move(job), done = std::move(done)]() mutable {
        job();
        post(std::move(done));
    });
}

void HostLoop::post(std::function<void()> callback) {
    asio::post(impl_->context, std::move(callback));
}

void HostLoop::run() {
    impl_->context.run();
}

void HostLoop::stop() {
    impl_->context.stop();
}

void HostLoop::end_jobs() {
    impl_->pool.end();
}

struct AsioAccess {
    static asio::io_context& context(HostLoop& loop) { return loop.impl_->context; }
};

asio::io_context& asio_context(HostLoop& loop) {
    return AsioAccess::context(loop);
}

}  // namespace moln
