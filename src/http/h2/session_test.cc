// Two sessions that speak with one another.
#include "http/h2/session.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace moln::h2 {
namespace {

constexpr std::string_view k_request = "POST / HTTP/1.1\r\nHost: shop.test\r\n\r\n";
constexpr std::string_view k_answer = "HTTP/1.1 200 OK\r\n\r\n";

// One end, of one stream.
class Party final : public Owner {
public:
    std::unique_ptr<Session> session;
    Stream stream;
    std::string body;
    bool closed = false;
    bool whole = false;  // both had ended it by then
    std::uint32_t error = 0;
    std::size_t room = 256 * 1024;  // of what is to be sent

    void give_to(Party& other) {
        session->serve();
        const std::string bytes = std::exchange(sent_, {});
        EXPECT_TRUE(other.session->receive(bytes));
    }

private:
    Stream* on_open(std::int32_t) override { return &stream; }
    std::span<char> field_room(Stream&) override { return fields_; }
    void on_head(Stream&, const FieldBlock&) override {}
    void on_trailers(Stream&, const FieldBlock&) override {}
    void on_data(Stream& of, std::string_view data) override {
        body += data;
        session->consumed(of, data.size());
    }
    void on_end(Stream&) override {}
    void on_closed(Stream& of, std::uint32_t why) override {
        closed = true;
        whole = of.ended_in && of.ended_out;
        error = why;
    }
    void on_room(Stream&) override {}
    bool on_frame(FrameKind, std::size_t) override { return true; }
    std::span<char> output() override {
        output_.resize(room);
        return output_;
    }
    void on_output(std::size_t bytes) override { sent_.append(output_.data(), bytes); }

    std::vector<char> fields_ = std::vector<char>(k_header_list_bytes_max);
    std::vector<char> output_;
    std::string sent_;
};

struct Talk {
    Party client, server;

    Talk() {
        client.session = Session::make_client(client);
        server.session = Session::make_server(server);
        EXPECT_TRUE(client.session->submit_request(client.stream, k_request, End::open));
        settle();
    }
    void settle() {
        for (int i = 0; i < 4; ++i) {
            client.give_to(server);
            server.give_to(client);
        }
    }
    // All of an answer but its end, while the client still sends.
    void answer(std::string_view body) {
        EXPECT_TRUE(server.session->submit_response(server.stream, k_answer, End::open));
        EXPECT_EQ(server.session->send(server.stream, body, {}, End::open), body.size());
        settle();
    }
};

TEST(Session_left, an_answer_that_is_whole_ends_before_its_stream_is_reset) {
    for (const std::string_view trailers : {"", "x-sum: 1\r\n"}) {
        for (const std::size_t room : {0u, 256u * 1024u}) {
            Talk talk;
            talk.answer("some");
            talk.server.room = room;
            talk.server.session->end(talk.server.stream, trailers);
            talk.server.session->detach(talk.server.stream, ErrorCode::internal_error);
            talk.server.room = 256 * 1024;
            talk.settle();
            EXPECT_TRUE(talk.client.stream.ended_in) << room;
            EXPECT_EQ(talk.client.body, "some");
            EXPECT_TRUE(talk.client.closed);
            EXPECT_EQ(talk.client.error, static_cast<std::uint32_t>(ErrorCode::no_error));
        }
    }
}

TEST(Session_left, what_the_client_still_sends_does_not_keep_the_end_from_it) {
    Talk talk;
    talk.answer("some");
    talk.server.room = 0;
    talk.server.session->end(talk.server.stream);
    talk.server.session->detach(talk.server.stream, ErrorCode::internal_error);
    EXPECT_EQ(talk.client.session->send(talk.client.stream, "more", {}, End::open), 4u);
    talk.client.session->end(talk.client.stream, "x-sum: 1\r\n");
    talk.client.give_to(talk.server);
    talk.server.room = 256 * 1024;
    talk.settle();
    EXPECT_TRUE(talk.client.stream.ended_in);
    EXPECT_TRUE(talk.client.closed);
    EXPECT_EQ(talk.client.error, static_cast<std::uint32_t>(ErrorCode::no_error));
}

TEST(Session_closed, a_stream_that_both_have_ended_is_whole) {
    Talk talk;
    talk.client.session->end(talk.client.stream);
    talk.answer("some");
    EXPECT_EQ(talk.server.session->send(talk.server.stream, "more", {}, End::stream), 4u);
    EXPECT_TRUE(talk.server.whole);
    talk.settle();
    EXPECT_TRUE(talk.client.whole);
    EXPECT_EQ(talk.client.body, "somemore");
}

TEST(Session_left, an_answer_that_is_not_whole_is_reset) {
    Talk talk;
    talk.answer("some");
    talk.server.session->detach(talk.server.stream, ErrorCode::internal_error);
    talk.settle();
    EXPECT_FALSE(talk.client.stream.ended_in);
    EXPECT_TRUE(talk.client.closed);
    EXPECT_EQ(talk.client.error, static_cast<std::uint32_t>(ErrorCode::internal_error));
}

}  // namespace
}  // namespace moln::h2
