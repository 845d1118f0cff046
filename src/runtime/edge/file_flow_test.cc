// A file's way to one client, when the disk is slow and events come in between.
#include "runtime/edge/file_flow.h"

#include <array>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/edge/core_for_test.h"
#include "runtime/edge/flow.h"

namespace moln::edge_loop {
namespace {

// Files of this kernel's own cannot say what of them is in memory: each piece waits for the disk.
constexpr const char* k_never_in_memory = "/proc/self/maps";

class SlowFile : public ::testing::Test {
protected:
    void SetUp() override {
        core_->site_reader = &reader_;
        core_->cache_reader = &reader_;
        int ends[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        client_.fd.reset(ends[0]);
        other_end_.reset(ends[1]);
        client_.ready.writable = true;
        exchange_.client = &client_;
        exchange_.file_body = &body_;
        body_.exchange = &exchange_;
        body_.file = std::make_shared<const Fd>(::open(k_never_in_memory, O_RDONLY | O_CLOEXEC));
        ASSERT_TRUE(body_.file->valid());
    }
    void TearDown() override { core_->buffers.take_back(&exchange_.to_client); }

    // As the reader does it; never started here.
    void let_read_end() {
        ASSERT_TRUE(body_.read);
        body_.read->bytes.assign(body_.read->wanted, 'x');
        body_.read->state = FileRead::State::done;
        core_->file_news = true;
    }
    // As it was a moment ago.
    void let_all_be_in_memory() {
        body_.seen = body_.end;
        body_.seen_ms = core_->now_ms;
    }
    bool waits() const {
        return static_cast<const edge::ListLink<ByFile>&>(body_).linked() && body_.read;
    }

    FileReader reader_;
    CoreForTest core_;
    Fd other_end_;
    Client client_;
    Exchange exchange_;
    FileBody body_;
};

// The client takes some bytes, or sends more of its own, in the very turn in which a read ends.
TEST_F(SlowFile, a_read_that_another_event_finds_done_is_followed_by_the_next) {
    body_.end = Buffer::capacity();
    ASSERT_EQ(pump_file(*core_, exchange_), Flow::wait);
    ASSERT_TRUE(waits());
    let_read_end();
    for (int i = 0; i < 10 && pump_file(*core_, exchange_) == Flow::progress; ++i) continue;
    EXPECT_TRUE(waits());
    EXPECT_EQ(body_.at, Buffer::capacity() / 2);
    std::array<char, Buffer::capacity()> room;
    EXPECT_EQ(::recv(other_end_.get(), room.data(), room.size(), 0),
              static_cast<ssize_t>(Buffer::capacity() / 2));
}

// As when what is held of a dropped segment is cut just then. The socket has room all the same: no
// event would come for it.
TEST_F(SlowFile, one_that_becomes_shorter_while_it_is_sent_is_found_to_be) {
    constexpr std::uint64_t k_left = 64u << 10;
    body_.file = std::make_shared<const Fd>(::memfd_create("file", MFD_CLOEXEC));
    ASSERT_EQ(::ftruncate(body_.file->get(), k_left), 0);
    body_.end = 2 * k_left;
    let_all_be_in_memory();
    ASSERT_EQ(pump_file(*core_, exchange_), Flow::progress);
    EXPECT_EQ(body_.at, k_left);
    EXPECT_EQ(pump_file(*core_, exchange_), Flow::gone);
    EXPECT_TRUE(body_.unreadable);
}

// A site's file is to be had from nobody else.
TEST_F(SlowFile, a_disk_that_hangs_is_waited_for_so_long_and_not_for_ever) {
    body_.end = Buffer::capacity();
    for (const auto& [of, begun, limit] : {
             std::tuple{FileOf::site, false, edge::k_file_read_limit},
             std::tuple{FileOf::cache, false, edge::k_cache_load_limit},
             std::tuple{FileOf::cache, true, edge::k_file_read_limit},
             std::tuple{FileOf::cached_slice, true, edge::k_cache_load_limit},
         }) {
        body_.of = of;
        body_.begun = begun;
        body_.late = body_.unreadable = false;
        body_.read.reset();
        static_cast<edge::ListLink<ByFile>&>(body_).unlink();
        ASSERT_EQ(pump_file(*core_, exchange_), Flow::wait);
        std::int64_t deadline_ms = 0;
        each_file_deadline(*core_, [&](std::int64_t at_ms) { deadline_ms = at_ms; });
        EXPECT_EQ(deadline_ms, core_->now_ms + limit.count);
        EXPECT_EQ(pump_file(*core_, exchange_), Flow::wait);
        body_.late = true;
        EXPECT_EQ(pump_file(*core_, exchange_), Flow::gone);
        EXPECT_TRUE(body_.unreadable);
    }
}

// What came in time is sent, whenever that is.
TEST_F(SlowFile, a_read_that_is_done_is_taken_and_the_next_has_its_own_time) {
    body_.end = Buffer::capacity();
    ASSERT_EQ(pump_file(*core_, exchange_), Flow::wait);
    let_read_end();
    body_.late = true;
    for (int i = 0; i < 10 && pump_file(*core_, exchange_) == Flow::progress; ++i) continue;
    EXPECT_TRUE(waits());
    EXPECT_FALSE(body_.late);
}

// What the socket does not take is waited for.
TEST_F(SlowFile, one_that_its_client_does_not_read_waits) {
    body_.file = std::make_shared<const Fd>(::memfd_create("file", MFD_CLOEXEC));
    body_.end = 64u << 20;
    ASSERT_EQ(::ftruncate(body_.file->get(), static_cast<off_t>(body_.end)), 0);
    let_all_be_in_memory();
    Flow flow = Flow::progress;
    for (int i = 0; i < 1000 && flow == Flow::progress; ++i) flow = pump_file(*core_, exchange_);
    EXPECT_EQ(flow, Flow::wait);
    EXPECT_FALSE(client_.ready.writable);
    EXPECT_LT(body_.at, body_.end);
}

}  // namespace
}  // namespace moln::edge_loop
