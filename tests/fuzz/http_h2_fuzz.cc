// Any bytes as what a client of HTTP/2 sends, whole and in pieces: what is taken in and put out is
// bounded, and a head that is written has one reading in HTTP/1: all of it, or none.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "http/h2/session.h"

namespace moln::h2 {
namespace {

constexpr std::string_view k_answer = "HTTP/1.1 200 OK\r\nx-fuzz: 1\r\n\r\n";
constexpr std::size_t k_answer_bytes = 1000;

struct FuzzStream : Stream {
    bool answered = false;
};

// Answers every request whose head is good.
class Echo final : public Owner {
public:
    Echo() : fields_(k_header_list_bytes_max), output_(256 * 1024) {
        session_ = Session::make_server(*this);
        CHECK(session_ != nullptr);
    }

    void feed(std::string_view bytes) {
        if (!alive_) return;
        alive_ = session_->receive(bytes);
        if (!alive_) session_->give_up(ErrorCode::protocol_error);
        for (FuzzStream* stream : heads_) answer(*stream);
        heads_.clear();
        session_->serve();
        used_ = 0;  // sent
    }

private:
    void answer(FuzzStream& stream) {
        if (stream.closed || stream.answered) return;
        stream.answered = true;
        CHECK(session_->submit_response(stream, k_answer, End::open));
        const std::string body(k_answer_bytes, 'x');
        const std::size_t taken = session_->send(stream, body, {}, End::stream);
        CHECK(taken <= body.size());
    }

    Stream* on_open(std::int32_t) override {
        if (streams_.size() >= 200) return nullptr;
        return streams_.emplace_back(std::make_unique<FuzzStream>()).get();
    }
    std::span<char> field_room(Stream&) override { return fields_; }
    void on_head(Stream& stream, const FieldBlock& block) override {
        std::vector<char> out(32 * 1024);
        const auto text = write_request(block, "AAAAAAAAAAAAAAAAAAAAAA==", out);
        if (!text) return;
        const std::string_view head(out.data(), text->bytes);
        http::HeadCursor cursor;
        http::RequestHead parsed;
        const auto result = http::parse_request_head(head, {}, cursor, parsed);
        CHECK(result.progress != http::Progress::need_more);
        if (result.progress == http::Progress::done) CHECK(result.consumed == head.size());
        heads_.push_back(static_cast<FuzzStream*>(&stream));
    }
    void on_trailers(Stream&, const FieldBlock& block) override {
        std::array<char, 4096> out;
        (void)write_trailers(block, out);
    }
    void on_data(Stream& stream, std::string_view data) override {
        CHECK(data.size() <= k_stream_window_bytes);
        session_->consumed(stream, data.size() / 2);
    }
    void on_end(Stream& stream) override { CHECK(stream.ended_in); }
    void on_closed(Stream& stream, std::uint32_t) override { CHECK(stream.closed); }
    void on_room(Stream&) override {}
    bool on_frame(FrameKind, std::size_t) override { return ++frames_ < 10'000; }
    std::span<char> output() override { return std::span(output_).subspan(used_); }
    void on_output(std::size_t bytes) override {
        used_ += bytes;
        CHECK(used_ <= output_.size());
    }

    std::vector<char> fields_;
    std::vector<char> output_;
    std::vector<std::unique_ptr<FuzzStream>> streams_;
    std::vector<FuzzStream*> heads_;
    std::size_t used_ = 0;
    std::size_t frames_ = 0;
    bool alive_ = true;
    std::unique_ptr<Session> session_;
};

void run(std::string_view input, std::size_t piece) {
    Echo echo;
    echo.feed(k_preface);
    for (std::size_t at = 0; at < input.size(); at += piece) {
        echo.feed(input.substr(at, piece));
    }
}

}  // namespace
}  // namespace moln::h2

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    moln::h2::run(input, 64 * 1024);
    moln::h2::run(input, 7);
    return 0;
}
