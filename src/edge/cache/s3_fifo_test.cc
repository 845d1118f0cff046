// What is dropped first.
#include "edge/cache/s3_fifo.h"

#include <list>
#include <map>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace moln::edge {
namespace {

// Spreads as the hashes of URLs do.
std::uint64_t hash_of(std::uint64_t number) {
    number = (number + 1) * 0x9e37'79b9'7f4a'7c15u;
    return number ^ number >> 29;
}

// A cache of numbers.
class Numbers {
public:
    explicit Numbers(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    bool get(std::uint64_t number) {
        const auto found = nodes_.find(hash_of(number));
        if (found == nodes_.end()) return false;
        S3Fifo::touch(*found->second);
        return true;
    }
    void put(std::uint64_t number, std::size_t bytes = 1) {
        while (queue_.bytes() + bytes > bytes_max_) {
            CacheNode* out = queue_.evict();
            ASSERT_NE(out, nullptr);
            nodes_.erase(out->hash);
        }
        auto node = std::make_unique<CacheNode>();
        node->hash = hash_of(number);
        node->bytes = bytes;
        queue_.insert(*node);
        nodes_.emplace(hash_of(number), std::move(node));
    }
    std::size_t bytes() const { return queue_.bytes(); }
    std::size_t size() const { return nodes_.size(); }

private:
    std::size_t bytes_max_;
    S3Fifo queue_;
    std::map<std::uint64_t, std::unique_ptr<CacheNode>> nodes_;
};

TEST(S3Fifo, a_scan_does_not_push_out_what_is_used) {
    Numbers cache(1000);
    for (int round = 0; round < 3; ++round) {
        for (std::uint64_t hot = 0; hot < 500; ++hot) {
            if (!cache.get(hot)) cache.put(hot);
        }
    }
    for (std::uint64_t cold = 10'000; cold < 60'000; ++cold) {
        if (!cache.get(cold)) cache.put(cold);
    }
    int kept = 0;
    for (std::uint64_t hot = 0; hot < 500; ++hot) kept += cache.get(hot) ? 1 : 0;
    EXPECT_EQ(kept, 500);
}

TEST(S3Fifo, what_comes_again_soon_after_it_left_is_kept_better) {
    Numbers cache(100);
    for (std::uint64_t number = 0; number < 101; ++number) cache.put(number);
    EXPECT_FALSE(cache.get(0));
    cache.put(0);  // remembered: to the main queue
    for (std::uint64_t number = 1000; number < 1090; ++number) cache.put(number);
    EXPECT_TRUE(cache.get(0));
}

TEST(S3Fifo, an_empty_one_has_nothing_to_drop) {
    S3Fifo queue;
    EXPECT_EQ(queue.evict(), nullptr);
}

TEST(S3Fifo, what_is_used_all_the_time_is_dropped_all_the_same_when_all_is) {
    Numbers cache(10);
    for (std::uint64_t number = 0; number < 10; ++number) cache.put(number);
    for (int i = 0; i < 10; ++i) {
        for (std::uint64_t number = 0; number < 10; ++number) cache.get(number);
    }
    cache.put(100);
    EXPECT_EQ(cache.size(), 10u);
}

RC_GTEST_PROP(S3FifoProperty, bytes_are_those_of_what_is_in_it_and_never_too_many, ()) {
    constexpr std::size_t k_most = 100;
    S3Fifo queue;
    std::map<std::uint64_t, std::unique_ptr<CacheNode>> nodes;
    for (const auto step : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1000))) {
        const auto hash = static_cast<std::uint64_t>(step % 50) * 0x9e37'79b9'7f4a'7c15u;
        if (const auto found = nodes.find(hash); found != nodes.end()) {
            if (step % 3 == 0) {
                queue.remove(*found->second);
                nodes.erase(found);
            } else {
                S3Fifo::touch(*found->second);
            }
        } else {
            auto node = std::make_unique<CacheNode>();
            node->hash = hash;
            node->bytes = static_cast<std::size_t>(1 + step % 20);
            while (queue.bytes() + node->bytes > k_most) {
                CacheNode* out = queue.evict();
                RC_ASSERT(out != nullptr);
                RC_ASSERT(nodes.erase(out->hash) == 1u);
            }
            queue.insert(*node);
            nodes.emplace(hash, std::move(node));
        }
        std::size_t bytes = 0;
        for (const auto& [key, node] : nodes) bytes += node->bytes;
        RC_ASSERT(bytes == queue.bytes());
        RC_ASSERT(bytes <= k_most);
    }
}

}  // namespace
}  // namespace moln::edge
