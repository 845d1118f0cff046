#include "store/row_checksum.h"

#include <array>

namespace moln {
namespace {

constexpr std::uint64_t k_polynomial = 0xC96C5795D7870F42;  // of ECMA-182, bits reversed

constexpr std::array<std::uint64_t, 256> make_table() {
    std::array<std::uint64_t, 256> table{};
    for (std::uint64_t i = 0; i < table.size(); ++i) {
        std::uint64_t crc = i;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? k_polynomial : 0);
        table[i] = crc;
    }
    return table;
}

constexpr auto k_table = make_table();

}  // namespace

void RowChecksum::feed(const void* data, std::size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < size; ++i) {
        state_ = k_table[(state_ ^ bytes[i]) & 0xff] ^ (state_ >> 8);
    }
}

RowChecksum& RowChecksum::add(std::int64_t number) {
    std::array<unsigned char, 8> bytes{};
    auto rest = static_cast<std::uint64_t>(number);
    for (auto& byte : bytes) {
        byte = static_cast<unsigned char>(rest & 0xff);
        rest >>= 8;
    }
    feed(bytes.data(), bytes.size());
    return *this;
}

RowChecksum& RowChecksum::add(std::string_view bytes) {
    add(static_cast<std::int64_t>(bytes.size()));
    feed(bytes.data(), bytes.size());
    return *this;
}

RowChecksum& RowChecksum::add_optional(const std::optional<std::string_view>& bytes) {
    if (bytes) return add(*bytes);
    return add(std::int64_t{-1});
}

std::int64_t RowChecksum::value() const {
    return static_cast<std::int64_t>(~state_);
}

}  // namespace moln
