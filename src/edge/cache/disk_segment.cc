#include "edge/cache/disk_segment.h"

#include <algorithm>

#include "edge/cache/disk_bytes.h"
#include "edge/cache/disk_record.h"

namespace moln::edge {
namespace {

constexpr std::uint32_t k_segment_magic = 0x3153'4c4d;  // "MLS1"
constexpr std::uint32_t k_table_magic = 0x3154'4c4d;    // "MLT1"
constexpr std::uint32_t k_version = 2;
constexpr std::size_t k_place_bytes = 28;

// Where a place's record ends.
std::uint64_t end_of(const DiskPlace& place) {
    return (std::uint64_t{place.at} + place.head_units) * k_disk_unit +
           disk_body_bytes(place.body_bytes);
}

// Nothing: there are as many as may be.
std::optional<std::uint16_t> number_of(std::vector<std::string>& names, const std::string& list) {
    const auto at = std::ranges::find(names, list);
    if (at == names.end() && names.size() == k_disk_names_max) return std::nullopt;
    const auto number = static_cast<std::uint16_t>(at - names.begin());
    if (at == names.end()) names.push_back(list);
    return number;
}

}  // namespace

std::uint32_t vary_hash(std::string_view vary_key) {
    return static_cast<std::uint32_t>(disk_check(vary_key, 0));
}

void put_segment_head(std::string& out, std::uint64_t epoch, std::uint32_t number) {
    const std::size_t begin = out.size();
    put_number(out, k_segment_magic);
    put_number(out, k_version);
    put_number(out, epoch);
    put_number(out, number);
    put_number(out, std::uint32_t{0});
    put_number(out, disk_check(std::string_view(out).substr(begin), epoch));
}

bool is_segment_head(std::string_view bytes, std::uint64_t epoch, std::uint32_t number) {
    std::string wanted;
    put_segment_head(wanted, epoch, number);
    return bytes.substr(0, k_disk_segment_head_bytes) == wanted;
}

void put_segment_table(std::string& out, std::span<const DiskPlace> places,
                       std::span<const std::string> names, std::uint64_t epoch) {
    const std::size_t begin = out.size();
    put_number(out, static_cast<std::uint32_t>(names.size()));
    for (const std::string& list : names) {
        put_number(out, static_cast<std::uint32_t>(list.size()));
        out += list;
    }
    put_number(out, static_cast<std::uint32_t>(places.size()));
    for (const DiskPlace& place : places) {
        put_number(out, place.hash);
        put_number(out, place.at);
        put_number(out, place.body_bytes);
        put_number(out, place.vary);
        put_number(out, place.head_units);
        put_number(out, place.names);
        put_number(out, std::uint32_t{place.uses});
    }
    const auto size = static_cast<std::uint32_t>(out.size() - begin);
    put_number(out, k_table_magic);
    put_number(out, size);
    put_number(out, disk_check(std::string_view(out).substr(begin), epoch));
}

std::optional<std::uint32_t> peek_segment_table(std::string_view end) {
    NumberReader numbers(end);
    const auto magic = numbers.take<std::uint32_t>();
    const auto size = numbers.take<std::uint32_t>();
    if (end.size() != k_disk_table_end_bytes || magic != k_table_magic) return std::nullopt;
    return size;
}

std::optional<FoundRecords> read_segment_table(std::string_view bytes, std::uint64_t epoch,
                                               std::uint32_t segment, std::uint64_t records_end) {
    if (bytes.size() < k_disk_table_end_bytes) return std::nullopt;
    const auto size = peek_segment_table(bytes.substr(bytes.size() - k_disk_table_end_bytes));
    if (!size || *size != bytes.size() - k_disk_table_end_bytes) return std::nullopt;
    const auto checked = bytes.substr(0, bytes.size() - k_disk_check_bytes);
    if (read_disk_check(bytes.substr(checked.size())) != disk_check(checked, epoch))
        return std::nullopt;
    NumberReader numbers(bytes.substr(0, *size));
    FoundRecords out;
    const auto lists = numbers.take<std::uint32_t>();
    if (lists == 0 || lists > k_disk_names_max) return std::nullopt;
    for (std::uint32_t i = 0; i < lists; ++i) {
        const auto length = numbers.take<std::uint32_t>();
        if (length > http::k_vary_bytes_max) return std::nullopt;
        out.names.emplace_back(numbers.take_bytes(length));
    }
    if (!out.names.front().empty()) return std::nullopt;
    const auto count = numbers.take<std::uint32_t>();
    if (numbers.rest().size() != std::size_t{count} * k_place_bytes) return std::nullopt;
    out.places.reserve(count);
    for (std::uint32_t i = 0; i < count; ++i) {
        DiskPlace place{.segment = segment};
        place.hash = numbers.take<std::uint64_t>();
        place.at = numbers.take<std::uint32_t>();
        place.body_bytes = numbers.take<std::uint32_t>();
        place.vary = numbers.take<std::uint32_t>();
        place.head_units = numbers.take<std::uint16_t>();
        place.names = numbers.take<std::uint16_t>();
        place.uses = static_cast<std::uint8_t>(
            std::min<std::uint32_t>(numbers.take<std::uint32_t>(), DiskIndex::k_uses_max));
        const std::uint64_t unit = disk_unit_of(place.body_bytes) / k_disk_unit;
        const bool fits = place.names < lists && end_of(place) <= records_end &&
                          place.at % unit == 0 && place.head_units % unit == 0 &&
                          place.head_units * k_disk_unit >= k_disk_fixed_bytes &&
                          place.head_units * k_disk_unit <= k_disk_head_bytes_max;
        if (!fits) return std::nullopt;
        out.places.push_back(place);
    }
    if (!numbers.good()) return std::nullopt;
    return out;
}

FoundRecords scan_segment(SegmentBytes& bytes, std::uint64_t size, std::uint64_t epoch,
                          std::uint32_t segment) {
    FoundRecords out;
    out.names.emplace_back();
    std::uint64_t at = k_disk_segment_head_bytes;
    while (at + k_disk_fixed_bytes <= size) {
        auto length = peek_disk_head(bytes.read(at, k_disk_fixed_bytes));
        if (!length) {
            // One with a large body begins at the next page, with zeros before it.
            const std::uint64_t page = disk_padded(at, k_disk_page);
            if (page == at) break;
            at = page;
            length = peek_disk_head(bytes.read(at, k_disk_fixed_bytes));
            if (!length) break;
        }
        const auto head = read_disk_head(bytes.read(at, *length), epoch);
        if (!head || head->stamp.body_bytes > size) break;
        if (at % disk_unit_of(head->stamp.body_bytes) != 0) break;
        const std::uint64_t end = at + *length + disk_body_bytes(head->stamp.body_bytes);
        if (end > size || end / k_disk_unit > ~std::uint32_t{0}) break;
        out.sequence_max = std::max(out.sequence_max, head->stamp.sequence);
        const auto names = number_of(out.names, head->vary_names);
        if (names) {
            out.places.push_back({.hash = head->stamp.hash,
                                  .segment = segment,
                                  .at = static_cast<std::uint32_t>(at / k_disk_unit),
                                  .body_bytes = static_cast<std::uint32_t>(head->stamp.body_bytes),
                                  .vary = vary_hash(head->vary_key),
                                  .head_units = static_cast<std::uint16_t>(*length / k_disk_unit),
                                  .names = *names});
        }
        at = end;
    }
    return out;
}

}  // namespace moln::edge
