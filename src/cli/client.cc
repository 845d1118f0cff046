#include "cli/client.h"

#include <fmt/format.h>

#include "cli/socket.h"
#include "model/requests.h"

namespace moln::cli {
namespace {

Error error_of_answer(int status, const std::string& body) {
    if (const auto parsed = parse_json(body)) {
        if (auto error = error_in(*parsed)) return *error;
    }
    return {ErrorCode::internal, fmt::format("the daemon answered with HTTP status {}", status)};
}

using TakeLine = std::function<Status(const json::value&)>;

// Hands whole lines of `text` to `line`, keeps the rest.
Status take_lines(std::string& text, const TakeLine& line) {
    std::size_t begin = 0;
    while (true) {
        const auto end = text.find('\n', begin);
        if (end == std::string::npos) break;
        MOLN_ASSIGN(const auto value,
                    parse_json(std::string_view(text).substr(begin, end - begin)));
        begin = end + 1;
        if (auto error = error_in(value)) return fail(std::move(*error));
        MOLN_TRY(line(value));
    }
    text.erase(0, begin);
    return {};
}

Status send_whole(Socket& socket, const ApiCall& call,
                  const std::function<Status(const Client::Send&)>& feed) {
    bool answered = false;
    MOLN_TRY(socket.send(head_bytes(call) + call.body, answered));
    if (!feed || answered) return {};
    const auto send_piece = [&](std::string_view piece) -> Result<bool> {
        if (!piece.empty()) MOLN_TRY(socket.send(chunk_bytes(piece), answered));
        return !answered;
    };
    MOLN_TRY(feed(send_piece));
    if (!answered) MOLN_TRY(socket.send(k_last_chunk, answered));
    return {};
}

// `sent` is how the sending ended: a daemon that refuses in the middle says why before it closes.
Status read_lines(Socket& socket, const Status& sent, const TakeLine& line,
                  const std::function<void()>& opened) {
    AnswerReader reader;
    std::string body;
    bool is_open = false;
    while (!reader.is_done()) {
        const auto bytes = socket.receive();
        if (!bytes) return fail(!sent ? sent.error() : bytes.error());
        if (bytes->empty()) {
            MOLN_TRY(reader.end_of_input());
            break;
        }
        MOLN_TRY(reader.feed(*bytes, body));
        if (!reader.has_head() || reader.status() >= 300) continue;
        if (!is_open && opened) opened();
        is_open = true;
        MOLN_TRY(take_lines(body, line));
    }
    if (reader.status() >= 300) return fail(error_of_answer(reader.status(), body));
    return take_lines(body, line);
}

}  // namespace

std::optional<Error> error_in(const json::value& value) {
    const auto* object = value.if_object();
    const auto* error = object == nullptr ? nullptr : object->if_contains("error");
    if (error == nullptr) return std::nullopt;
    const auto body = from_json<ErrorBody>(*error, UnknownFields::ignore);
    if (!body) return std::nullopt;
    return Error{error_code_from(body->code), body->reason};
}

Result<std::string> Client::call(const ApiCall& call) const {
    MOLN_ASSIGN(auto socket, Socket::connect(path_));
    MOLN_TRY(send_whole(socket, call, nullptr));
    AnswerReader reader;
    std::string body;
    while (!reader.is_done()) {
        MOLN_ASSIGN(const auto bytes, socket.receive());
        if (bytes.empty()) {
            MOLN_TRY(reader.end_of_input());
            break;
        }
        MOLN_TRY(reader.feed(bytes, body));
    }
    if (reader.status() >= 300) return fail(error_of_answer(reader.status(), body));
    return body;
}

Status Client::lines(const ApiCall& call, const std::function<Status(const json::value&)>& line,
                     const std::function<Status(const Send&)>& feed) const {
    MOLN_ASSIGN(auto socket, Socket::connect(path_));
    const auto sent = send_whole(socket, call, feed);
    if (!sent && (sent.error().code != ErrorCode::unavailable || interrupted())) return sent;
    return read_lines(socket, sent, line, nullptr);
}

Status Client::follow(const ApiCall& call, const std::function<void()>& opened,
                      const std::function<Status(const json::value&)>& line) const {
    MOLN_ASSIGN(auto socket, Socket::connect(path_));
    MOLN_TRY(send_whole(socket, call, nullptr));
    return read_lines(socket, {}, line, opened);
}

}  // namespace moln::cli
