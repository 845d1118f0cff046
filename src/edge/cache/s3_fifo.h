// What is dropped when a cache is full: S3-FIFO (Yang et al., "FIFO queues are all you need for
// cache eviction", SOSP 2023). New objects go through a small queue; who is not used there again
// leaves without ever having pushed a much-used one out of the main queue, so that a scan through a
// million URLs costs the others nothing. A hit touches a counter, it moves nothing.
//
// Weighed: LRU (one crawl empties it, every hit writes to a list), W-TinyLFU (as good, but a sketch
// and three queues more to keep right).
//
// Nodes live in the objects; this owns none. Sizes are bytes. One thread, or under the lock of who
// owns it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "edge/list.h"

namespace moln::edge {

struct ByCacheQueue;

enum class CacheQueue : std::uint8_t { none, small, main };

struct CacheNode : ListLink<ByCacheQueue> {
    std::uint64_t hash = 0;  // of what it is found by
    std::size_t bytes = 0;
    std::uint8_t uses = 0;  // up to k_uses_max
    CacheQueue queue = CacheQueue::none;
};

class S3Fifo {
public:
    static constexpr std::uint8_t k_uses_max = 3;
    static constexpr std::size_t k_small_percent = 10;
    static constexpr std::size_t k_ghosts = 1u << 13;  // of 4 bytes; made with the first eviction

    S3Fifo() = default;
    S3Fifo(const S3Fifo&) = delete;
    S3Fifo& operator=(const S3Fifo&) = delete;

    // `node` is in no queue; hash and bytes are set.
    void insert(CacheNode& node) {
        node.uses = 0;
        push(node, remembers(node.hash) ? CacheQueue::main : CacheQueue::small);
    }
    static void touch(CacheNode& node) {
        if (node.uses < k_uses_max) ++node.uses;
    }
    // Someone else drops it.
    void remove(CacheNode& node) {
        if (node.queue == CacheQueue::none) return;
        bytes_of(node.queue) -= node.bytes;
        node.unlink();
        node.queue = CacheQueue::none;
    }
    // It has become larger or smaller.
    void resize(CacheNode& node, std::size_t bytes) {
        if (node.queue != CacheQueue::none) {
            bytes_of(node.queue) += bytes - node.bytes;
        }
        node.bytes = bytes;
    }
    // Takes the next to go out of its queue; null: there is none.
    CacheNode* evict() {
        while (!small_.empty() || !main_.empty()) {
            const bool from_small =
                main_.empty() || small_bytes_ * 100 >= bytes() * k_small_percent;
            CacheNode* node = from_small && !small_.empty() ? evict_small() : evict_main();
            if (node != nullptr) return node;
        }
        return nullptr;
    }
    std::size_t bytes() const { return small_bytes_ + main_bytes_; }

private:
    using Queue = List<CacheNode, ByCacheQueue>;

    std::size_t& bytes_of(CacheQueue queue) {
        return queue == CacheQueue::small ? small_bytes_ : main_bytes_;
    }
    void push(CacheNode& node, CacheQueue queue) {
        node.queue = queue;
        bytes_of(queue) += node.bytes;
        (queue == CacheQueue::small ? small_ : main_).push_back(&node);
    }
    // Null: what was first in the queue was used and stays, elsewhere.
    CacheNode* evict_small() {
        CacheNode* node = small_.front();
        remove(*node);
        if (node->uses > 0) {
            node->uses = 0;
            push(*node, CacheQueue::main);
            return nullptr;
        }
        remember(node->hash);
        return node;
    }
    CacheNode* evict_main() {
        CacheNode* node = main_.front();
        if (node == nullptr) return nullptr;
        remove(*node);
        if (node->uses > 0) {
            --node->uses;
            push(*node, CacheQueue::main);
            return nullptr;
        }
        return node;
    }

    // Fingerprints of what left the small queue, in a table that forgets by being written over.
    static std::size_t ghost_slot(std::uint64_t hash) { return hash & (k_ghosts - 1); }
    static std::uint32_t fingerprint(std::uint64_t hash) {
        return static_cast<std::uint32_t>(hash >> 32) | 1;
    }
    bool remembers(std::uint64_t hash) const {
        return ghosts_ && ghosts_[ghost_slot(hash)] == fingerprint(hash);
    }
    void remember(std::uint64_t hash) {
        if (!ghosts_) ghosts_ = std::make_unique<std::uint32_t[]>(k_ghosts);
        ghosts_[ghost_slot(hash)] = fingerprint(hash);
    }

    Queue small_;
    Queue main_;
    std::size_t small_bytes_ = 0;
    std::size_t main_bytes_ = 0;
    std::unique_ptr<std::uint32_t[]> ghosts_;
};

}  // namespace moln::edge
