// A client's connection that speaks HTTP/2: each of its streams is a Client of its own to the
// flows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "edge/frame_budget.h"
#include "runtime/edge/h2_link.h"

namespace moln::edge_loop {

struct Client;

class H2Connection final : public H2Link {
public:
    // Null: no memory.
    static std::unique_ptr<H2Connection> make(Core& core, Client& carrier);
    ~H2Connection() override;

    bool respond(H2Stream& stream, std::string_view head, h2::End end);
    // No new requests: first a word of it, a moment later the last GOAWAY (RFC 9113 6.8).
    void announce_shutdown();
    void close_for_new();
    bool closes() const { return closes_; }
    void on_turn_end() override;

private:
    H2Connection(Core& core, Client& carrier);

    h2::Stream* on_open(std::int32_t id) override;
    std::span<char> field_room(h2::Stream& stream) override;
    void on_head(h2::Stream& stream, const h2::FieldBlock& block) override;
    void on_trailers(h2::Stream& stream, const h2::FieldBlock& block) override;
    void on_closed(h2::Stream& stream, std::uint32_t error) override;
    bool on_frame(h2::FrameKind kind, std::size_t payload_bytes) override;
    h2::ErrorCode last_word() const override;
    void on_sent(std::size_t body_bytes) override { budget_.note_sent(body_bytes); }
    void on_dropped() override;

    Client& client_;
    edge::FrameBudget budget_;
    Buffer* fields_ = nullptr;  // of the head that is coming
    bool overdrawn_ = false;    // the budget is spent
    bool closes_ = false;       // the last GOAWAY was said
};

// Of a stream's client.
H2Connection& connection_of(const Client& client);
// What a stream of such a connection is to the flows.
Client& client_of(const H2Stream& stream);

}  // namespace moln::edge_loop
