#include "http/h2/session.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <nghttp2/nghttp2.h>

#include "http/field.h"
#include "http/h2/memory.h"

namespace moln::h2 {
namespace {

constexpr std::size_t k_frame_head_bytes = 9;
constexpr std::size_t k_data_room_bytes = 1024;  // less is not worth a frame
constexpr std::uint64_t k_resets_beyond_owner = 100'000;
// Answers to PING and SETTINGS that wait: more than an owner's budget lets come at once.
constexpr std::size_t k_acks_beyond_owner = 5000;
constexpr std::uint32_t k_header_table_bytes = 4096;
// Until an instance has said how many requests it takes at once; the others wait for its word.
constexpr std::uint32_t k_streams_unasked = 1;

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
}

nghttp2_nv pair_of(std::string_view name, std::string_view value) {
    // nghttp2 copies both, and lowers the name's case.
    const auto bytes = [](std::string_view text) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

bool is_of_connection(http::FieldId id) {
    switch (id) {
        case http::FieldId::connection:
        case http::FieldId::transfer_encoding:
        case http::FieldId::upgrade:
        case http::FieldId::keep_alive:
        case http::FieldId::proxy_connection:
        case http::FieldId::sec_websocket_accept: return true;
        default: return false;
    }
}

// Field lines of ours as pairs: views into the text.
class Pairs {
public:
    bool add(std::string_view name, std::string_view value) {
        if (count_ == pairs_.size()) return false;
        pairs_[count_++] = pair_of(name, value);
        return true;
    }
    // "name: value\r\n" until an empty line or the end.
    bool add_lines(std::string_view text) {
        while (!text.empty() && !text.starts_with("\r\n")) {
            const auto colon = text.find(": ");
            const auto end = text.find("\r\n", colon);
            if (colon == std::string_view::npos || end == std::string_view::npos) return false;
            const auto name = text.substr(0, colon);
            const auto value = text.substr(colon + 2, end - colon - 2);
            if (!is_of_connection(http::field_id(name)) && !add(name, value)) return false;
            text.remove_prefix(end + 2);
        }
        return true;
    }
    const nghttp2_nv* data() const { return pairs_.data(); }
    std::size_t size() const { return count_; }

private:
    static constexpr std::size_t k_own_fields_max = 28;  // what the edge adds, pseudo fields
    std::size_t count_ = 0;
    std::array<nghttp2_nv, http::k_fields_max + k_own_fields_max> pairs_;
};

FrameKind kind_of(std::uint8_t type) {
    switch (type) {
        case NGHTTP2_DATA: return FrameKind::data;
        case NGHTTP2_HEADERS: return FrameKind::headers;
        case NGHTTP2_RST_STREAM: return FrameKind::reset;
        default: return FrameKind::control;
    }
}

bool begin(nghttp2_session* session, std::span<const nghttp2_settings_entry> settings) {
    return nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) ==
               0 &&
           nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                                 k_connection_window_bytes) == 0;
}

}  // namespace

// nghttp2's callbacks.
struct Session::Glue {
    static Session& self(void* data) { return *static_cast<Session*>(data); }
    static Stream* stream_of(nghttp2_session* session, std::int32_t id) {
        return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
    }

    static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
        Session& it = self(data);
        const std::int32_t id = frame->hd.stream_id;
        Stream* stream = stream_of(session, id);
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
            it.peers_.note_opened(id);
            stream = it.owner_.on_open(id);
            if (stream != nullptr) {
                stream->id = id;
                nghttp2_session_set_stream_user_data(session, id, stream);
            }
        }
        if (stream != nullptr) {
            it.block_.begin(it.owner_.field_room(*stream));
            return 0;
        }
        it.block_.begin({});
        if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;  // nobody reads its trailers
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }

    static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                         std::size_t name_bytes, const std::uint8_t* value, std::size_t value_bytes,
                         std::uint8_t, void* data) {
        Session& it = self(data);
        it.block_.add(text_of(name, name_bytes), text_of(value, value_bytes));
        constexpr std::uint64_t k_limit = k_header_list_bytes_max * k_header_list_patience;
        return it.block_.list_bytes() > k_limit ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
    }

    static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
        const auto type = frame->hd.type;
        if (type == NGHTTP2_SETTINGS) self(data).settled_ = true;
        if (type != NGHTTP2_HEADERS && type != NGHTTP2_DATA) return 0;
        Session& it = self(data);
        // Bytes that are no body's do nothing, as an empty frame.
        const bool hollow =
            type == NGHTTP2_DATA && frame->hd.length != 0 && frame->hd.length == frame->data.padlen;
        if (hollow && !it.owner_.on_frame(FrameKind::data, 0)) return NGHTTP2_ERR_CALLBACK_FAILURE;
        Stream* stream = stream_of(session, frame->hd.stream_id);
        if (stream == nullptr) return 0;
        const bool ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        if (ended) stream->ended_in = true;
        if (type == NGHTTP2_HEADERS) {
            if (it.brings_head(it.block_, frame->headers.cat != NGHTTP2_HCAT_HEADERS)) {
                it.owner_.on_head(*stream, it.block_);
            } else {
                it.owner_.on_trailers(*stream, it.block_);
            }
        }
        if (ended) it.owner_.on_end(*stream);
        return 0;
    }

    static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id,
                       const std::uint8_t* bytes, std::size_t size, void* data) {
        Stream* stream = stream_of(session, id);
        if (stream == nullptr) {
            // Nobody wants it, but the connection's window must not shrink for it.
            nghttp2_session_consume(session, id, size);
            return 0;
        }
        self(data).owner_.on_data(*stream, text_of(bytes, size));
        return 0;
    }

    static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int, void* data) {
        const bool good = self(data).owner_.on_frame(FrameKind::invalid, frame->hd.length);
        return good ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }

    static int on_frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* data) {
        const std::int32_t id = frame->hd.stream_id;
        switch (frame->hd.type) {
            case NGHTTP2_RST_STREAM: self(data).peers_.note_reset_by_us(id); break;
            case NGHTTP2_DATA:
            case NGHTTP2_HEADERS:
                if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) break;
                if (stream_of(session, id) == nullptr) self(data).reset_answered(id);
                break;
            default: break;
        }
        return 0;
    }

    static int on_close(nghttp2_session* session, std::int32_t id, std::uint32_t error,
                        void* data) {
        Stream* stream = stream_of(session, id);
        if (stream == nullptr) return 0;
        stream->closed = true;
        nghttp2_session_set_stream_user_data(session, id, nullptr);
        self(data).owner_.on_closed(*stream, error);
        return 0;
    }

    // How much of what is pending goes into the next DATA frame.
    static ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t*,
                             std::size_t length, std::uint32_t* flags, nghttp2_data_source*,
                             void* data) {
        Session& it = self(data);
        Stream* stream = stream_of(session, id);
        if (stream == nullptr) {  // detached with its end still to be said
            *flags |= NGHTTP2_DATA_FLAG_EOF;
            return 0;
        }
        const std::size_t pending = stream->head_.size() + stream->body_.size();
        if (pending == 0 && !stream->last_) {
            if (stream != it.sending_) it.owner_.on_room(*stream);
            return NGHTTP2_ERR_DEFERRED;
        }
        // nghttp2 asks for frame after frame before it returns to serve().
        const std::size_t room = it.owner_.output().size();
        if (room < k_data_room_bytes) return NGHTTP2_ERR_PAUSE;
        const std::size_t taken = std::min({length, room - k_frame_head_bytes, pending});
        if (taken == pending && stream->last_) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
            stream->ended_out = true;
        }
        if (taken != 0) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
        return static_cast<ssize_t>(taken);
    }

    static int send_data(nghttp2_session* session, nghttp2_frame* frame, const std::uint8_t* head,
                         std::size_t length, nghttp2_data_source*, void* data) {
        Session& it = self(data);
        Stream* stream = stream_of(session, frame->hd.stream_id);
        if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        const auto room = it.owner_.output();
        std::memcpy(room.data(), head, k_frame_head_bytes);
        it.take(*stream, room.subspan(k_frame_head_bytes, length));
        it.owner_.on_output(k_frame_head_bytes + length);
        return 0;
    }

    static const nghttp2_session_callbacks* callbacks() {
        static nghttp2_session_callbacks* const made = [] {
            nghttp2_session_callbacks* it = nullptr;
            if (nghttp2_session_callbacks_new(&it) != 0) return it;
            nghttp2_session_callbacks_set_on_begin_headers_callback(it, on_begin_headers);
            nghttp2_session_callbacks_set_on_header_callback(it, on_header);
            nghttp2_session_callbacks_set_on_frame_recv_callback(it, on_frame);
            nghttp2_session_callbacks_set_on_data_chunk_recv_callback(it, on_data);
            nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(it, on_invalid_frame);
            nghttp2_session_callbacks_set_on_stream_close_callback(it, on_close);
            nghttp2_session_callbacks_set_send_data_callback(it, send_data);
            nghttp2_session_callbacks_set_on_frame_send_callback(it, on_frame_sent);
            return it;
        }();
        return made;
    }

    static const nghttp2_option* options() {
        static nghttp2_option* const made = [] {
            nghttp2_option* it = nullptr;
            if (nghttp2_option_new(&it) != 0) return it;
            nghttp2_option_set_no_auto_window_update(it, 1);
            nghttp2_option_set_no_closed_streams(it, 1);  // priorities are ignored: no use for them
            // Its own guards would speak of other errors than the owner's, which are first.
            nghttp2_option_set_stream_reset_rate_limit(it, k_resets_beyond_owner,
                                                       k_resets_beyond_owner);
            nghttp2_option_set_max_outbound_ack(it, k_acks_beyond_owner);
            nghttp2_option_set_peer_max_concurrent_streams(it, k_streams_unasked);
            nghttp2_option_set_max_deflate_dynamic_table_size(it, k_header_table_bytes);
            return it;
        }();
        return made;
    }
};

// A final response's head may come behind interim ones; trailers have no status.
bool Session::brings_head(const FieldBlock& block, bool first) const {
    if (first) return true;
    return role_ == Role::client && block.size() != 0 && block.line(0).name == ":status";
}

std::unique_ptr<Session> Session::make_client(Owner& owner) {
    std::unique_ptr<Session> session(new Session(owner, Role::client));
    const bool ready = Glue::callbacks() != nullptr && Glue::options() != nullptr;
    if (!ready || nghttp2_session_client_new3(&session->session_, Glue::callbacks(), session.get(),
                                              Glue::options(), pooled_memory()) != 0) {
        return nullptr;
    }
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, k_stream_window_bytes},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, k_header_list_bytes_max},
    };
    return begin(session->session_, settings) ? std::move(session) : nullptr;
}

std::unique_ptr<Session> Session::make_server(Owner& owner) {
    std::unique_ptr<Session> session(new Session(owner, Role::server));
    const bool ready = Glue::callbacks() != nullptr && Glue::options() != nullptr;
    if (!ready || nghttp2_session_server_new3(&session->session_, Glue::callbacks(), session.get(),
                                              Glue::options(), pooled_memory()) != 0) {
        return nullptr;
    }
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, k_streams_max},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, k_stream_window_bytes},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, k_header_list_bytes_max},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    return begin(session->session_, settings) ? std::move(session) : nullptr;
}

Session::~Session() {
    nghttp2_session_del(session_);
}

// Before nghttp2 sees it. False: the connection ends with it.
bool Session::judge(const FrameWalk::Piece& frame) {
    if (!owner_.on_frame(kind_of(frame.type), frame.length)) return false;
    if (role_ == Role::client) return true;
    if (frame.type == NGHTTP2_PRIORITY) {
        return frame.stream != 0 && frame.depends_on != frame.stream;
    }
    if (frame.type != NGHTTP2_DATA && frame.type != NGHTTP2_HEADERS) return true;
    constexpr int k_unknown = -1;
    if (nghttp2_session_get_stream_remote_close(session_, frame.stream) != k_unknown) return true;
    const auto breach = peers_.judge_late_frame(frame.stream);
    if (breach == Breach::stream_closed) give_up(ErrorCode::stream_closed);
    return !breach;
}

bool Session::receive(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto piece = frames_.next(bytes);
        if (piece.begins && !judge(piece)) return false;
        const auto used = nghttp2_session_mem_recv(
            session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), piece.bytes);
        if (used < 0 || static_cast<std::size_t>(used) != piece.bytes) return false;
        bytes.remove_prefix(piece.bytes);
    }
    return true;
}

void Session::serve() {
    while (owner_.output().size() >= k_output_room_bytes) {
        const std::uint8_t* bytes = nullptr;
        const auto size = nghttp2_session_mem_send(session_, &bytes);
        if (size < 0) {
            nghttp2_session_terminate_session(session_, NGHTTP2_INTERNAL_ERROR);
            return;
        }
        if (size == 0) return;
        const auto count = static_cast<std::size_t>(size);
        std::memcpy(owner_.output().data(), bytes, count);
        owner_.on_output(count);
    }
}

bool Session::over() const {
    return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

bool Session::submit_response(Stream& stream, std::string_view text, End end) {
    constexpr std::size_t k_status_at = sizeof("HTTP/1.1 ") - 1;
    auto status = text.substr(k_status_at, 3);
    if (status == "101") status = "200";  // of the extended CONNECT that asked for it
    const bool interim = status.front() == '1';
    Pairs pairs;
    pairs.add(":status", status);
    if (!pairs.add_lines(text.substr(text.find("\r\n") + 2))) return false;
    if (interim) {
        const int failed = nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id, nullptr,
                                                  pairs.data(), pairs.size(), nullptr);
        serve();  // more may follow at once: the owner is to see how much waits
        return failed == 0;
    }
    const nghttp2_data_provider provider{.source = {.ptr = nullptr},
                                         .read_callback = Glue::read_body};
    stream.ended_out = end == End::stream;
    return nghttp2_submit_response(session_, stream.id, pairs.data(), pairs.size(),
                                   end == End::open ? &provider : nullptr) == 0;
}

bool Session::submit_request(Stream& stream, std::string_view text, End end) {
    constexpr std::string_view k_host = "Host: ";
    const auto line = text.substr(0, text.find("\r\n"));
    const auto method = line.substr(0, line.find(' '));
    const auto target = line.substr(method.size() + 1, line.rfind(' ') - method.size() - 1);
    text.remove_prefix(line.size() + 2);
    // Our writer puts Host first.
    if (!text.starts_with(k_host)) return false;
    const auto authority = text.substr(k_host.size(), text.find("\r\n") - k_host.size());
    text.remove_prefix(k_host.size() + authority.size() + 2);
    Pairs pairs;
    pairs.add(":method", method);
    pairs.add(":scheme", "http");
    pairs.add(":authority", authority);
    pairs.add(":path", target);
    if (!pairs.add_lines(text) || !pairs.add("te", "trailers")) return false;
    const nghttp2_data_provider provider{.source = {.ptr = nullptr},
                                         .read_callback = Glue::read_body};
    stream.ended_out = end == End::stream;
    stream.id = nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(),
                                       end == End::open ? &provider : nullptr, &stream);
    return stream.id > 0;
}

bool Session::has_begun(const Stream& stream) const {
    return nghttp2_session_get_stream_local_close(session_, stream.id) != -1;
}

bool Session::may_open(std::size_t open) const {
    const auto said =
        nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    const auto most = settled_ ? said : k_streams_max;
    return nghttp2_session_check_request_allowed(session_) != 0 &&
           open < std::min(most, k_streams_max);
}

void Session::take(Stream& stream, std::span<char> room) {
    for (std::string_view* part : {&stream.head_, &stream.body_}) {
        const std::size_t count = std::min(part->size(), room.size());
        if (count == 0) continue;
        std::memcpy(room.data(), part->data(), count);
        part->remove_prefix(count);
        room = room.subspan(count);
        stream.taken_ += count;
    }
}

std::size_t Session::send(Stream& stream, std::string_view head, std::string_view body, End end) {
    stream.head_ = head;
    stream.body_ = body;
    stream.taken_ = 0;
    stream.last_ = end == End::stream;
    nghttp2_session_resume_data(session_, stream.id);
    sending_ = &stream;
    serve();
    sending_ = nullptr;
    // What is left is the caller's again; the frame that would have had it finds nothing.
    const std::size_t taken = stream.taken_;
    const bool all = taken == head.size() + body.size();
    stream.head_ = stream.body_ = {};
    stream.last_ = all && end == End::stream;
    if (stream.last_) stream.ended_out = true;
    return taken;
}

void Session::end(Stream& stream, std::string_view trailers) {
    if (stream.ended_out || stream.closed) return;
    stream.ended_out = true;
    Pairs pairs;
    if (!trailers.empty() && pairs.add_lines(trailers) &&
        nghttp2_submit_trailer(session_, stream.id, pairs.data(), pairs.size()) == 0) {
        serve();
        return;
    }
    stream.last_ = true;
    nghttp2_session_resume_data(session_, stream.id);
    serve();
}

void Session::detach(Stream& stream, ErrorCode why) {
    if (stream.closed || stream.id <= 0) return;
    if (stream.ended_out) serve();  // a reset would overtake what waits
    if (stream.closed) return;
    nghttp2_session_set_stream_user_data(session_, stream.id, nullptr);
    if (role_ == Role::client || !stream.ended_out) {
        const bool whole = stream.ended_in && stream.ended_out;
        if (!whole) reset(stream.id, why);
    } else if (nghttp2_session_get_stream_local_close(session_, stream.id) == 1) {
        reset_answered(stream.id);
    }
}

// A whole answer with some of the request still to come (RFC 9113 8.1). Its end has been said: it
// may have to wait for room, and a reset would overtake it.
void Session::reset_answered(std::int32_t id) {
    const bool more_comes = nghttp2_session_get_stream_remote_close(session_, id) == 0;
    if (role_ == Role::server && more_comes) reset(id, ErrorCode::no_error);
}

void Session::reset(std::int32_t id, ErrorCode why) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, static_cast<std::uint32_t>(why));
}

void Session::consumed(const Stream& stream, std::size_t bytes) {
    nghttp2_session_consume(session_, stream.id, bytes);
}

void Session::announce_shutdown() {
    nghttp2_submit_shutdown_notice(session_);
}

void Session::close_for_new() {
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                          nullptr, 0);
}

void Session::give_up(ErrorCode why) {
    nghttp2_session_terminate_session(session_, static_cast<std::uint32_t>(why));
}

}  // namespace moln::h2
