// A client's connection that speaks HTTP/2. Each of its streams is a Client of its own to the
// flows, whose bytes come and go through here instead of a socket: receive(), transmit() and
// end_output() of socket_io.h lead to the functions below. One thread; lives as long as the Client
// that has the socket, the carrier.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "edge/frame_budget.h"
#include "edge/list.h"
#include "http/h2/session.h"
#include "runtime/edge/buffer.h"
#include "runtime/edge/readiness.h"

namespace moln::edge_loop {

struct Client;
struct Core;
class H2Connection;

struct ByReady;
struct ByConnection;

struct H2Stream : h2::Stream, edge::ListLink<ByReady>, edge::ListLink<ByConnection> {
    H2Connection* connection = nullptr;
    Client* client = nullptr;
    Buffer* inbox = nullptr;  // body bytes that were not received yet, in the sense of receive()
    bool head_is_here = false;
    bool body_follows = false;  // the head did not end it
    bool websocket = false;
    http::Violation refusal = http::Violation::none;  // of its head
};

class H2Connection final : public h2::Owner {
public:
    // Null: no memory.
    static std::unique_ptr<H2Connection> make(Core& core, Client& carrier);
    ~H2Connection();

    // Bytes that the carrier received. False: nothing more can be read from it.
    bool take_in(std::string_view bytes);
    // Sends what waits, as far as the socket takes it. False: the connection is broken.
    bool flush();
    // Streams for which something has happened, each told once.
    H2Stream* next_ready() { return ready_.pop_front(); }

    std::size_t open() const { return open_; }
    H2Stream* first() { return streams_.front(); }
    // So much waits that no more may be caused.
    bool congested() const;
    bool unsent() const { return out_ != nullptr && !out_->empty(); }
    // Everything has been said on both sides.
    bool over() const { return !unsent() && session_->over(); }

    void announce_shutdown();
    void close_for_new();
    bool closes() const { return closes_; }

    // Of a stream.
    bool respond(H2Stream& stream, std::string_view head, h2::End end);
    IoResult receive(H2Stream& stream, Buffer& buffer);
    IoResult transmit(H2Stream& stream, std::string_view head, std::string_view body, h2::End end);
    void end(H2Stream& stream);
    // It is not heard of again.
    void drop(H2Stream& stream, h2::ErrorCode why);

private:
    H2Connection(Core& core, Client& carrier);
    void mark_dirty();
    void mark_ready(H2Stream& stream);

    h2::Stream* on_open(std::int32_t id) override;
    std::span<char> field_room(h2::Stream& stream) override;
    void on_head(h2::Stream& stream, const h2::FieldBlock& block) override;
    void on_trailers(h2::Stream& stream, const h2::FieldBlock& block) override;
    void on_data(h2::Stream& stream, std::string_view data) override;
    void on_end(h2::Stream& stream) override;
    void on_closed(h2::Stream& stream, std::uint32_t error) override;
    void on_room(h2::Stream& stream) override;
    bool on_frame(h2::FrameKind kind, std::size_t payload_bytes) override;
    std::span<char> output() override;
    void on_output(std::size_t bytes) override;

    Core& core_;
    Client& carrier_;
    std::unique_ptr<h2::Session> session_;
    edge::FrameBudget budget_;
    Buffer* out_ = nullptr;
    edge::List<H2Stream, ByReady> ready_;
    edge::List<H2Stream, ByConnection> streams_;
    std::size_t open_ = 0;
    bool overdrawn_ = false;  // the budget is spent
    bool closes_ = false;     // the last GOAWAY was said
};

}  // namespace moln::edge_loop
