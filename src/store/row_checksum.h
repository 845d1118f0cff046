// The checksum that every row of the SQLite store carries: SQLite itself notices damage to its
// pages' structure, but not to the bytes of a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace moln {

// CRC-64/XZ over the fields with their lengths, so that bytes cannot move from one to the next.
class RowChecksum {
public:
    RowChecksum& add(std::int64_t number);
    RowChecksum& add(std::string_view bytes);
    RowChecksum& add_optional(const std::optional<std::string_view>& bytes);
    std::int64_t value() const;

private:
    void feed(const void* data, std::size_t size);
    std::uint64_t state_ = ~std::uint64_t{0};
};

}  // namespace moln
