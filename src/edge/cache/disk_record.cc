#include "edge/cache/disk_record.h"

#include <xxhash.h>
#if defined(__x86_64__)
    #include <xxh_x86dispatch.h>  // the same sums by what this CPU can, three times as fast
#endif

#include "base/check.h"
#include "edge/cache/disk_bytes.h"

namespace moln::edge {
namespace {

constexpr std::uint32_t k_magic = 0x3252'4c4d;  // "MLR2"
constexpr std::string_view k_forgotten_text = "MLF2";
constexpr std::uint32_t k_forgotten_magic = 0x3246'4c4d;
constexpr std::size_t k_checked_from = 16;
constexpr std::uint32_t k_always_validate = 1;
constexpr std::uint32_t k_never_stale = 2;
constexpr std::uint32_t k_said = 4;

constexpr std::uint32_t k_compresses = 8;
constexpr std::uint32_t k_flags = 15;

std::uint32_t flags_of(const DiskStamp& stamp) {
    const Freshness& freshness = stamp.freshness;
    return (freshness.always_validate ? k_always_validate : 0) |
           (freshness.never_stale ? k_never_stale : 0) | (freshness.said ? k_said : 0) |
           (stamp.compresses ? k_compresses : 0);
}

bool within_limits(const DiskTexts& texts) {
    return texts.key.size() <= k_cache_key_bytes_max &&
           texts.vary_names.size() <= http::k_vary_bytes_max &&
           texts.vary_key.size() <= http::k_vary_key_bytes_max &&
           texts.marks.size() <= k_purge_marks_max;
}

void set_number(std::string& out, std::size_t at, std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) out[at + i] = static_cast<char>(value >> (8 * i));
}

struct Sizes {
    std::uint32_t key = 0;
    std::uint32_t vary_names = 0;
    std::uint32_t vary_key = 0;
    std::uint32_t marks = 0;
    std::uint32_t head = 0;
};

bool fit(const Sizes& sizes, std::size_t head_bytes, std::uint64_t body_bytes) {
    if (sizes.key > k_cache_key_bytes_max || sizes.vary_names > http::k_vary_bytes_max ||
        sizes.vary_key > http::k_vary_key_bytes_max || sizes.marks > k_purge_marks_max ||
        sizes.head > k_disk_stored_head_max)
        return false;
    return head_bytes ==
           disk_padded(k_disk_fixed_bytes + sizes.key + sizes.vary_names + sizes.vary_key +
                           sizes.marks * sizeof(PurgeMark) + sizes.head,
                       disk_unit_of(body_bytes));
}

DiskStamp take_stamp(NumberReader& numbers) {
    DiskStamp stamp;
    stamp.sequence = numbers.take<std::uint64_t>();
    stamp.hash = numbers.take<std::uint64_t>();
    stamp.scope = numbers.take<std::uint64_t>();
    stamp.born = numbers.take<std::uint64_t>();
    stamp.came.ms = numbers.take<std::int64_t>();
    stamp.freshness.age_ms = numbers.take<std::int64_t>();
    stamp.freshness.lifetime_ms = numbers.take<std::int64_t>();
    stamp.freshness.revalidate_ms = numbers.take<std::int64_t>();
    stamp.freshness.error_ms = numbers.take<std::int64_t>();
    stamp.body_bytes = numbers.take<std::uint64_t>();
    return stamp;
}

}  // namespace

std::uint64_t disk_check(std::string_view bytes, std::uint64_t seed) {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::optional<std::uint64_t> put_disk_head(std::string& out, const DiskStamp& stamp,
                                           const DiskTexts& texts, const StoredHead& head,
                                           std::uint64_t epoch) {
    if (!within_limits(texts)) return std::nullopt;
    const std::size_t begin = out.size();
    put_number(out, k_magic);
    put_number(out, std::uint32_t{0});  // bytes of the head
    put_number(out, std::uint64_t{0});  // check
    for (const std::uint64_t number : {stamp.sequence, stamp.hash, stamp.scope, stamp.born}) {
        put_number(out, number);
    }
    const Freshness& freshness = stamp.freshness;
    for (const std::int64_t number : {stamp.came.ms, freshness.age_ms, freshness.lifetime_ms,
                                      freshness.revalidate_ms, freshness.error_ms}) {
        put_number(out, number);
    }
    put_number(out, stamp.body_bytes);
    for (const std::size_t size :
         {texts.key.size(), texts.vary_names.size(), texts.vary_key.size(), texts.marks.size()}) {
        put_number(out, static_cast<std::uint32_t>(size));
    }
    const std::size_t head_size_at = out.size();
    put_number(out, std::uint32_t{0});
    put_number(out, flags_of(stamp));
    CHECK(out.size() - begin == k_disk_fixed_bytes);
    out.append(texts.key).append(texts.vary_names).append(texts.vary_key);
    for (const PurgeMark mark : texts.marks) put_number(out, mark);
    const std::size_t head_at = out.size();
    head.save(out);
    set_number(out, head_size_at, out.size() - head_at, 4);
    out.resize(begin + disk_padded(out.size() - begin, disk_unit_of(stamp.body_bytes)), '\0');
    set_number(out, begin + 4, out.size() - begin, 4);
    const auto check = disk_check(std::string_view(out).substr(begin + k_checked_from), epoch);
    set_number(out, begin + 8, check, 8);
    return check;
}

std::string_view forgotten_magic() {
    return k_forgotten_text;
}

std::optional<std::size_t> peek_disk_head(std::string_view fixed) {
    NumberReader numbers(fixed.substr(0, k_disk_fixed_bytes));
    const auto magic = numbers.take<std::uint32_t>();
    const auto bytes = numbers.take<std::uint32_t>();
    const bool fits = bytes >= k_disk_fixed_bytes && bytes <= k_disk_head_bytes_max;
    const bool known = magic == k_magic || magic == k_forgotten_magic;
    if (fixed.size() < k_disk_fixed_bytes || !known || !fits || bytes % k_disk_unit != 0)
        return std::nullopt;
    return bytes;
}

std::optional<DiskHead> read_disk_head(std::string_view bytes, std::uint64_t epoch) {
    const auto size = peek_disk_head(bytes);
    if (!size || bytes.size() < *size) return std::nullopt;
    bytes = bytes.substr(0, *size);
    NumberReader numbers(bytes.substr(8));
    DiskHead out;
    out.forgotten = bytes.starts_with(k_forgotten_text);
    out.bytes = *size;
    out.check = numbers.take<std::uint64_t>();
    if (out.check != disk_check(bytes.substr(k_checked_from), epoch)) return std::nullopt;
    out.stamp = take_stamp(numbers);
    Sizes sizes;
    for (std::uint32_t* one :
         {&sizes.key, &sizes.vary_names, &sizes.vary_key, &sizes.marks, &sizes.head}) {
        *one = numbers.take<std::uint32_t>();
    }
    const auto flags = numbers.take<std::uint32_t>();
    if (!fit(sizes, *size, out.stamp.body_bytes) || flags > k_flags) return std::nullopt;
    out.stamp.freshness.always_validate = (flags & k_always_validate) != 0;
    out.stamp.freshness.never_stale = (flags & k_never_stale) != 0;
    out.stamp.freshness.said = (flags & k_said) != 0;
    out.stamp.compresses = (flags & k_compresses) != 0;
    out.key = numbers.take_bytes(sizes.key);
    out.vary_names = numbers.take_bytes(sizes.vary_names);
    out.vary_key = numbers.take_bytes(sizes.vary_key);
    out.marks.reserve(sizes.marks);
    for (std::uint32_t i = 0; i < sizes.marks; ++i) {
        out.marks.push_back(numbers.take<PurgeMark>());
    }
    auto head = StoredHead::load(numbers.take_bytes(sizes.head));
    if (!numbers.good() || !head) return std::nullopt;
    out.head = std::move(*head);
    return out;
}

std::uint64_t disk_chunk_check(std::string_view chunk, std::uint64_t head_check,
                               std::uint64_t number) {
    return disk_check(chunk, head_check + number * 0x9e37'79b9'7f4a'7c15u);
}

void put_disk_check(std::string& out, std::uint64_t check) {
    put_number(out, check);
}

std::uint64_t read_disk_check(std::string_view bytes) {
    return NumberReader(bytes).take<std::uint64_t>();
}

}  // namespace moln::edge
