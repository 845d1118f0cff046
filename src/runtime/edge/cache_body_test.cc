// Bytes that grow while they are read.
#include "runtime/edge/cache_body.h"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "edge/limits.h"

namespace moln::edge_loop {
namespace {

using State = CacheBody::State;

std::string read_all(const CacheBody& body, CacheBody::Cursor& cursor) {
    std::string out;
    for (auto piece = body.look(cursor); !piece.empty(); piece = body.look(cursor)) {
        out.append(piece);
        body.advance(cursor, piece.size());
    }
    return out;
}

TEST(CacheBody, what_was_appended_is_read_by_everyone_from_the_start) {
    CacheBody body(std::nullopt);
    ASSERT_TRUE(body.append("first "));
    CacheBody::Cursor early;
    EXPECT_EQ(read_all(body, early), "first ");
    ASSERT_TRUE(body.append("second"));
    EXPECT_EQ(read_all(body, early), "second");
    CacheBody::Cursor late;
    EXPECT_EQ(read_all(body, late), "first second");
    EXPECT_EQ(body.seen().bytes, 12u);
    EXPECT_EQ(body.seen().state, State::growing);
    body.end(State::complete);
    EXPECT_EQ(body.seen().state, State::complete);
}

TEST(CacheBody, a_known_length_takes_so_much_memory_and_no_more) {
    constexpr std::size_t k_length = 3 * edge::k_cache_segment_max + 5;
    CacheBody body(k_length);
    const std::string data(k_length, 'x');
    for (std::size_t at = 0; at < k_length; at += 1000) {
        ASSERT_TRUE(body.append(std::string_view(data).substr(at, 1000)));
    }
    EXPECT_LT(body.capacity(), k_length + 200);
    CacheBody::Cursor cursor;
    EXPECT_EQ(read_all(body, cursor), data);
}

TEST(CacheBody, an_unknown_length_wastes_at_most_as_much_again) {
    for (const std::size_t length : {1u, 1000u, 1024u, 1025u, 100'000u, 1'000'000u}) {
        CacheBody body(std::nullopt);
        ASSERT_TRUE(body.append(std::string(length, 'x')));
        EXPECT_LE(body.capacity(), std::max<std::size_t>(2 * length + 4096, 2048)) << length;
    }
}

TEST(CacheBody, a_cursor_goes_anywhere_in_what_is_there) {
    std::string data;
    for (int i = 0; data.size() < 200'000; ++i) data += std::to_string(i) + ",";
    CacheBody body(data.size());
    ASSERT_TRUE(body.append(data));
    for (const std::size_t at : {0u, 1u, 65'535u, 65'536u, 65'537u, 199'999u}) {
        CacheBody::Cursor cursor;
        body.advance(cursor, at);
        EXPECT_EQ(cursor.at(), at);
        EXPECT_EQ(body.look(cursor).substr(0, 1), data.substr(at, 1)) << at;
    }
    CacheBody::Cursor beyond;
    body.advance(beyond, data.size() + 100);
    EXPECT_EQ(beyond.at(), data.size());
    EXPECT_EQ(body.look(beyond), "");
}

TEST(CacheBody, readers_on_other_threads_see_every_byte_in_order) {
    constexpr std::size_t k_bytes = 2'000'000;
    CacheBody body(std::nullopt);
    std::vector<std::jthread> readers;
    std::vector<std::size_t> wrong(3, 0);
    for (std::size_t reader = 0; reader < wrong.size(); ++reader) {
        readers.emplace_back([&body, &wrong, reader] {
            CacheBody::Cursor cursor;
            for (;;) {
                const auto seen = body.seen();
                for (const char c : read_all(body, cursor)) {
                    static thread_local std::size_t at = 0;
                    if (c != static_cast<char>('a' + at++ % 26)) ++wrong[reader];
                }
                if (seen.state == State::complete && cursor.at() == seen.bytes) return;
            }
        });
    }
    for (std::size_t at = 0; at < k_bytes;) {
        std::string piece;
        for (std::size_t i = 0; i < 777 && at < k_bytes; ++i, ++at) {
            piece += static_cast<char>('a' + at % 26);
        }
        ASSERT_TRUE(body.append(piece));
    }
    body.end(State::complete);
    readers.clear();
    for (const std::size_t count : wrong) EXPECT_EQ(count, 0u);
}

TEST(WorkerSet, is_taken_once) {
    WorkerSet set;
    set.add(3);
    set.add(67);  // shares a bit with 3
    EXPECT_EQ(set.take(), WorkerSet::bit(3));
    EXPECT_EQ(set.take(), 0u);
}

TEST(CacheBody, all_are_counted_from_their_begin_until_nobody_has_them) {
    const std::size_t before = CacheBody::all_bytes();
    {
        CacheBody known(1000);
        EXPECT_EQ(CacheBody::all_bytes() - before, 1000U);
        ASSERT_TRUE(known.append(std::string(1000, 'x')));
        EXPECT_EQ(CacheBody::all_bytes() - before, known.capacity());
        CacheBody unknown(std::nullopt);
        EXPECT_EQ(CacheBody::all_bytes() - before, known.capacity());
        ASSERT_TRUE(unknown.append(std::string(100'000, 'x')));
        EXPECT_EQ(CacheBody::all_bytes() - before, known.capacity() + unknown.capacity());
        const CacheBody in_file(FileExtent{.file = {}, .at = 0, .bytes = 1'000'000});
        EXPECT_EQ(CacheBody::all_bytes() - before, known.capacity() + unknown.capacity());
    }
    EXPECT_EQ(CacheBody::all_bytes(), before);
}

}  // namespace
}  // namespace moln::edge_loop
