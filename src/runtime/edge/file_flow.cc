#include "runtime/edge/file_flow.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/check.h"
#include "runtime/edge/framed_buffer.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {
namespace {

// Below it one write of head and body is cheaper than two calls.
constexpr std::uint64_t k_sendfile_min = 32u << 10;
// At a time: others have their turn.
constexpr std::uint64_t k_sendfile_max = 1u << 20;
// What lies between two looks at what is in memory: the kernel reads ahead about so much at once.
constexpr std::uint64_t k_look_step = 256u << 10;
constexpr std::int64_t k_seen_ms = 1000;  // for so long what was in memory is taken to be

bool sends_files(const Client& client) {
    return client.stream == nullptr && client.tls == nullptr;
}

// Are the next `bytes` in memory?
bool is_in_memory(FileBody& body, std::uint64_t bytes, std::int64_t now_ms) {
    char one = 0;
    const auto look = [&](std::uint64_t place) {
        return read_file_bytes(*body.file, place, {&one, 1}, Patience::none) == 1;
    };
    const std::uint64_t end = body.at + bytes;
    std::uint64_t place = std::max(body.at, body.seen);
    if (place >= end) return true;
    for (; place < end; place += k_look_step) {
        if (!look(place)) return false;
    }
    if (!look(end - 1)) return false;
    body.seen = end;
    body.seen_ms = now_ms;
    return true;
}

edge::ListLink<ByFile>& news_link(FileBody& body) {
    return body;
}

// The head of a stream's answer is on its way as soon as it is made.
bool can_withdraw(const FileBody& body) {
    return !body.begun && body.exchange->client->stream == nullptr;
}

bool is_to_be_had_elsewhere(const FileBody& body) {
    return body.of == FileOf::cached_slice || (body.of == FileOf::cache && can_withdraw(body));
}

void limit_wait(Core& core, FileBody& body) {
    if (is_to_be_had_elsewhere(body)) {
        set_timer(core, body, core.file_load_timers, edge::k_cache_load_limit);
    } else {
        set_timer(core, body, core.file_read_timers, edge::k_file_read_limit);
    }
}

Flow give_up(FileBody& body) {
    body.unreadable = true;
    return Flow::gone;
}

// The disk is asked for as much as a buffer takes.
Flow wait_for_disk(Core& core, FileBody& body) {
    FileReader& reader = *(body.of == FileOf::site ? core.site_reader : core.cache_reader);
    // Whoever came would wait as those did who are being read for.
    if (is_to_be_had_elsewhere(body) && reader.stands_still(core.now_ms)) return give_up(body);
    auto read = std::make_shared<FileRead>();
    read->file = body.file;
    read->at = body.at;
    read->wanted = static_cast<std::size_t>(
        std::min<std::uint64_t>(body.end - body.at, Buffer::capacity() / 2));
    read->asker = &core.port;
    body.read = read;
    core.file_bodies_waiting.push_back(&body);
    reader.read(std::move(read));
    limit_wait(core, body);
    return Flow::wait;
}

// What was taken from the content stands in to_client.
void note_taken(Exchange& exchange, FileBody& body, std::size_t bytes) {
    body.at += bytes;
    body.filled = true;
    exchange.body_bytes_sent += bytes;
}

Flow take_read(Core& core, Exchange& exchange, FileBody& body) {
    switch (body.read->state.load()) {
        case FileRead::State::pending: return body.late ? give_up(body) : Flow::wait;
        case FileRead::State::failed: return give_up(body);
        case FileRead::State::done: break;
    }
    if (exchange.to_client == nullptr) exchange.to_client = core.buffers.lend();
    if (exchange.to_client == nullptr) return Flow::gone;
    exchange.to_client->append(body.read->bytes);
    note_taken(exchange, body, body.read->bytes.size());
    body.read.reset();
    clear_timer(body);
    body.late = false;
    news_link(body).unlink();  // another event may find it done before the news of it come
    return Flow::progress;
}

// Fills to_client as far as memory has it.
Flow fill(Core& core, Exchange& exchange, FileBody& body) {
    if (exchange.to_client == nullptr) exchange.to_client = core.buffers.lend();
    if (exchange.to_client == nullptr) return Flow::gone;
    Buffer& out = *exchange.to_client;
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(out.room(), body.end - body.at));
    const auto got = read_file_bytes(*body.file, body.at, {out.tail(), wanted}, Patience::none);
    body.unreadable = got < 0;
    if (got < 0) return Flow::gone;
    if (got == 0) {
        if (out.empty()) core.buffers.take_back(&exchange.to_client);
        return wait_for_disk(core, body);
    }
    out.end += static_cast<std::size_t>(got);
    note_taken(exchange, body, static_cast<std::size_t>(got));
    return Flow::progress;
}

Flow flush(Core& core, Exchange& exchange, FileBody& body) {
    Client& client = *exchange.client;
    if (!client.ready.writable) return Flow::wait;
    const bool all = body.at == body.end;
    const bool last = all && !body.more;
    const auto bytes = exchange.to_client->view();
    const IoResult put = sends_files(client)
                             ? transmit_raw(client.fd.get(), client.ready, bytes, {},
                                            last ? Following::nothing : Following::more)
                             : answer(client, bytes, {}, last ? h2::End::stream : h2::End::open);
    if (put.end == IoEnd::would_block) return Flow::wait;
    if (put.end == IoEnd::broken) return Flow::gone;
    body.begun = body.begun || put.bytes > 0;
    (void)consume_ahead(core.buffers, &exchange.to_client, put.bytes);
    if (exchange.to_client != nullptr) return Flow::progress;
    body.filled = false;
    return all ? Flow::done : Flow::progress;
}

Flow send_file(Core& core, Exchange& exchange, FileBody& body) {
    Client& client = *exchange.client;
    if (!client.ready.writable) return Flow::wait;
    // What was in memory a moment ago is not looked at again, however many events it takes to send.
    if (core.now_ms - body.seen_ms > k_seen_ms) body.seen = body.at;
    const auto ahead = std::min(body.end - body.at, k_sendfile_max);
    const auto bytes = body.seen > body.at ? std::min(ahead, body.seen - body.at) : ahead;
    if (!is_in_memory(body, bytes, core.now_ms)) return wait_for_disk(core, body);
    const IoResult put = send_file_raw(client.fd.get(), client.ready, body.file->get(), body.at,
                                       static_cast<std::size_t>(bytes));
    if (put.end == IoEnd::would_block) return Flow::wait;
    if (put.end != IoEnd::some) {
        body.unreadable = put.end == IoEnd::ended;
        return Flow::gone;
    }
    // It, or its file system, cannot be sent like this: to read it tells.
    if (put.bytes == 0) body.by_hand = true;
    body.begun = body.begun || put.bytes > 0;
    body.at += put.bytes;
    exchange.body_bytes_sent += put.bytes;
    return body.at == body.end ? Flow::done : Flow::progress;
}

}  // namespace

void begin_file(Core& core, Exchange& exchange, FilePart part) {
    CHECK(exchange.file_body == nullptr);
    FileBody& body = *core.file_bodies.make();
    exchange.file_body = &body;
    body.exchange = &exchange;
    body.file = std::move(part.file);
    body.at = part.at;
    body.end = part.end;
    body.of = part.of;
    body.more = part.more;
    body.begun = part.begun;
}

Flow pump_file(Core& core, Exchange& exchange) {
    FileBody& body = *exchange.file_body;
    if (body.read) return take_read(core, exchange, body);
    const auto left = body.end - body.at;
    const bool by_file = left >= k_sendfile_min && !body.by_hand && sends_files(*exchange.client);
    const bool waiting = exchange.to_client != nullptr && !exchange.to_client->empty();
    // Nor is the client told of what cannot be read then.
    if (waiting && by_file && !body.begun && !body.filled &&
        !is_in_memory(body, std::min(left, k_sendfile_max), core.now_ms)) {
        return wait_for_disk(core, body);
    }
    // A head waits for what follows it, to go out with it.
    if (waiting && (body.filled || by_file || left == 0)) return flush(core, exchange, body);
    if (left == 0) return Flow::done;
    return by_file ? send_file(core, exchange, body) : fill(core, exchange, body);
}

bool withdraw_file(Core& core, Exchange& exchange) {
    const FileBody& body = *exchange.file_body;
    if (!body.unreadable || !can_withdraw(body)) return false;
    leave_file(core, exchange);
    core.buffers.take_back(&exchange.to_client);
    exchange.client_begun = false;
    exchange.client_body = http::BodyKind::none;
    exchange.body_bytes_sent = 0;
    return true;
}

void serve_file_news(Core& core) {
    if (!std::exchange(core.file_news, false)) return;
    edge::List<FileBody, ByFile> batch;
    while (FileBody* body = core.file_bodies_waiting.pop_front()) batch.push_back(body);
    while (FileBody* body = batch.pop_front()) {
        if (body->read && body->read->state.load() == FileRead::State::pending) {
            core.file_bodies_waiting.push_back(body);
            continue;
        }
        drive(core, *body->exchange->client);
    }
}

void on_file_timer(Core& core, FileBody& body) {
    body.late = true;
    drive(core, *body.exchange->client);
}

void leave_file(Core& core, Exchange& exchange) {
    FileBody* body = std::exchange(exchange.file_body, nullptr);
    if (body != nullptr) core.file_bodies.drop(body);
}

}  // namespace moln::edge_loop
