// A segment of the disk tier's log as bytes: a head, records one behind the other, and once it is
// full a table of them, so that a start need not look at every record. Without a table, as after a
// crash, the records' heads are read in turn up to the first that is torn.
//
//   segment  magic u32 · version u32 · epoch u64 · number u32 · 0 u32 · check u64 · records ·
//            [table]
//   table    lists of names: count u32, each size u32 · bytes; places: count u32, each hash u64 ·
//            at u32 · body bytes u32 · vary u32 · head units u16 · names u16 · uses u32; last
//            of all: magic u32 · bytes of the table before this u32 · check u64
//
// Pure: bytes are given by who reads the file.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "edge/cache/disk_index.h"

namespace moln::edge {

inline constexpr std::size_t k_disk_segment_head_bytes = 32;
inline constexpr std::size_t k_disk_table_end_bytes = 16;
inline constexpr std::size_t k_disk_names_max = 1024;  // different lists in Vary; further: not kept

void put_segment_head(std::string& out, std::uint64_t epoch, std::uint32_t number);
// Is it the head of that segment of that log?
bool is_segment_head(std::string_view bytes, std::uint64_t epoch, std::uint32_t number);

// A record as recovery finds it, forgotten ones too: what they took the place of is none either.
// `names` in place is an index into the names given with it.
struct FoundRecords {
    std::vector<std::string> names;  // [0] is empty: no Vary
    std::vector<DiskPlace> places;   // in the order of the log
    std::uint64_t sequence_max = 0;  // only by reading heads
};

// `names`: all lists that places point to by number.
void put_segment_table(std::string& out, std::span<const DiskPlace> places,
                       std::span<const std::string> names, std::uint64_t epoch);
// How many bytes the table has before its end, from the segment's last k_disk_table_end_bytes.
// Nothing: there is none.
std::optional<std::uint32_t> peek_segment_table(std::string_view end);
// The whole table with its end. `records_end`: where it begins; no place reaches beyond it.
std::optional<FoundRecords> read_segment_table(std::string_view bytes, std::uint64_t epoch,
                                               std::uint32_t segment, std::uint64_t records_end);

// Gives bytes of a segment: up to `size` from `at`, fewer at its end.
class SegmentBytes {
public:
    virtual std::string_view read(std::uint64_t at, std::size_t size) = 0;

protected:
    ~SegmentBytes() = default;
};
// All records whose heads are whole and whose bodies end by `size`, up to the first that is not;
// without those that vary by one list more than k_disk_names_max.
FoundRecords scan_segment(SegmentBytes& bytes, std::uint64_t size, std::uint64_t epoch,
                          std::uint32_t segment);

std::uint32_t vary_hash(std::string_view vary_key);

}  // namespace moln::edge
