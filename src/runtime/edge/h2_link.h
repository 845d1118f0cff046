// One connection of HTTP/2, of a client or to an instance: bytes in and out, and its streams. Each
// stream is to the flows what a connection is: a Client or an Upstream of its own, whose bytes come
// and go through here instead of a socket; receive(), transmit() and end_output() of socket_io.h
// lead to the functions below. What is to be sent is gathered and goes out at the end of the loop's
// turn. One thread; lives as long as the Client or Upstream that has the socket, the carrier.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "edge/list.h"
#include "http/h2/session.h"
#include "runtime/edge/buffer.h"
#include "runtime/edge/readiness.h"

namespace moln::edge_loop {

struct Connection;
struct Core;
class H2Link;

struct ByReady;
struct ByRoom;
struct ByConnection;
struct ByFlush;

struct H2Stream : h2::Stream,
                  edge::ListLink<ByReady>,
                  edge::ListLink<ByRoom>,
                  edge::ListLink<ByConnection> {
    H2Link* link = nullptr;
    Connection* end = nullptr;   // the Client or Upstream that it is to the flows
    Buffer* inbox = nullptr;     // bytes that were not received yet, in the sense of receive()
    std::size_t head_bytes = 0;  // at the inbox's front: a response's head, which no window counts
    Buffer* trailers = nullptr;  // field lines of HTTP/1
    bool head_is_here = false;
    bool body_follows = false;  // the head did not end it
    bool websocket = false;
    bool end_is_late = false;  // of an instance: it is not waited for, or not any more
    std::uint32_t error = 0;   // that it was reset with
    http::Violation refusal = http::Violation::none;           // of its head
    h2::ErrorCode leave_with = h2::ErrorCode::internal_error;  // if it is left before its end
};

class H2Link : public h2::Owner, public edge::ListLink<ByFlush> {
public:
    virtual ~H2Link();

    // Bytes that the carrier received. False: nothing more can be read from it.
    bool take_in(std::string_view bytes);
    // Sends what waits, as far as the socket takes it. False: the connection is broken.
    bool flush();
    // The turn ends: what was gathered goes out. May close the carrier.
    virtual void on_turn_end() = 0;
    // Streams for which something has happened, each told once; then, as long as there is room in
    // what waits to be sent, those that wait for it in turn. All at once would find it taken by the
    // first few.
    H2Stream* next_ready();
    // Is there room for what the stream may have to send? If not it is told later.
    bool has_room_for(H2Stream& stream);

    std::size_t open() const { return open_; }
    H2Stream* first() { return streams_.front(); }
    H2Stream* after(H2Stream& stream) { return streams_.after(&stream); }
    // So much waits that no more may be caused.
    bool congested() const;
    bool unsent() const { return out_ != nullptr && !out_->empty(); }
    // Everything has been said on both sides.
    bool over() const { return !unsent() && session_->over(); }

    IoResult receive(H2Stream& stream, Buffer& buffer);
    IoResult transmit(H2Stream& stream, std::string_view head, std::string_view body, h2::End end);
    void end(H2Stream& stream, std::string_view trailers = {});
    // It is not heard of again.
    void drop(H2Stream& stream, h2::ErrorCode why);

    bool stalled = false;  // the timer that runs is that of a reader who stopped

protected:
    H2Link(Core& core, Connection& carrier) : core_(core), carrier_(carrier) {}
    void mark_dirty();
    void mark_ready(H2Stream& stream);
    void await_room(H2Stream& stream);
    void add(H2Stream& stream);
    // Why take_in() ends.
    virtual h2::ErrorCode last_word() const { return h2::ErrorCode::protocol_error; }
    virtual void on_sent(std::size_t body_bytes) = 0;
    virtual void on_dropped() = 0;

    void on_data(h2::Stream& stream, std::string_view data) override;
    void on_end(h2::Stream& stream) override;
    void on_closed(h2::Stream& stream, std::uint32_t error) override;
    void on_room(h2::Stream& stream) override;
    std::span<char> output() override;
    void on_output(std::size_t bytes) override;

    Core& core_;
    Connection& carrier_;
    std::unique_ptr<h2::Session> session_;

private:
    Buffer* out_ = nullptr;
    edge::List<H2Stream, ByReady> ready_;
    edge::List<H2Stream, ByRoom> waiting_;
    edge::List<H2Stream, ByConnection> streams_;
    std::size_t open_ = 0;
};

}  // namespace moln::edge_loop
