// The cache's disk on a real folder: its limits, and what another edge finds.
#include "runtime/edge/cache_disk.h"

#include <array>
#include <chrono>
#include <latch>
#include <semaphore>
#include <set>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/cache/disk_record.h"
#include "edge/limits.h"
#include "http/fields_testing.h"
#include "http/head_testing.h"
#include "http/vary.h"
#include "io/file/temp_dir_for_test.h"
#include "runtime/edge/core.h"

namespace moln::edge_loop {
namespace {

constexpr std::uint64_t k_seed = 5;

class Owner final : public CacheDiskOwner {
public:
    bool is_in_use(std::uint64_t /*hash*/) override { return false; }
    void each_hash(const std::function<void(std::uint64_t)>& /*visit*/) override {
        const bool waits = held;
        ready.release();
        if (waits) go_on.acquire();
    }
    const edge::PurgeBook& book() const override { return *purges; }
    void restore(const std::vector<edge::PurgeSlot>& slots) override {
        for (const auto& slot : slots) purges->restore(slot);
    }

    std::optional<edge::PurgeBook> purges{std::in_place};
    std::counting_semaphore<> ready{0};  // the disk is
    bool held = false;                   // then its thread waits
    std::counting_semaphore<> go_on{0};
};

class Disk : public ::testing::Test {
protected:
    void open(std::uint64_t bytes_max = 64u << 20) {
        auto made = CacheDisk::open(
            {.folder = dir.path() + "/cache", .bytes_max = bytes_max, .fresh = ++epochs});
        ASSERT_TRUE(made) << made.error().reason;
        disk = std::move(*made);
        disk->start(k_seed, owner);
        owner.ready.acquire();
    }
    void close() { disk.reset(); }

    std::shared_ptr<CachedResponse> response(const std::string& body,
                                             const std::string& names = "") const {
        auto made = std::make_shared<CachedResponse>();
        made->scope = 1;
        made->freshness = {.lifetime_ms = 600'000, .said = true};
        made->came = {clock_now(Clock::wall_ms)};
        made->born = owner.purges->generation();
        made->marks = {edge::purge_mark(edge::PurgeScope::url, {}, "a.test/")};
        made->head = edge::StoredHead::of(
            http::testing::parse_response("HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n").head, made->came);
        made->vary_names = names;
        std::array<char, http::k_vary_key_bytes_max> room;
        http::FieldsOf none;
        made->vary_key = http::vary_key(names, none.table(), room).value();
        made->body = std::make_shared<CacheBody>(body.size());
        EXPECT_TRUE(made->body->append(body));
        made->body->end(CacheBody::State::complete);
        return made;
    }

    // What lies there; null if none is found.
    std::shared_ptr<const CachedResponse> find(const std::string& key, std::uint64_t hash,
                                               Patience patience = Patience::any) {
        http::FieldsOf none;
        const auto place = disk->find(hash, none.table());
        std::shared_ptr<const CachedResponse> out;
        if (!place) return out;
        const DiskWish wish{
            .key = key, .scope = 1, .now_ms = 0, .now = {clock_now(Clock::wall_ms)}};
        (void)disk->read(*place, wish, patience, out);
        return out;
    }
    // Its body.
    std::optional<std::string> read(const std::string& key, std::uint64_t hash) {
        const auto out = find(key, hash);
        if (!out) return std::nullopt;
        if (const auto file = out->body->pin()) {
            return read_some(*file, out->body->extent()->at, out->body->extent()->bytes);
        }
        std::string body;
        CacheBody::Cursor cursor;
        while (body.size() < out->body->seen().bytes) {
            const auto piece = out->body->look(cursor);
            body += piece;
            out->body->advance(cursor, piece.size());
        }
        return body;
    }

    TempDir dir;
    std::uint64_t epochs = 0;
    Owner owner;
    std::unique_ptr<CacheDisk> disk;
};

TEST_F(Disk, gives_back_bodies_of_any_length_also_to_the_next) {
    open();
    const std::size_t sizes[] = {0,
                                 1,
                                 edge::k_disk_chunk - 1,
                                 edge::k_disk_chunk,
                                 edge::k_disk_chunk + 1,
                                 5 * edge::k_disk_chunk + 7};
    std::vector<std::string> bodies;
    for (const std::size_t size : sizes) {
        bodies.emplace_back(size, static_cast<char>('a' + bodies.size()));
        ASSERT_TRUE(disk->write("k", bodies.size(), response(bodies.back())));
    }
    close();  // what waits is written first
    open();
    for (std::size_t i = 0; i < bodies.size(); ++i) EXPECT_EQ(read("k", i + 1), bodies[i]);
    EXPECT_EQ(read("other", 1), std::nullopt);
    EXPECT_EQ(read("k", 1), std::nullopt);  // forgotten: it was of another URL
    EXPECT_EQ(disk->stats().errors_total, 0);
}

TEST_F(Disk, the_longest_record_is_kept_and_one_byte_more_is_not) {
    open(8u << 20);  // segments of 512 KiB, records of half of that
    const auto head = [&] {
        std::string out;
        const auto some = response("");
        EXPECT_TRUE(edge::put_disk_head(out, {.body_bytes = edge::k_disk_large_body},
                                        {.key = "k", .marks = some->marks}, some->head, 0));
        return out.size();
    }();
    std::size_t longest = disk_segment_bytes(8u << 20) / 2 - head;
    while (head + edge::disk_body_bytes(longest) > disk_segment_bytes(8u << 20) / 2) --longest;
    ASSERT_TRUE(disk->write("k", 1, response(std::string(longest, 'x'))));
    ASSERT_TRUE(disk->write("k", 2, response(std::string(longest + 1, 'x'))));
    close();
    open(8u << 20);
    EXPECT_EQ(read("k", 1), std::string(longest, 'x'));
    EXPECT_EQ(read("k", 2), std::nullopt);
}

TEST_F(Disk, large_bodies_stay_there_and_small_ones_come_to_memory) {
    open();
    const std::string large(edge::k_disk_large_body, 'l');
    const std::string small(edge::k_disk_large_body - 1, 's');
    ASSERT_TRUE(disk->write("k", 1, response(large)));
    ASSERT_TRUE(disk->write("k", 2, response(small)));
    close();
    open();
    const auto one = find("k", 1);
    ASSERT_TRUE(one);
    ASSERT_NE(one->body->extent(), nullptr);
    EXPECT_EQ(one->body->extent()->at % edge::k_disk_page, 0u);
    EXPECT_EQ(one->body->seen().bytes, large.size());
    EXPECT_EQ(one->body->seen().state, CacheBody::State::complete);
    EXPECT_LT(one->bytes(), 2000u);
    EXPECT_EQ(find("k", 2)->body->extent(), nullptr);
    EXPECT_EQ(read("k", 1), large);
    EXPECT_EQ(read("k", 2), small);
    // Validated anew it is written from where it lies.
    ASSERT_TRUE(disk->write("k", 4, one));
    close();
    EXPECT_TRUE(one->body->is_gone());
    EXPECT_TRUE(one->is_broken());
    open();
    EXPECT_EQ(read("k", 4), large);
    EXPECT_EQ(disk->stats().errors_total, 0);
}

TEST_F(Disk, what_went_with_its_segment_is_not_written_from_there) {
    open();
    ASSERT_TRUE(disk->write("k", 1, response(std::string(edge::k_disk_large_body, 'l'))));
    close();
    open();
    const auto one = find("k", 1);
    ASSERT_TRUE(one);
    close();
    open();
    ASSERT_TRUE(disk->write("k", 2, one));
    ASSERT_TRUE(disk->write("k", 3, response("after")));
    close();
    open();
    EXPECT_EQ(read("k", 2), std::nullopt);
    EXPECT_EQ(read("k", 3), "after");
    EXPECT_EQ(disk->stats().errors_total, 0);
}

TEST_F(Disk, what_is_held_of_dropped_segments_is_bounded) {
    constexpr std::uint64_t k_limit = 8u << 20;
    open(k_limit);  // segments of 512 KiB
    const std::string body(200'000, 'l');
    std::vector<std::shared_ptr<const Fd>> held;
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (std::uint64_t number = 1; number <= 120; ++number) {
        ASSERT_TRUE(disk->write("k", number, response(body)));
        std::shared_ptr<const CachedResponse> one;
        while (!(one = find("k", number))) {
            ASSERT_LT(std::chrono::steady_clock::now(), patience);
        }
        held.push_back(one->body->pin());
    }
    std::uint64_t dropped = 0;
    std::size_t cut = 0;
    std::set<ino_t> counted;  // some are of one segment
    for (const auto& file : held) {
        struct stat now{};
        ASSERT_TRUE(file);
        ASSERT_EQ(::fstat(file->get(), &now), 0);
        if (now.st_nlink > 0 || !counted.insert(now.st_ino).second) continue;
        dropped += static_cast<std::uint64_t>(now.st_size);
        cut += now.st_size == 0 ? 1 : 0;
    }
    EXPECT_GT(dropped, 0U);
    EXPECT_LE(dropped, k_limit / edge::k_cache_disk_held_part);
    EXPECT_GT(cut, 10U);
    EXPECT_EQ(disk->stats().errors_total, 0);
}

TEST_F(Disk, a_large_body_is_looked_at_before_it_is_given) {
    open();
    const std::string body = std::string(3 * edge::k_disk_chunk, 'l');
    ASSERT_TRUE(disk->write("k", 1, response(body)));
    ASSERT_TRUE(disk->write("k", 2, response(body)));
    close();
    open();
    const auto first = find("k", 1);
    ASSERT_TRUE(first);
    const auto file = first->body->pin();
    const auto hurt_at = static_cast<off_t>(first->body->extent()->at + 2 * edge::k_disk_chunk);
    ASSERT_EQ(::pwrite(file->get(), "x", 1, hurt_at), 1);
    EXPECT_FALSE(find("k", 1));
    EXPECT_EQ(disk->stats().errors_total, 1);
    EXPECT_EQ(read("k", 2), body);
}

TEST_F(Disk, one_longer_than_is_looked_at_at_once_is_left_to_who_may_wait) {
    open();
    for (const std::uint64_t more : {0, 1}) {
        const std::string body(edge::k_cache_disk_inline_max + more, 'l');
        ASSERT_TRUE(disk->write("k", 1 + more, response(body)));
    }
    close();
    open();
    EXPECT_FALSE(find("k", 2, Patience::none));
    EXPECT_TRUE(find("k", 2, Patience::any));
    EXPECT_TRUE(find("k", 1, Patience::any));
    EXPECT_TRUE(find("k", 1, Patience::none));  // in the kernel's memory, as it was just read
}

TEST_F(Disk, a_purge_holds_for_the_next_and_only_for_what_was_before) {
    open();
    ASSERT_TRUE(disk->write("k", 1, response("before")));
    close();
    open();
    const auto slot = owner.purges->purge(response("")->marks.front());
    ASSERT_TRUE(disk->keep(slot));
    ASSERT_TRUE(disk->write("k", 2, response("after")));
    close();
    owner.purges.emplace();
    open();
    EXPECT_EQ(read("k", 1), std::nullopt);
    EXPECT_EQ(read("k", 2), "after");
}

// With the power the last purges were lost. Others must not have their numbers: what came after
// those would be taken for newer than these.
TEST_F(Disk, a_purge_holds_for_what_came_after_purges_that_were_lost) {
    constexpr edge::PurgeMark k_other = 0x1'0007;
    const auto mark = response("")->marks.front();
    open();
    for (int i = 0; i < 3; ++i) (void)owner.purges->purge(k_other);  // and not kept
    ASSERT_TRUE(disk->write("k", 1, response("before")));
    close();
    owner.purges.emplace();
    open();
    ASSERT_TRUE(disk->keep(owner.purges->purge(mark)));
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(disk->keep(owner.purges->purge(k_other)));
    ASSERT_TRUE(disk->write("k", 2, response("after")));
    close();
    owner.purges.emplace();
    open();
    EXPECT_EQ(read("k", 1), std::nullopt);
    EXPECT_EQ(read("k", 2), "after");
}

// Another edge has the folder still. The book begins anew or, shared, goes on from what is there.
TEST_F(Disk, what_is_purged_before_the_folder_is_its_own_goes_and_nothing_else) {
    constexpr edge::PurgeMark k_other = 0x1'0007;
    for (const bool shared : {true, false}) {
        open();
        ASSERT_TRUE(disk->keep(owner.purges->purge(k_other)));
        ASSERT_TRUE(disk->write("k", 1, response("purged")));
        auto other = response("other");
        other->marks = {k_other};
        ASSERT_TRUE(disk->write("k", 2, other));
        close();
        if (!shared) owner.purges.emplace();
        {
            const Fd held(::open((dir.path() + "/cache/lock").c_str(), O_RDWR | O_CLOEXEC));
            ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);
            auto made = CacheDisk::open({.folder = dir.path() + "/cache", .bytes_max = 64u << 20});
            ASSERT_TRUE(made);
            disk = std::move(*made);
            disk->start(k_seed, owner);
            disk->keep_soon(owner.purges->purge(response("")->marks.front()));
        }
        owner.ready.acquire();
        EXPECT_EQ(read("k", 1), std::nullopt) << shared;
        EXPECT_EQ(read("k", 2), "other") << shared;
        close();
        owner.purges.emplace();
        open();
        EXPECT_EQ(read("k", 1), std::nullopt) << shared;
        EXPECT_EQ(read("k", 2), "other") << shared;
    }
}

TEST_F(Disk, purges_that_others_made_are_kept_too) {
    open();
    ASSERT_TRUE(disk->write("k", 1, response("before")));
    (void)owner.purges->purge(response("")->marks.front());
    disk->keep_others();
    close();
    owner.purges.emplace();
    open();
    EXPECT_EQ(read("k", 1), std::nullopt);
}

// Once the folder is another's, or never was this one's.
TEST_F(Disk, what_is_purged_too_late_leaves_nothing_unless_an_heir_hears_of_it) {
    const auto mark = response("")->marks.front();
    for (const Heir heir : {Heir::any, Heir::knows_purges}) {
        open();
        ASSERT_TRUE(disk->write("k", 1, response("before")));
        disk->release(heir);
        const Fd lock(::open((dir.path() + "/cache/lock").c_str(), O_RDWR | O_CLOEXEC));
        ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);  // waits for the release
        ASSERT_EQ(::flock(lock.get(), LOCK_UN), 0);
        disk->keep_soon(owner.purges->purge(mark ^ 1));
        close();
        owner.purges.emplace();
        open();
        EXPECT_EQ(read("k", 1).has_value(), heir == Heir::knows_purges);
        close();
    }
}

TEST_F(Disk, purges_that_are_waited_for_are_said_once_too_when_their_file_is_long) {
    open();
    close();
    auto folder = Folder::open(dir.path() + "/cache");
    ASSERT_TRUE(folder);
    {
        DiskPurges purges(*folder);
        ASSERT_TRUE(purges.open(k_seed, 1));
        const auto slot = owner.purges->purge(0x1'0007);
        const std::vector<edge::PurgeSlot> slots(
            edge::k_cache_disk_state_bytes_max / edge::k_disk_purge_bytes, slot);
        ASSERT_TRUE(purges.append(slots, DiskPurges::Sync::no));
    }
    open();
    ASSERT_TRUE(disk->keep(owner.purges->purge(0x1'0007)));
    struct stat now{};
    ASSERT_EQ(::stat(folder->path_of("purges").c_str(), &now), 0);
    EXPECT_LT(static_cast<std::size_t>(now.st_size), edge::k_cache_disk_state_bytes_max);
}

TEST_F(Disk, reads_wait_up_to_a_bound) {
    open();
    std::latch busy(edge::k_cache_disk_readers);
    std::latch end(1);
    for (std::size_t i = 0; i < edge::k_cache_disk_readers; ++i) {
        ASSERT_TRUE(disk->run([&] {
            busy.count_down();
            end.wait();
        }));
    }
    busy.wait();
    for (std::size_t i = 0; i < edge::k_cache_disk_reads_max; ++i) ASSERT_TRUE(disk->run([] {}));
    EXPECT_FALSE(disk->run([] {}));
    end.count_down();
    close();
}

TEST_F(Disk, what_waits_to_be_written_is_bounded) {
    owner.held = true;
    open();
    const auto large = response(std::string(4u << 20, 'x'));
    std::size_t taken = 0;
    while (taken < 100 && disk->write("k", taken + 1, large)) ++taken;
    EXPECT_EQ(taken, edge::k_cache_disk_writes_bytes_max / large->bytes());
    EXPECT_EQ(disk->stats().drops_total, 1);
    owner.go_on.release();
    close();
}

TEST_F(Disk, lists_of_vary_up_to_a_bound) {
    open();
    for (std::size_t i = 1; i <= edge::k_disk_names_max; ++i) {  // the first is none at all
        ASSERT_TRUE(disk->write("k", i, response("b", "x-" + std::to_string(i))));
    }
    close();
    open();
    // One more than there may be has taken the place of the oldest.
    constexpr std::size_t k_left = edge::k_disk_names_max - edge::k_disk_names_free_min;
    EXPECT_EQ(disk->stats().objects, static_cast<std::int64_t>(k_left));
    EXPECT_EQ(read("k", edge::k_disk_names_free_min), std::nullopt);
    EXPECT_EQ(read("k", edge::k_disk_names_free_min + 1), "b");
    EXPECT_EQ(read("k", edge::k_disk_names_max), "b");
}

// As after a crash, of a segment in which more lists were than there may be at once.
TEST_F(Disk, lists_of_vary_are_freed_with_the_last_that_varies_by_them) {
    constexpr std::size_t k_count = 2 * edge::k_disk_names_max;
    open();
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    ASSERT_TRUE(disk->write("k", 1, response("stays", "x-stays")));
    for (std::size_t i = 2; i <= k_count; ++i) {
        ASSERT_TRUE(disk->write("k", i, response("b", "x-" + std::to_string(i))));
        while (!find("k", i)) ASSERT_LT(std::chrono::steady_clock::now(), patience) << i;
        if (i < k_count) disk->forget_all(i);
    }
    EXPECT_EQ(read("k", 1), "stays");
    EXPECT_EQ(disk->stats().objects, 2);
    EXPECT_EQ(disk->stats().drops_total, 0);
    close();
    const auto name = dir.path() + "/cache/segment-0000000001";
    struct stat now{};
    ASSERT_EQ(::stat(name.c_str(), &now), 0);
    ASSERT_EQ(::truncate(name.c_str(), now.st_size - 1), 0);
    open();
    EXPECT_EQ(read("k", 1), "stays");
    EXPECT_EQ(disk->stats().errors_total, 0);
}

// What a newer answer took the place of while it still waited for the disk.
TEST_F(Disk, what_is_forgotten_while_it_waits_is_not_written) {
    owner.held = true;
    open();
    const auto old = response("old");
    for (const std::uint64_t hash : {1, 2, 3, 4}) ASSERT_TRUE(disk->write("k", hash, old));
    EXPECT_TRUE(disk->forget(1, old->vary_names, old->vary_key));
    disk->forget_all(2);
    EXPECT_TRUE(disk->forget(3, "x-a", "another list of names"));
    EXPECT_FALSE(disk->forget(4, old->vary_names, "another variant"));
    ASSERT_TRUE(disk->write("k", 3, response("new")));
    owner.go_on.release();
    close();
    owner.held = false;
    open();
    EXPECT_EQ(read("k", 1), std::nullopt);
    EXPECT_EQ(read("k", 2), std::nullopt);
    EXPECT_EQ(read("k", 3), "new");
    EXPECT_EQ(read("k", 4), "old");
    EXPECT_EQ(disk->stats().errors_total, 0);
}

// Whether a table tells where it lies, or it is found by its head as after a crash.
TEST_F(Disk, what_is_forgotten_does_not_come_back_with_the_next) {
    open();
    const auto old = response("old");
    const auto large = response(std::string(edge::k_disk_large_body, 'l'));
    ASSERT_TRUE(disk->write("k", 1, old));
    ASSERT_TRUE(disk->write("k", 2, large));
    close();
    open();
    for (const std::uint64_t hash : {3, 4, 5}) ASSERT_TRUE(disk->write("k", hash, old));
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!find("k", 5)) ASSERT_LT(std::chrono::steady_clock::now(), patience);
    EXPECT_TRUE(disk->forget(1, old->vary_names, old->vary_key));
    disk->forget_all(2);
    disk->forget_all(3);
    EXPECT_TRUE(disk->forget(4, old->vary_names, old->vary_key));
    EXPECT_FALSE(disk->forget(5, old->vary_names, "another variant"));
    close();
    // Without the table that a crash would not have written.
    const auto name = dir.path() + "/cache/segment-0000000002";
    struct stat now{};
    ASSERT_EQ(::stat(name.c_str(), &now), 0);
    ASSERT_EQ(::truncate(name.c_str(), now.st_size - 1), 0);
    open();
    for (const std::uint64_t hash : {1, 2, 3, 4}) EXPECT_EQ(read("k", hash), std::nullopt) << hash;
    EXPECT_EQ(read("k", 5), "old");
    EXPECT_EQ(disk->stats().errors_total, 0);
}

TEST_F(Disk, purges_are_said_once_when_their_file_is_long) {
    ASSERT_TRUE(CacheDisk::open({.folder = dir.path() + "/cache"}));
    auto folder = Folder::open(dir.path() + "/cache");
    ASSERT_TRUE(folder);
    DiskPurges purges(*folder);
    ASSERT_TRUE(purges.open(k_seed, 1));
    edge::PurgeBook book;
    const std::size_t at_bound =
        (edge::k_cache_disk_state_bytes_max - edge::k_disk_state_head_bytes) /
        edge::k_disk_purge_bytes;
    std::vector<edge::PurgeSlot> slots;
    for (std::size_t i = 0; i < at_bound; ++i) slots.push_back(book.purge(0x1'0007));
    ASSERT_TRUE(purges.append(slots, DiskPurges::Sync::no));
    EXPECT_FALSE(purges.too_long());
    const auto last = book.purge(0x1'0007);
    ASSERT_TRUE(purges.append({&last, 1}, DiskPurges::Sync::yes));
    EXPECT_TRUE(purges.too_long());
    ASSERT_TRUE(purges.rewrite(book.slots()));
    EXPECT_FALSE(purges.too_long());
    DiskPurges again(*folder);
    const auto state = again.open(k_seed, 2);
    ASSERT_TRUE(state);
    EXPECT_EQ(state->identity.epoch, 1u);
    EXPECT_EQ(state->purges, std::vector{last});
    // Another seed is another log.
    EXPECT_EQ(DiskPurges(*folder).open(k_seed + 1, 3)->identity.epoch, 3u);
}

TEST(DiskSegments, are_neither_many_nor_large) {
    using namespace edge;
    EXPECT_EQ(disk_segment_bytes(k_cache_disk_bytes_min), k_cache_disk_bytes_min / 16);
    EXPECT_EQ(disk_segment_bytes(1), k_cache_disk_segment_min);
    EXPECT_EQ(disk_segment_bytes(k_cache_disk_default), k_cache_disk_segment_wanted);
    EXPECT_EQ(disk_segment_bytes(100ull << 40), k_cache_disk_segment_max);
    for (std::uint64_t limit = k_cache_disk_bytes_min; limit < (1ull << 40); limit *= 2) {
        EXPECT_LE(limit / disk_segment_bytes(limit), k_cache_disk_segments_wanted + 1);
        EXPECT_GE(limit / disk_segment_bytes(limit), 16u);
    }
}

}  // namespace
}  // namespace moln::edge_loop
