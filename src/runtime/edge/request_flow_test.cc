// A stream's body on its way to an instance of HTTP/1: it is written in chunks, as far as there is
// room.
#include <string>

#include <gtest/gtest.h>

#include "runtime/edge/core_for_test.h"
#include "runtime/edge/flow.h"

namespace moln::edge_loop {
namespace {

class BodyInChunks : public ::testing::Test {
protected:
    BodyInChunks() {
        client_.in = core_->buffers.lend();
        client_.in->append("stream");
        upstream_.state = UpstreamState::busy;  // and takes nothing now
        exchange_.client = &client_;
        exchange_.upstream = &upstream_;
        exchange_.to_upstream = core_->buffers.lend();
        exchange_.request_body.start({http::BodyKind::until_close, 0});
    }
    void TearDown() override {
        core_->buffers.take_back(&client_.in);
        core_->buffers.take_back(&exchange_.to_upstream);
    }
    // Of what waits to be sent already.
    void leave_room(std::size_t bytes) {
        exchange_.to_upstream->append(std::string(exchange_.to_upstream->room() - bytes, 'x'));
    }

    CoreForTest core_;
    Client client_;
    Upstream upstream_;
    Exchange exchange_;
};

TEST_F(BodyInChunks, is_not_over_because_there_is_no_room_for_more_of_it) {
    leave_room(2 * http::k_chunk_framing_bytes_max);
    EXPECT_EQ(pump_request(*core_, exchange_), Flow::wait);
    EXPECT_FALSE(exchange_.request_body.complete);
    EXPECT_EQ(exchange_.body_at, 0U);
    EXPECT_EQ(exchange_.to_upstream->room(), 2 * http::k_chunk_framing_bytes_max);
}

TEST_F(BodyInChunks, goes_on_as_soon_as_there_is_room) {
    leave_room(2 * http::k_chunk_framing_bytes_max + 1);
    EXPECT_EQ(pump_request(*core_, exchange_), Flow::wait);
    EXPECT_FALSE(exchange_.request_body.complete);
    EXPECT_EQ(exchange_.body_at, 1U);
    EXPECT_TRUE(exchange_.to_upstream->view().ends_with("x1\r\ns\r\n"));
}

TEST_F(BodyInChunks, is_over_when_its_stream_has_ended) {
    client_.ended = true;
    EXPECT_EQ(pump_request(*core_, exchange_), Flow::wait);
    EXPECT_TRUE(exchange_.request_body.complete);
    EXPECT_EQ(exchange_.to_upstream->view(), "6\r\nstream\r\n0\r\n\r\n");
}

}  // namespace
}  // namespace moln::edge_loop
