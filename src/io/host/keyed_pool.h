// Threads for blocking jobs. Jobs of one key run one after the other in the order they came; jobs
// of different keys run side by side.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace moln {

class KeyedPool {
public:
    explicit KeyedPool(std::size_t threads);
    ~KeyedPool() { end(); }
    KeyedPool(const KeyedPool&) = delete;
    KeyedPool& operator=(const KeyedPool&) = delete;

    // Drops the jobs that wait, then waits for those that have begun. What is submitted afterwards
    // never runs.
    void end();

    // At most k_pool_queue_max jobs may wait.
    void submit(const std::string& key, std::function<void()> job);

private:
    using Lane = std::deque<std::function<void()>>;

    void work();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, Lane> lanes_;  // a lane lives while it has jobs that wait or run
    std::deque<std::string> ready_;      // keys with a job that may begin, each once
    std::size_t waiting_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace moln
