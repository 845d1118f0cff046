// The disk tier's bytes: what is read is what was written, or nothing, wherever it is cut or hurt.
#include "edge/cache/disk_record.h"

#include <gtest/gtest.h>

#include "edge/cache/disk_segment.h"
#include "edge/cache/disk_state.h"
#include "http/head_testing.h"

namespace moln::edge {
namespace {

constexpr std::uint64_t k_epoch = 0x1234'5678'9abc;
constexpr std::uint32_t k_segment = 7;

StoredHead head_of(const std::string& fields) {
    return StoredHead::of(
        http::testing::parse_response("HTTP/1.1 200 Fine\r\n" + fields + "\r\n").head,
        {784'111'777'000});
}

struct Stored {
    DiskStamp stamp;
    std::string key, vary_names, vary_key;
    std::vector<PurgeMark> marks;
    StoredHead head;
    std::string body;
};

Stored make(std::uint64_t number, std::size_t body_bytes) {
    Stored out;
    out.key = "http://a.test/" + std::to_string(number);
    out.vary_names = number % 2 == 0 ? "" : "accept-encoding";
    out.vary_key = number % 2 == 0 ? "" : "gzip";
    out.marks = {1, 0xffff'0000u, static_cast<PurgeMark>(number)};
    out.head = head_of("ETag: \"" + std::to_string(number) + "\"\r\nX-A: 1\r\n");
    for (std::size_t i = 0; i < body_bytes; ++i) {
        out.body += static_cast<char>('a' + (i * 7 + number) % 26);
    }
    out.stamp = {.sequence = number,
                 .hash = number * 1000,
                 .scope = 3,
                 .born = 12,
                 .came = {784'111'777'123},
                 .freshness = {.age_ms = 1,
                               .lifetime_ms = 60'000,
                               .revalidate_ms = 5,
                               .error_ms = 6,
                               .always_validate = number % 2 == 0,
                               .said = true},
                 .body_bytes = body_bytes,
                 .compresses = number % 3 == 0};
    return out;
}

void put(std::string& log, const Stored& one) {
    log.resize(disk_record_at(log.size(), one.body.size()), '\0');
    const auto check = put_disk_head(log, one.stamp,
                                     {.key = one.key,
                                      .vary_names = one.vary_names,
                                      .vary_key = one.vary_key,
                                      .marks = one.marks},
                                     one.head, k_epoch);
    ASSERT_TRUE(check);
    log += one.body;
    for (std::uint64_t i = 0; i < disk_chunks(one.body.size()); ++i) {
        const auto chunk = std::string_view(one.body).substr(i * k_disk_chunk,
                                                             disk_chunk_bytes(one.body.size(), i));
        put_disk_check(log, disk_chunk_check(chunk, *check, i));
    }
    log.resize(disk_padded(log.size()), '\0');
}

// The body of a record whose head is good; nothing if a byte of it is not as it was written.
std::optional<std::string> body_of(std::string_view log, const DiskPlace& place,
                                   const DiskHead& head) {
    const auto begin = place.at * k_disk_unit + head.bytes;
    const std::uint64_t bytes = head.stamp.body_bytes;
    const std::uint64_t chunks = disk_chunks(bytes);
    if (begin + bytes + chunks * k_disk_check_bytes > log.size()) return std::nullopt;
    const auto body = log.substr(begin, bytes);
    for (std::uint64_t i = 0; i < chunks; ++i) {
        const auto chunk = body.substr(i * k_disk_chunk, disk_chunk_bytes(bytes, i));
        const auto check = read_disk_check(log.substr(begin + bytes + i * k_disk_check_bytes));
        if (check != disk_chunk_check(chunk, head.check, i)) return std::nullopt;
    }
    return std::string(body);
}

class Bytes final : public SegmentBytes {
public:
    explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
    std::string_view read(std::uint64_t at, std::size_t size) override {
        return at > bytes_.size() ? std::string_view() : bytes_.substr(at, size);
    }

private:
    std::string_view bytes_;
};

class DiskLog : public ::testing::Test {
protected:
    void SetUp() override {
        put_segment_head(log, k_epoch, k_segment);
        for (const auto& [number, size] :
             {std::pair{1, 100}, {2, 0}, {3, 300}, {4, 1}, {5, 15}, {6, 16}}) {
            all.push_back(make(static_cast<std::uint64_t>(number), static_cast<std::size_t>(size)));
            put(log, all.back());
        }
    }

    // Each that is found is one that was stored, byte for byte; how many were.
    std::size_t expect_true_or_nothing(std::string_view bytes) const {
        Bytes reader(bytes);
        const auto found = scan_segment(reader, bytes.size(), k_epoch, k_segment);
        std::size_t good = 0;
        for (const DiskPlace& place : found.places) {
            const auto head = read_disk_head(bytes.substr(place.at * k_disk_unit), k_epoch);
            if (!head) continue;
            const auto body = body_of(bytes, place, *head);
            if (!body) continue;
            const Stored& one = all.at(head->stamp.sequence - 1);
            EXPECT_EQ(head->stamp, one.stamp);
            EXPECT_EQ(head->key, one.key);
            EXPECT_EQ(head->vary_names, one.vary_names);
            EXPECT_EQ(head->vary_key, one.vary_key);
            EXPECT_EQ(head->marks, one.marks);
            EXPECT_EQ(head->head, one.head);
            EXPECT_EQ(*body, one.body);
            EXPECT_EQ(found.names.at(place.names), one.vary_names);
            EXPECT_EQ(place.vary, vary_hash(one.vary_key));
            ++good;
        }
        return good;
    }

    std::string log;
    std::vector<Stored> all;
};

TEST_F(DiskLog, gives_back_what_was_stored) {
    EXPECT_EQ(expect_true_or_nothing(log), all.size());
    EXPECT_TRUE(is_segment_head(log, k_epoch, k_segment));
    EXPECT_FALSE(is_segment_head(log, k_epoch + 1, k_segment));
    EXPECT_FALSE(is_segment_head(log, k_epoch, k_segment + 1));
    EXPECT_EQ(k_disk_head_bytes_max / k_disk_unit > 0xffff, false);
}

TEST_F(DiskLog, cut_at_every_byte_gives_what_is_whole) {
    std::size_t before = 0;
    for (std::size_t size = 0; size <= log.size(); ++size) {
        const auto good = expect_true_or_nothing(std::string_view(log).substr(0, size));
        EXPECT_GE(good, before);
        before = good;
    }
    EXPECT_EQ(before, all.size());
}

TEST_F(DiskLog, cut_at_every_byte_and_filled_with_zeros_gives_what_is_whole) {
    std::string bytes = log;
    for (std::size_t size = log.size(); size-- > 0;) {
        bytes[size] = '\0';
        expect_true_or_nothing(bytes);
    }
    EXPECT_EQ(expect_true_or_nothing(bytes), 0u);
}

TEST_F(DiskLog, hurt_at_any_byte_never_gives_anything_else) {
    for (std::size_t i = 0; i < log.size(); ++i) {
        std::string bytes = log;
        bytes[i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
        EXPECT_LE(expect_true_or_nothing(bytes), all.size());
    }
}

TEST_F(DiskLog, of_another_epoch_or_moved_chunks_are_nothing) {
    EXPECT_FALSE(
        read_disk_head(std::string_view(log).substr(k_disk_segment_head_bytes), k_epoch + 1));
    std::string long_log;
    auto one = make(1, 3 * k_disk_chunk);
    put(long_log, one);
    const auto head = read_disk_head(long_log, k_epoch);
    ASSERT_TRUE(head);
    EXPECT_EQ(body_of(long_log, {}, *head), one.body);
    // The second in the place of the first, alone and with its check.
    const auto move = [&](std::size_t from, std::size_t size) {
        long_log.replace(from, size, long_log.substr(from + size, size));
        EXPECT_FALSE(body_of(long_log, {}, *head));
    };
    move(head->bytes, k_disk_chunk);
    move(head->bytes + one.body.size(), k_disk_check_bytes);
}

TEST_F(DiskLog, large_bodies_begin_at_a_page_and_are_as_safe) {
    for (const std::size_t size : {k_disk_large_body - 1, k_disk_large_body,
                                   k_disk_large_body + 5000, std::uint64_t{7}, k_disk_large_body}) {
        all.push_back(make(all.size() + 1, size));
        put(log, all.back());
    }
    EXPECT_EQ(expect_true_or_nothing(log), all.size());
    Bytes reader(log);
    const auto found = scan_segment(reader, log.size(), k_epoch, k_segment);
    ASSERT_EQ(found.places.size(), all.size());
    for (const DiskPlace& place : found.places) {
        if (place.body_bytes < k_disk_large_body) continue;
        EXPECT_EQ(place.at * k_disk_unit % k_disk_page, 0u);
        EXPECT_EQ((place.at + place.head_units) * k_disk_unit % k_disk_page, 0u);
    }
    std::string table;
    put_segment_table(table, found.places, found.names, k_epoch);
    const auto read = read_segment_table(table, k_epoch, k_segment, log.size());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->places, found.places);
    // None of a large body's may lie within a page.
    for (const std::size_t number : {all.size() - 1, all.size() - 4}) {
        auto places = found.places;
        ++places[number].at;
        table.clear();
        put_segment_table(table, places, found.names, k_epoch);
        EXPECT_FALSE(read_segment_table(table, k_epoch, k_segment, 2 * log.size()));
    }
    constexpr std::size_t k_stride = 1009;
    std::size_t before = 0;
    for (std::size_t at = 0; at < log.size(); at += k_stride) {
        const auto good = expect_true_or_nothing(std::string_view(log).substr(0, at));
        EXPECT_GE(good, before);
        before = good;
        std::string hurt = log;
        hurt[at] = static_cast<char>(hurt[at] ^ (1 << (at % 8)));
        EXPECT_LE(expect_true_or_nothing(hurt), all.size());
    }
}

TEST_F(DiskLog, table_says_what_a_scan_finds) {
    Bytes reader(log);
    const auto scanned = scan_segment(reader, log.size(), k_epoch, k_segment);
    EXPECT_EQ(scanned.sequence_max, all.size());
    std::string table;
    put_segment_table(table, scanned.places, scanned.names, k_epoch);
    const auto size =
        peek_segment_table(std::string_view(table).substr(table.size() - k_disk_table_end_bytes));
    ASSERT_TRUE(size);
    EXPECT_EQ(*size + k_disk_table_end_bytes, table.size());
    const auto read = read_segment_table(table, k_epoch, k_segment, log.size());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->places, scanned.places);
    EXPECT_EQ(read->names, scanned.names);
    EXPECT_FALSE(read_segment_table(table, k_epoch, k_segment, log.size() - 1));
    EXPECT_FALSE(read_segment_table(table, k_epoch + 1, k_segment, log.size()));
    for (std::size_t i = 0; i < table.size(); ++i) {
        std::string bytes = table;
        bytes[i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
        EXPECT_FALSE(read_segment_table(bytes, k_epoch, k_segment, log.size())) << i;
        EXPECT_FALSE(read_segment_table(std::string_view(table).substr(0, i), k_epoch, k_segment,
                                        log.size()));
    }
}

TEST(DiskRecord, takes_texts_up_to_their_limits) {
    const auto head = head_of("");
    const std::string key(k_cache_key_bytes_max, 'k');
    const std::vector<PurgeMark> marks(k_purge_marks_max, 1);
    std::string out;
    EXPECT_TRUE(put_disk_head(out, {}, {.key = key, .marks = marks}, head, k_epoch));
    const auto read = read_disk_head(out, k_epoch);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->key, key);
    EXPECT_EQ(read->marks, marks);
    out.clear();
    const std::string longer = key + "k";
    EXPECT_FALSE(put_disk_head(out, {}, {.key = longer}, head, k_epoch));
    const std::vector<PurgeMark> more(k_purge_marks_max + 1, 1);
    EXPECT_FALSE(put_disk_head(out, {}, {.marks = more}, head, k_epoch));
    EXPECT_TRUE(out.empty());
}

TEST(DiskState, keeps_every_purge_and_nothing_that_is_hurt) {
    PurgeBook book;
    std::string bytes;
    put_disk_state_head(bytes, {.epoch = k_epoch, .seed = 9});
    for (PurgeMark mark = 0x1'0001; mark < 0x1'0001 + 20; ++mark) {
        put_disk_purge(bytes, book.purge(mark), k_epoch);
    }
    const auto state = read_disk_state(bytes);
    ASSERT_TRUE(state);
    EXPECT_EQ(state->identity, (DiskIdentity{.epoch = k_epoch, .seed = 9}));
    PurgeBook again;
    for (const auto& slot : state->purges) again.restore(slot);
    EXPECT_EQ(again.generation(), book.generation());
    EXPECT_EQ(again.slots(), book.slots());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        std::string hurt = bytes;
        hurt[i] = static_cast<char>(hurt[i] ^ 1);
        EXPECT_FALSE(read_disk_state(hurt)) << i;
    }
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto cut = read_disk_state(std::string_view(bytes).substr(0, size));
        const bool whole = size >= k_disk_state_head_bytes &&
                           (size - k_disk_state_head_bytes) % k_disk_purge_bytes == 0;
        EXPECT_EQ(cut.has_value(), whole);
    }
}

TEST(PurgeBookKept, holds_for_what_was_asked_for_before_and_only_for_that) {
    PurgeBook book;
    const auto mark = purge_mark(PurgeScope::url, {}, "a.test/x");
    const auto born = book.generation();
    const auto slot = book.purge(mark);
    PurgeBook again;
    again.restore(slot);
    EXPECT_TRUE(again.is_purged({{mark}}, born));
    EXPECT_FALSE(again.is_purged({{mark}}, again.generation()));
    again.purge(mark);
    again.restore(slot);  // the later one stays
    EXPECT_TRUE(again.is_purged({{mark}}, born + 1));
}

}  // namespace
}  // namespace moln::edge
