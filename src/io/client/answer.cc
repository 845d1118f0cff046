#include "io/client/answer.h"

#include <utility>

#include <fmt/format.h>

namespace moln::client {

AnswerReader::Step AnswerReader::take(std::string_view bytes) {
    if (bytes.size() > bytes_max_ - text_.size()) {
        return broken(fmt::format("is longer than {} bytes", bytes_max_));
    }
    text_ += bytes;
    return in_body_ ? read_body() : read_head();
}

AnswerReader::Step AnswerReader::end() {
    if (!in_body_ || framing_.kind != http::BodyKind::until_close) return broken("ended too early");
    answer_.body = text_.substr(at_);
    at_ = text_.size();
    return done();
}

AnswerReader::Step AnswerReader::read_head() {
    for (;;) {
        const auto rest = std::string_view(text_).substr(at_);
        const auto parsed = http::parse_response_head(rest, {}, cursor_, head_);
        if (parsed.progress == http::Progress::need_more) return Step::more;
        if (parsed.progress == http::Progress::refused) return broken("is no HTTP/1.1");
        head_.rebase(rest.data());
        at_ += parsed.consumed;
        if (head_.status >= 200) return begin_body(head_);
        if (head_.status == 101) return broken("is an upgrade that nobody asked for");
        cursor_ = {};
    }
}

AnswerReader::Step AnswerReader::begin_body(const http::ResponseHead& head) {
    in_body_ = true;
    answer_.status = head.status;
    answer_.retry_after = head.fields.first("retry-after").value_or("");
    framing_ = http::response_body(head, {.method = http::Method::post});
    keeps_ = http::response_persistence(head, framing_) == http::Persistence::keep_alive;
    if (framing_.kind == http::BodyKind::length && framing_.length > bytes_max_) {
        return broken(fmt::format("is longer than {} bytes", bytes_max_));
    }
    return read_body();
}

AnswerReader::Step AnswerReader::read_body() {
    switch (framing_.kind) {
        case http::BodyKind::none: return done();
        case http::BodyKind::until_close: return Step::more;
        case http::BodyKind::chunked: return read_chunks();
        case http::BodyKind::tunnel: return broken("is a tunnel");
        case http::BodyKind::length: break;
    }
    if (text_.size() - at_ < framing_.length) return Step::more;
    answer_.body = text_.substr(at_, framing_.length);
    at_ += framing_.length;
    return done();
}

AnswerReader::Step AnswerReader::read_chunks() {
    for (;;) {
        const auto step = chunks_.next(std::string_view(text_).substr(at_));
        at_ += step.consumed;
        switch (step.kind) {
            case http::ChunkStep::Kind::data: answer_.body += step.data; break;
            case http::ChunkStep::Kind::trailer: break;
            case http::ChunkStep::Kind::done: return done();
            case http::ChunkStep::Kind::refused: return broken("has bad chunks");
            case http::ChunkStep::Kind::need_more: return Step::more;
        }
    }
}

AnswerReader::Step AnswerReader::done() {
    keeps_ = keeps_ && at_ == text_.size();  // nothing was asked for that would bring more
    return Step::done;
}

AnswerReader::Step AnswerReader::broken(std::string reason) {
    reason_ = std::move(reason);
    keeps_ = false;
    return Step::broken;
}

}  // namespace moln::client
