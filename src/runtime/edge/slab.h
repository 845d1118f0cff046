// Objects of one type, made and dropped all the time: memory is kept and used again. One thread.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace moln::edge_loop {

template <typename T, std::size_t k_kept_max = 1024>
class Slab {
public:
    Slab() { free_.reserve(k_kept_max); }
    Slab(const Slab&) = delete;
    Slab& operator=(const Slab&) = delete;
    ~Slab() {
        for (void* memory : free_) ::operator delete(memory, std::align_val_t{alignof(T)});
    }

    // Members without an initializer have no value: kilobytes that are written before they are read
    // would else be cleared for every object.
    T* make() { return new (room()) T; }
    template <typename... Arguments>
    T* make(Arguments&&... arguments) {
        return new (room()) T(std::forward<Arguments>(arguments)...);
    }
    void drop(T* object) {
        std::destroy_at(object);
        if (free_.size() < k_kept_max) {
            free_.push_back(object);
        } else {
            ::operator delete(static_cast<void*>(object), std::align_val_t{alignof(T)});
        }
    }

private:
    void* room() {
        if (free_.empty()) return ::operator new(sizeof(T), std::align_val_t{alignof(T)});
        void* memory = free_.back();
        free_.pop_back();
        return memory;
    }

    std::vector<void*> free_;
};

}  // namespace moln::edge_loop
