// Compresses stored answers behind the back of those who are given them: no worker waits for it.
// Bounded: what does not fit is asked for again by a later hit.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/content_coding.h"
#include "runtime/edge/cached_response.h"

namespace moln::edge_loop {

class CacheStore;

class CacheCoder {
public:
    // `store` outlives it; what a new form costs is counted there.
    explicit CacheCoder(CacheStore& store) : store_(store) {}
    CacheCoder(const CacheCoder&) = delete;
    CacheCoder& operator=(const CacheCoder&) = delete;

    // Before it nothing is compressed. The threads have the caller's priority, and end with this.
    void start();

    // Any worker. Has `response`, whose body is complete and whose URL has that hash, compressed,
    // unless it is, will be, or cannot be for now.
    void want(std::uint64_t hash, const std::shared_ptr<const CachedResponse>& response,
              ContentCoding coding);

private:
    struct Job {
        std::uint64_t hash = 0;
        std::shared_ptr<const CachedResponse> response;
        ContentCoding coding = ContentCoding::identity;
        std::uint64_t bytes = 0;
    };
    void work(const std::stop_token& stop);
    void compress_one(const Job& job);

    CacheStore& store_;
    std::mutex mutex_;  // of both next
    std::deque<Job> jobs_;
    std::uint64_t waiting_bytes_ = 0;
    std::condition_variable_any news_;
    std::vector<std::jthread> threads_;  // last: they use the others
};

}  // namespace moln::edge_loop
