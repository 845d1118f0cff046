#include "cli/tar.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace moln::cli {
namespace {

// Offsets and lengths of ustar's fields.
constexpr std::size_t k_name = 0;
constexpr std::size_t k_name_length = 100;
constexpr std::size_t k_mode = 100;
constexpr std::size_t k_uid = 108;
constexpr std::size_t k_gid = 116;
constexpr std::size_t k_size = 124;
constexpr std::size_t k_mtime = 136;
constexpr std::size_t k_checksum = 148;
constexpr std::size_t k_type = 156;
constexpr std::size_t k_link = 157;
constexpr std::size_t k_magic = 257;

void put(std::string& block, std::size_t at, std::string_view text) {
    text.copy(block.data() + at, text.size());  // of nothing too, as memcpy may not
}

void put_octal(std::string& block, std::size_t at, std::size_t digits, std::int64_t value) {
    put(block, at, fmt::format("{:0{}o}", std::max<std::int64_t>(value, 0), digits));
}

struct Block {
    std::string_view name;
    std::string_view target;
    char type = '0';
    std::int64_t size = 0;
    std::int64_t mode = 0644;
    std::int64_t modified_s = 0;
};

std::string block_bytes(const Block& fields) {
    std::string block(k_tar_block, '\0');
    put(block, k_name, fields.name.substr(0, k_name_length));
    put(block, k_link, fields.target.substr(0, k_name_length));
    put_octal(block, k_mode, 7, fields.mode);
    put_octal(block, k_uid, 7, 0);
    put_octal(block, k_gid, 7, 0);
    put_octal(block, k_size, 11, fields.size);
    put_octal(block, k_mtime, 11, fields.modified_s);
    block[k_type] = fields.type;
    put(block, k_magic,
        std::string_view("ustar\0"
                         "00",
                         8));
    put(block, k_checksum, "        ");
    unsigned sum = 0;
    for (const char c : block) sum += static_cast<unsigned char>(c);
    put(block, k_checksum, fmt::format("{:06o}", sum));
    block[k_checksum + 6] = '\0';
    return block;
}

// "LENGTH KEY=VALUE\n", where the length counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
    const auto rest = key.size() + value.size() + 3;
    auto length = rest + 1;
    while (fmt::formatted_size("{}", length) + rest != length) ++length;
    return fmt::format("{} {}={}\n", length, key, value);
}

}  // namespace

std::string tar_header(const TarEntry& entry) {
    const auto name = entry.kind == TarKind::folder ? entry.path + "/" : entry.path;
    std::string records;
    if (name.size() > k_name_length) records += pax_record("path", name);
    if (entry.target.size() > k_name_length) records += pax_record("linkpath", entry.target);
    std::string out;
    if (!records.empty()) {
        const auto size = static_cast<std::int64_t>(records.size());
        out = block_bytes({.name = "pax", .type = 'x', .size = size});
        out += records + tar_padding(size);
    }
    Block block{.name = name, .target = entry.target, .modified_s = entry.modified_s};
    switch (entry.kind) {
        case TarKind::file:
            block.size = entry.size;
            block.mode = entry.executable ? 0755 : 0644;
            break;
        case TarKind::folder:
            block.type = '5';
            block.mode = 0755;
            break;
        case TarKind::link:
            block.type = '2';
            block.mode = 0777;
            break;
    }
    return out + block_bytes(block);
}

std::string tar_padding(std::int64_t size) {
    const auto over = static_cast<std::size_t>(size) % k_tar_block;
    return std::string(over == 0 ? 0 : k_tar_block - over, '\0');
}

std::string tar_end() {
    return std::string(2 * k_tar_block, '\0');
}

}  // namespace moln::cli
