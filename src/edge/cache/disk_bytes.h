// Numbers as the disk tier writes them: little-endian, without padding. And the sum by which it
// knows its own bytes again.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace moln::edge {

template <typename T>
void put_number(std::string& out, T value) {
    static_assert(std::is_integral_v<T>);
    char bytes[sizeof(T)];
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        bytes[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff);
    }
    out.append(bytes, sizeof(T));
}

// Takes numbers off the front; past the end all are 0 and good() is false.
class NumberReader {
public:
    explicit NumberReader(std::string_view bytes) : rest_(bytes) {}

    template <typename T>
    T take() {
        static_assert(std::is_integral_v<T>);
        std::uint64_t value = 0;
        const std::string_view bytes = take_bytes(sizeof(T));
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
        }
        return static_cast<T>(value);
    }
    std::string_view take_bytes(std::size_t size) {
        if (rest_.size() < size) {
            good_ = false;
            rest_ = {};
            return {};
        }
        const auto taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }
    std::string_view rest() const { return rest_; }
    bool good() const { return good_; }

private:
    std::string_view rest_;
    bool good_ = true;
};

// XXH3, 64 bits. `seed` binds the bytes to where they belong: those of another record, another
// place in it, or of a log before this one are not taken for them.
std::uint64_t disk_check(std::string_view bytes, std::uint64_t seed);

}  // namespace moln::edge
