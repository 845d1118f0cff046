// A request as a client may send it: "METHOD target", header lines, an empty line, the body. It is
// answered once, never by an internal error, and what follows of it comes to an end.
#include <deque>

#include "api/service.h"
#include "base/check.h"
#include "fuzz_input.h"
#include "model/codec.h"
#include "tests/api/fake_control.h"

using namespace moln;

namespace {

// All at once, in order; time passes by what was waited for.
class QuickLoop final : public Loop {
public:
    Now now() const override { return now_; }
    void after(Milliseconds delay, std::function<void()> callback) override {
        waiting_.push_back({delay, std::move(callback)});
    }
    void post(std::function<void()> callback) override { after({}, std::move(callback)); }
    void submit(const std::string& /*key*/, std::function<void()> job,
                std::function<void()> done) override {
        job();
        post(std::move(done));
    }
    void run() {
        constexpr int k_steps_max = 300;
        for (int i = 0; i < k_steps_max && !waiting_.empty(); ++i) {
            auto next = std::move(waiting_.front());
            waiting_.pop_front();
            now_.mono = now_.mono + next.delay;
            now_.wall = now_.wall + next.delay;
            next.callback();
        }
    }

private:
    struct Waiting {
        Milliseconds delay;
        std::function<void()> callback;
    };
    Now now_{.wall = {1'700'000'000'000}, .mono = {1'000}};
    std::deque<Waiting> waiting_;
};

struct Line {
    int begun = 0;  // answers, streams and WebSockets
    bool ended = false;
    std::function<void()> gone;
    std::function<void(ApiMessageKind, std::string)> message;
};

class FuzzExchange final : public ApiExchange {
public:
    explicit FuzzExchange(Line& line) : line_(line) {}

    void answer(ApiAnswer answer) override {
        ++line_.begun;
        line_.ended = true;
        CHECK(answer.status >= 200 && answer.status < 600 && answer.status != 500);
        if (answer.content_type == "application/json") {
            CHECK(parse_json(answer.body, 64u << 20).has_value());
        }
    }
    void begin_stream(ApiAnswer head) override {
        ++line_.begun;
        CHECK(head.status == 200);
    }
    void write(std::string bytes) override { CHECK(!line_.ended && !bytes.empty()); }
    void end() override { line_.ended = true; }
    void accept_websocket() override { ++line_.begun; }
    void send(ApiMessageKind /*kind*/, std::string /*bytes*/) override { CHECK(!line_.ended); }
    void on_message(std::function<void(ApiMessageKind, std::string)> callback) override {
        line_.message = std::move(callback);
    }
    void pause_messages() override {}
    void resume_messages() override {}
    std::size_t queued_bytes() const override { return 0; }
    void on_room(std::function<void()> callback) override { room_ = std::move(callback); }
    void on_gone(std::function<void()> callback) override { line_.gone = std::move(callback); }

private:
    Line& line_;
    std::function<void()> room_;
};

ApiHead head_of(FuzzInput& input) {
    ApiHead head;
    const auto first = input.line();
    const auto space = std::min(first.find(' '), first.size());
    head.method = first.substr(0, space);
    head.target = first.substr(std::min(space + 1, first.size()));
    for (auto line = input.line(); !line.empty(); line = input.line()) {
        const auto colon = line.find(": ");
        if (colon == std::string_view::npos) continue;
        head.headers[std::string(line.substr(0, colon))] = line.substr(colon + 2);
    }
    head.websocket = head.headers.contains("upgrade");
    return head;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzInput input(data, size);
    QuickLoop loop;
    FakeControl control(loop, "/nowhere");
    control.add_app("shop");
    const auto service = api::make_service(control, loop, {.version = "fuzz", .started = {}});
    ApiRequest request{.head = head_of(input)};
    const auto plan = service->take_body(request.head);
    if (!plan) {
        CHECK(plan.error().status >= 400 && plan.error().status != 500);
        return 0;
    }
    const bool to_file = !plan->path.empty();
    if (!to_file && static_cast<std::int64_t>(input.rest().size()) > plan->size_max.count) return 0;
    if (to_file) {
        request.body_file = plan->path;
    } else {
        request.body = input.rest();
    }
    Line line;
    const bool websocket = request.head.websocket;
    service->handle(request, std::make_shared<FuzzExchange>(line));
    loop.run();
    if (websocket && line.message) line.message(ApiMessageKind::text, std::string(input.rest()));
    loop.run();
    CHECK(line.begun == 1);
    if (!line.ended && line.gone) line.gone();
    loop.run();
    return 0;
}
