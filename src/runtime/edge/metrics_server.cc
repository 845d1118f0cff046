#include "runtime/edge/metrics_server.h"

#include <cerrno>
#include <string_view>

#include <fmt/format.h>
#include <sys/socket.h>

#include "http/head.h"
#include "http/status.h"

namespace moln::edge_loop {
namespace {

std::string response(std::uint16_t status, std::string_view body) {
    return fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
        "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
        status, http::reason_phrase(status), body.size(), body);
}

}  // namespace

Status MetricsServer::listen(Fd listener) {
    return listener_.listen(std::move(listener));
}

void MetricsServer::on_event(std::uint32_t /*events*/, std::int64_t now_ms) {
    Fd fd = listener_.accept(now_ms);
    if (!fd.valid() || readers_.size() >= k_metrics_readers_max) return;
    auto reader = std::make_unique<Reader>(*this);
    reader->fd = std::move(fd);
    reader->until_ms = now_ms + k_metrics_reader_ms_max;
    if (!epoll_.add(reader->fd.get(), net::k_stream_edges,
                    static_cast<ControlPart*>(reader.get()))) {
        return;
    }
    readers_.push_back(std::move(reader));
}

void MetricsServer::Reader::on_event(std::uint32_t /*events*/, std::int64_t /*now_ms*/) {
    if (!ended) owner.serve(*this);
}

void MetricsServer::answer(Reader& reader) {
    http::HeadCursor cursor;
    http::RequestHead head;
    const auto parsed = http::parse_request_head(
        reader.request, {.head_bytes_max = k_metrics_request_bytes_max}, cursor, head);
    if (parsed.progress == http::Progress::need_more) return;
    if (parsed.progress == http::Progress::refused) {
        reader.answer = response(http::status_of(parsed.violation), "bad request\n");
    } else if (head.method != http::Method::get || head.path() != "/metrics") {
        reader.answer = response(404, "there is only GET /metrics here\n");
    } else {
        reader.answer = response(200, text_());
    }
}

void MetricsServer::serve(Reader& reader) {
    while (reader.answer.empty()) {
        char part[2048];
        const auto got = ::recv(reader.fd.get(), part, sizeof part, 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got <= 0) {
            reader.ended = true;
            return;
        }
        reader.request.append(part, static_cast<std::size_t>(got));
        answer(reader);
    }
    while (reader.sent < reader.answer.size()) {
        const auto put = ::send(reader.fd.get(), reader.answer.data() + reader.sent,
                                reader.answer.size() - reader.sent, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            reader.ended = errno != EAGAIN;
            return;
        }
        reader.sent += static_cast<std::size_t>(put);
    }
    reader.ended = true;
}

void MetricsServer::drop_ended(std::int64_t now_ms) {
    std::erase_if(readers_,
                  [&](const auto& reader) { return reader->ended || reader->until_ms <= now_ms; });
    listener_.resume(now_ms);
}

}  // namespace moln::edge_loop
