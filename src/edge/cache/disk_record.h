// One stored response as it lies in a segment of the disk tier's log: a head that is checked as a
// whole, then the body in one piece, then the checks of its chunks, so that a part of it can be
// read, checked and given alone.
//
//   record   head, padded with zeros to the record's unit · body · check u64 of each chunk ·
//            zeros to k_disk_unit
//   head     magic u32 · bytes of the head u32 · check u64 of what follows · sequence u64 · hash
//            u64 · scope u64 · born u64 · came i64 · age, lifetime, revalidate, error i64 ·
//            body bytes u64 · sizes of key, vary names, vary key u32 · marks u32 · stored head
//            u32 · flags u32 · key · vary names · vary key · marks, u32 each · stored head
//   chunk    up to k_disk_chunk bytes of the body
//
// The magic is all that is ever changed of a record: one that was forgotten bears another, so that
// it is not taken for one again after a restart.
//
// A record begins at a multiple of its unit; zeros stand before it. Of a large body that is a page:
// the kernel hands whole pages of a file to a socket, and one that begins within a page takes one
// more for every packet.
//
// The checks are seeded: a head's by the log's epoch, a chunk's by its head's check and its number.
// Pure. What is read is whatever a disk gives: nothing is believed before it is checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "edge/cache/freshness.h"
#include "edge/cache/purge_book.h"
#include "edge/cache/stored_head.h"
#include "edge/cache/target.h"
#include "http/vary.h"

namespace moln::edge {

inline constexpr std::size_t k_disk_unit = 16;
inline constexpr std::size_t k_disk_page = 4096;  // the unit of records with a large body
inline constexpr std::uint64_t k_disk_large_body = 64 * 1024;
inline constexpr std::size_t k_disk_chunk = 64 * 1024;
inline constexpr std::size_t k_disk_check_bytes = 8;
inline constexpr std::size_t k_disk_fixed_bytes = 120;  // of a head
inline constexpr std::size_t k_disk_stored_head_max =
    6 + 4 * http::k_fields_max + http::k_head_bytes_ceiling;
inline constexpr std::size_t k_disk_head_bytes_max =
    k_disk_fixed_bytes + k_cache_key_bytes_max + http::k_vary_bytes_max +
    http::k_vary_key_bytes_max + k_purge_marks_max * sizeof(PurgeMark) + k_disk_stored_head_max +
    k_disk_page;

// What of a record needs no memory of its own.
struct DiskStamp {
    std::uint64_t sequence = 0;  // of the record, rising through the log
    std::uint64_t hash = 0;      // of the key
    std::uint64_t scope = 0;     // of which app
    std::uint64_t born = 0;      // the purge generation when it was asked for
    WallTime came;
    Freshness freshness;
    std::uint64_t body_bytes = 0;
    bool compresses = false;  // it may be given compressed
    friend bool operator==(const DiskStamp&, const DiskStamp&) = default;
};

struct DiskTexts {
    std::string_view key;
    std::string_view vary_names;
    std::string_view vary_key;
    std::span<const PurgeMark> marks;
};

// Appends the head, padded; its check. Nothing, and nothing appended: a text is beyond its limit.
std::optional<std::uint64_t> put_disk_head(std::string& out, const DiskStamp& stamp,
                                           const DiskTexts& texts, const StoredHead& head,
                                           std::uint64_t epoch);

struct DiskHead {
    DiskStamp stamp;
    bool forgotten = false;  // it tells how long the record is, and is no answer
    std::uint64_t check = 0;
    std::size_t bytes = 0;  // of the head with its padding
    std::string key;
    std::string vary_names;
    std::string vary_key;
    std::vector<PurgeMark> marks;
    StoredHead head;
};
// `bytes` begins with a head and has all of it; nothing if it is no head of this log.
std::optional<DiskHead> read_disk_head(std::string_view bytes, std::uint64_t epoch);
// The first bytes of a record that is forgotten, to be written over those that it has.
std::string_view forgotten_magic();
// How much of a record its head is, by its first k_disk_fixed_bytes, not checked: at most
// k_disk_head_bytes_max. Nothing: these begin no head.
std::optional<std::size_t> peek_disk_head(std::string_view fixed);

constexpr std::uint64_t disk_chunks(std::uint64_t body_bytes) {
    return (body_bytes + k_disk_chunk - 1) / k_disk_chunk;
}
constexpr std::uint64_t disk_unit_of(std::uint64_t body_bytes) {
    return body_bytes < k_disk_large_body ? k_disk_unit : k_disk_page;
}
constexpr std::uint64_t disk_padded(std::uint64_t bytes, std::uint64_t unit = k_disk_unit) {
    return (bytes + unit - 1) / unit * unit;
}
// Where a record with such a body begins when what is before it ends at `end`.
constexpr std::uint64_t disk_record_at(std::uint64_t end, std::uint64_t body_bytes) {
    return disk_padded(end, disk_unit_of(body_bytes));
}
// Of the body with its checks, and padded.
constexpr std::uint64_t disk_body_bytes(std::uint64_t body_bytes) {
    return disk_padded(body_bytes + disk_chunks(body_bytes) * k_disk_check_bytes);
}
constexpr std::size_t disk_chunk_bytes(std::uint64_t body_bytes, std::uint64_t number) {
    const std::uint64_t left = body_bytes - number * k_disk_chunk;
    return static_cast<std::size_t>(left < k_disk_chunk ? left : k_disk_chunk);
}
std::uint64_t disk_chunk_check(std::string_view chunk, std::uint64_t head_check,
                               std::uint64_t number);
// The check as it stands behind the body.
void put_disk_check(std::string& out, std::uint64_t check);
std::uint64_t read_disk_check(std::string_view bytes);

}  // namespace moln::edge
