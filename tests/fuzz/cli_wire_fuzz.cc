// What a server may send to the CLI: HTTP answers and WebSocket frames. The first byte says where
// the bytes are cut in two; the cut must not matter.
#include "base/check.h"
#include "cli/wire.h"
#include "fuzz_input.h"

using namespace moln;
using namespace moln::cli;

namespace {

struct Answer {
    bool good = true;
    bool done = false;
    int status = 0;
    std::string body;
    friend bool operator==(const Answer&, const Answer&) = default;
};

Answer answer_of(std::string_view first, std::string_view second) {
    AnswerReader reader;
    Answer out;
    out.good = reader.feed(first, out.body) && reader.feed(second, out.body);
    out.done = reader.is_done();
    out.status = reader.status();
    if (!out.good) out.body.clear();  // how much was read by then depends on the pieces
    return out;
}

struct Frames {
    bool good = true;
    std::vector<Frame> frames;
};

Frames frames_of(std::string_view first, std::string_view second) {
    FrameReader reader;
    Frames out;
    for (const auto piece : {first, second}) {
        auto read = reader.feed(piece);
        if (!read) return {.good = false, .frames = {}};
        for (auto& frame : *read) out.frames.push_back(std::move(frame));
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzInput input(data, size);
    const std::size_t cut = input.byte();
    const auto text = input.rest();
    const auto at = std::min(cut, text.size());
    CHECK(answer_of(text, "") == answer_of(text.substr(0, at), text.substr(at)));
    const auto whole = frames_of(text, "");
    const auto halves = frames_of(text.substr(0, at), text.substr(at));
    CHECK(whole.good == halves.good && whole.frames.size() == halves.frames.size());
    for (std::size_t i = 0; i < whole.frames.size(); ++i) {
        CHECK(whole.frames[i].kind == halves.frames[i].kind);
        CHECK(whole.frames[i].payload == halves.frames[i].payload);
    }
    return 0;
}
