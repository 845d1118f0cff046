// A connection to an instance that speaks HTTP/2 (h2c, with prior knowledge): each of its streams
// is an Upstream of its own to the flows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "runtime/edge/h2_link.h"

namespace moln::edge_loop {

struct Upstream;

class H2Upstream final : public H2Link {
public:
    // Null: no memory.
    static std::unique_ptr<H2Upstream> make(Core& core, Upstream& carrier);
    ~H2Upstream() override;

    // A stream for one more request, which submit() begins. Lives until drop().
    Upstream* open_stream();
    bool may_open() const { return !lost_ && session_->may_open(open()); }
    bool submit(H2Stream& stream, std::string_view head, h2::End end);
    // The connection is gone. What had come by then can still be received.
    void lose();
    bool lost() const { return lost_; }
    // Nothing that was submitted has left yet.
    bool connecting() const;
    // It is made: whoever waits for it is told.
    void note_connected();
    void on_turn_end() override;

private:
    H2Upstream(Core& core, Upstream& carrier);

    h2::Stream* on_open(std::int32_t) override { return nullptr; }  // a push: never asked for
    std::span<char> field_room(h2::Stream& stream) override;
    void on_head(h2::Stream& stream, const h2::FieldBlock& block) override;
    void on_trailers(h2::Stream& stream, const h2::FieldBlock& block) override;
    bool on_frame(h2::FrameKind, std::size_t) override { return true; }
    void on_sent(std::size_t) override {}
    void on_dropped() override;

    Upstream& upstream_;
    Buffer* fields_ = nullptr;  // while a block comes
    bool lost_ = false;
};

// What a stream of such a connection is to the flows.
Upstream& upstream_of(const H2Stream& stream);

}  // namespace moln::edge_loop
