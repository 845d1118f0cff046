#include "io/host/keyed_pool.h"

#include <utility>

#include "base/check.h"
#include "ports/pool.h"

namespace moln {

KeyedPool::KeyedPool(std::size_t threads) {
    CHECK(threads > 0);
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

void KeyedPool::end() {
    std::vector<Lane> dropped;  // dies without the lock: a job may own anything
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        // The lanes themselves stay: threads that run a job hold on to theirs.
        for (auto& [key, lane] : lanes_) dropped.push_back(std::exchange(lane, {}));
    }
    dropped.clear();
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

void KeyedPool::submit(const std::string& key, std::function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        CHECK(waiting_ < k_pool_queue_max);
        ++waiting_;
        const auto [lane, is_new] = lanes_.try_emplace(key);
        lane->second.push_back(std::move(job));
        if (is_new) ready_.push_back(key);
    }
    changed_.notify_one();
}

void KeyedPool::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return stopping_ || !ready_.empty(); });
        if (stopping_) return;
        const auto key = std::move(ready_.front());
        ready_.pop_front();
        auto& lane = lanes_.at(key);  // references into a map outlive changes to its others
        auto job = std::move(lane.front());
        lane.pop_front();
        --waiting_;
        lock.unlock();
        job();
        job = nullptr;  // what it owned dies here, not under the lock
        lock.lock();
        if (lane.empty()) {
            lanes_.erase(key);
        } else {
            ready_.push_back(key);
            changed_.notify_one();
        }
    }
}

}  // namespace moln
