#include "http/h2/memory.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace moln::h2 {
namespace {

// Every block begins with its class, which is by the bytes behind that: the library likes powers of
// two.
constexpr std::size_t k_header_bytes = alignof(std::max_align_t);
constexpr std::size_t k_smallest_bits = 6;  // 64 bytes
constexpr std::size_t k_classes = 7;        // to 4 KiB; larger ones are malloc's
constexpr std::size_t k_kept_max = 512;     // free blocks of a class: at most 4 MiB in all

struct Block {
    Block* next = nullptr;
};

class Pool {
public:
    Pool() = default;
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    ~Pool() {
        for (FreeList& list : lists_) {
            while (void* block = list.pop()) std::free(block);
        }
    }

    void* allocate(std::size_t size) {
        const std::size_t index = class_of(size);
        void* block = index < k_classes ? lists_[index].pop() : nullptr;
        if (block == nullptr) {
            block = std::malloc(k_header_bytes + (index < k_classes ? bytes_of(index) : size));
        }
        if (block == nullptr) return nullptr;
        std::memcpy(block, &index, sizeof index);
        return static_cast<char*>(block) + k_header_bytes;
    }
    void release(void* memory) {
        if (memory == nullptr) return;
        void* block = static_cast<char*>(memory) - k_header_bytes;
        const std::size_t index = read_class(memory);
        if (index >= k_classes || !lists_[index].push(block)) std::free(block);
    }
    // At least so many bytes can be used where `memory` is; 0: only its maker knows.
    static std::size_t usable(const void* memory) {
        const std::size_t index = read_class(memory);
        if (index >= k_classes) return 0;
        return bytes_of(index);
    }
    static void* reallocate_large(void* memory, std::size_t size) {
        void* block =
            std::realloc(static_cast<char*>(memory) - k_header_bytes, size + k_header_bytes);
        return block == nullptr ? nullptr : static_cast<char*>(block) + k_header_bytes;
    }

private:
    struct FreeList {
        Block* first = nullptr;
        std::size_t count = 0;

        void* pop() {
            if (first == nullptr) return nullptr;
            --count;
            Block* block = first;
            first = block->next;
            return block;
        }
        bool push(void* memory) {
            if (count == k_kept_max) return false;
            ++count;
            first = new (memory) Block{first};
            return true;
        }
    };

    static std::size_t bytes_of(std::size_t index) {
        return std::size_t{1} << (index + k_smallest_bits);
    }
    static std::size_t class_of(std::size_t size) {
        const auto bits = static_cast<std::size_t>(std::bit_width(size == 0 ? size : size - 1));
        return bits <= k_smallest_bits ? 0 : bits - k_smallest_bits;
    }
    static std::size_t read_class(const void* memory) {
        std::size_t index = 0;
        std::memcpy(&index, static_cast<const char*>(memory) - k_header_bytes, sizeof index);
        return index;
    }

    std::array<FreeList, k_classes> lists_;
};

thread_local Pool t_pool;

void* allocate(std::size_t size, void*) {
    return t_pool.allocate(size);
}

void release(void* memory, void*) {
    t_pool.release(memory);
}

void* allocate_zeroed(std::size_t count, std::size_t size, void*) {
    if (size != 0 && count > static_cast<std::size_t>(-1) / size) return nullptr;
    void* memory = t_pool.allocate(count * size);
    if (memory != nullptr) std::memset(memory, 0, count * size);
    return memory;
}

void* reallocate(void* memory, std::size_t size, void*) {
    if (memory == nullptr) return t_pool.allocate(size);
    const std::size_t usable = Pool::usable(memory);
    if (usable == 0) return Pool::reallocate_large(memory, size);
    if (size <= usable) return memory;
    void* larger = t_pool.allocate(size);
    if (larger == nullptr) return nullptr;
    std::memcpy(larger, memory, usable);
    t_pool.release(memory);
    return larger;
}

}  // namespace

nghttp2_mem* pooled_memory() {
    static nghttp2_mem memory{.mem_user_data = nullptr,
                              .malloc = allocate,
                              .free = release,
                              .calloc = allocate_zeroed,
                              .realloc = reallocate};
    return &memory;
}

}  // namespace moln::h2
