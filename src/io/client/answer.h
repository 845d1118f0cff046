// One answer of a server, put together from its bytes as they come. Values only; the connection is
// transport.h's. Heads and chunks are read by the edge's own strict parsers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/chunked.h"
#include "http/framing.h"
#include "http/head.h"

namespace moln::client {

struct Answer {
    std::uint16_t status = 0;
    std::string body;
    std::string retry_after;  // the field; "" without one
};

class AnswerReader {
public:
    enum class Step : std::uint8_t { more, done, broken };

    // `bytes_max` of the whole, framing and interim answers included.
    explicit AnswerReader(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    Step take(std::string_view bytes);
    // The server has ended the connection: for some answers that is how they end.
    Step end();

    // After `done`.
    Answer& answer() { return answer_; }
    // May the connection have another request?
    bool keeps() const { return keeps_; }
    // After `broken`: "is longer than 65536 bytes".
    const std::string& reason() const { return reason_; }

private:
    Step read_head();
    Step begin_body(const http::ResponseHead& head);
    Step read_body();
    Step read_chunks();
    Step done();
    Step broken(std::string reason);

    std::size_t bytes_max_;
    std::string text_;    // all of it
    std::size_t at_ = 0;  // in text_: what is read next
    bool in_body_ = false;
    http::HeadCursor cursor_;
    http::ResponseHead head_;
    http::BodyFraming framing_;
    http::ChunkedDecoder chunks_;
    bool keeps_ = false;
    Answer answer_;
    std::string reason_;
};

}  // namespace moln::client
