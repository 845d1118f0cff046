// The bytes of a fuzzer's input, taken one part after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace moln {

class FuzzInput {
public:
    FuzzInput(const std::uint8_t* data, std::size_t size)
        : rest_(reinterpret_cast<const char*>(data), size) {}

    std::string_view rest() const { return rest_; }
    // Zero once all is taken.
    unsigned char byte() {
        if (rest_.empty()) return 0;
        const auto first = static_cast<unsigned char>(rest_.front());
        rest_.remove_prefix(1);
        return first;
    }
    std::string_view line() {
        const auto end = rest_.find('\n');
        const auto taken = rest_.substr(0, end);
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
        return taken;
    }

private:
    std::string_view rest_;
};

}  // namespace moln
