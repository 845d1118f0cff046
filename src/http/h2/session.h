// One end of an HTTP/2 connection (RFC 9113) as a value: bytes that were received go in, bytes to
// send come out, what happens is told to its owner. No IO, no clock. Framing, header compression
// and flow control are nghttp2's; this is the one place that knows it.
//
// Body bytes are pushed, not pulled: send() takes as much as windows and output room allow, and
// on_room() tells when it is worth trying again. What a peer sends counts against its windows
// until consumed() says that it was used.
//
// The owner's callbacks (Owner) come from within receive(), send() and serve(). They may call
// submit_*, reset and consumed, but none of those three.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "http/h2/field_block.h"
#include "http/h2/strictness.h"

struct nghttp2_session;

namespace moln::h2 {

inline constexpr std::uint32_t k_streams_max = 100;                 // open ones of a connection
inline constexpr std::uint32_t k_stream_window_bytes = 64 * 1024;   // that one may have sent ahead
inline constexpr std::int32_t k_connection_window_bytes = 1 << 20;  // all of them together
inline constexpr std::uint32_t k_header_list_bytes_max = 32 * 1024;
// A block beyond that is answered with 431; one this many times as long is cut off.
inline constexpr std::uint32_t k_header_list_patience = 4;
// What serve() and send() want free in the output: a frame of the largest kind that we send.
inline constexpr std::size_t k_output_room_bytes = 20 * 1024;
inline constexpr std::string_view k_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// RFC 9113 7, those that we send.
enum class ErrorCode : std::uint32_t {
    no_error = 0,
    protocol_error = 1,
    internal_error = 2,
    flow_control_error = 3,
    stream_closed = 5,
    refused_stream = 7,
    cancel = 8,
    enhance_your_calm = 11,
};

enum class End : std::uint8_t {
    open,    // more comes
    stream,  // that was all: END_STREAM
};

class Session;

// What the session knows of a stream; its owner derives from it. Lives until detach() or
// Owner::on_closed.
struct Stream {
    std::int32_t id = 0;
    bool ended_in = false;   // the peer's END_STREAM was seen
    bool ended_out = false;  // ours was said, or is about to be
    bool closed = false;     // both, or reset

private:
    friend class Session;
    std::string_view head_, body_;  // while send() runs
    std::size_t taken_ = 0;
    bool last_ = false;  // END_STREAM follows what is pending
};

enum class FrameKind : std::uint8_t {
    data,
    headers,
    reset,
    control,  // SETTINGS, PING, WINDOW_UPDATE, PRIORITY, GOAWAY, unknown ones
    invalid,
};

class Owner {
public:
    // A client's request begins. Null refuses it.
    virtual Stream* on_open(std::int32_t id) = 0;
    // Room for the fields of its head or trailers, k_header_list_bytes_max of it.
    virtual std::span<char> field_room(Stream& stream) = 0;
    virtual void on_head(Stream& stream, const FieldBlock& block) = 0;
    virtual void on_trailers(Stream& stream, const FieldBlock& block) = 0;
    virtual void on_data(Stream& stream, std::string_view data) = 0;
    virtual void on_end(Stream& stream) = 0;
    // Reset, or ended both ways. The session knows it no more.
    virtual void on_closed(Stream& stream, std::uint32_t error) = 0;
    // send() took less than all; now it may take more.
    virtual void on_room(Stream& stream) = 0;
    // Each frame, before what it brings is told; DATA of padding alone then once more, as empty.
    // False: that was too much of its kind.
    virtual bool on_frame(FrameKind kind, std::size_t payload_bytes) = 0;
    // Where bytes to send are written, and that they were.
    virtual std::span<char> output() = 0;
    virtual void on_output(std::size_t bytes) = 0;

protected:
    ~Owner() = default;
};

class Session {
public:
    // Null: no memory. The owner outlives it. Both send their SETTINGS with the first serve().
    static std::unique_ptr<Session> make_server(Owner& owner);
    static std::unique_ptr<Session> make_client(Owner& owner);
    ~Session();

    // False: this connection is beyond help; what is to be said of it is in the output after
    // serve(). All of `bytes` is used up.
    bool receive(std::string_view bytes);
    // Writes frames that wait, as far as there is room.
    void serve();
    // Neither side has anything more to say: close.
    bool over() const;

    // `text` is an HTTP/1 response head of ours with its empty line; fields of the connection are
    // left out, 101 becomes 200. Interim heads (1xx) come before the final one.
    bool submit_response(Stream& stream, std::string_view text, End end);
    // `text` is an HTTP/1 request head of ours. Trailers are welcome (TE), whatever it says.
    bool submit_request(Stream& stream, std::string_view text, End end);
    // Its head was written out. Not of one that is closed.
    bool has_begun(const Stream& stream) const;
    // May one more be submitted, with so many open? What the peer does not take yet waits here.
    bool may_open(std::size_t open) const;
    // Body bytes of head and body in this order: how many were taken.
    std::size_t send(Stream& stream, std::string_view head, std::string_view body, End end);
    // Ends it when all that was sent has gone, with `trailers` (HTTP/1 field lines) if any.
    void end(Stream& stream, std::string_view trailers = {});
    // The stream is known no more here: reset unless both ends have ended it.
    void detach(Stream& stream, ErrorCode why);
    // So many of its body bytes were used up or thrown away.
    void consumed(const Stream& stream, std::size_t bytes);

    // No new streams beyond those on their way (RFC 9113 6.8); close_for_new() a moment later.
    void announce_shutdown();
    void close_for_new();
    void give_up(ErrorCode why);

private:
    struct Glue;
    enum class Role : std::uint8_t { server, client };
    Session(Owner& owner, Role role)
        : owner_(owner), role_(role), frames_(role == Role::server ? k_preface.size() : 0) {}
    bool brings_head(const FieldBlock& block, bool first) const;
    void take(Stream& stream, std::span<char> room);
    bool judge(const FrameWalk::Piece& frame);
    void reset(std::int32_t id, ErrorCode why);
    void reset_answered(std::int32_t id);

    Owner& owner_;
    Role role_;
    nghttp2_session* session_ = nullptr;
    const Stream* sending_ = nullptr;
    FieldBlock block_;
    PeerStreams peers_;
    FrameWalk frames_;
    bool settled_ = false;  // the peer's settings have come
};

}  // namespace moln::h2
