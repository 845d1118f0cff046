// Text that is kept many times and changed never: eight bytes, and one piece of memory of its own
// size when it is not empty. Not for what is built up: that is std::string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>

#include "base/check.h"

namespace moln {

class CompactText {
public:
    CompactText() = default;
    explicit CompactText(std::string_view text) { *this = text; }
    CompactText(const CompactText& other) { *this = other.view(); }
    CompactText(CompactText&&) = default;
    CompactText& operator=(CompactText&&) = default;
    CompactText& operator=(const CompactText& other) {
        if (this != &other) *this = other.view();
        return *this;
    }
    // At most 4 GiB - 1; not a part of itself.
    CompactText& operator=(std::string_view text) {
        CHECK(text.size() <= std::numeric_limits<std::uint32_t>::max());
        memory_.reset();
        if (text.empty()) return *this;
        const auto size = static_cast<std::uint32_t>(text.size());
        memory_.reset(new char[sizeof(size) + size]);
        std::memcpy(memory_.get(), &size, sizeof(size));
        std::memcpy(memory_.get() + sizeof(size), text.data(), size);
        return *this;
    }

    // Valid until it is assigned to or goes.
    std::string_view view() const {
        if (!memory_) return {};
        std::uint32_t size = 0;
        std::memcpy(&size, memory_.get(), sizeof(size));
        return {memory_.get() + sizeof(size), size};
    }
    operator std::string_view() const { return view(); }  // NOLINT(google-explicit-constructor)

    std::size_t size() const { return view().size(); }
    bool empty() const { return !memory_; }
    // What it costs beside its own size.
    std::size_t bytes() const { return memory_ ? sizeof(std::uint32_t) + size() : 0; }

    friend bool operator==(const CompactText& a, std::string_view b) { return a.view() == b; }
    friend bool operator==(const CompactText& a, const CompactText& b) {
        return a.view() == b.view();
    }

private:
    std::unique_ptr<char[]> memory_;
};

}  // namespace moln
