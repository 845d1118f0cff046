#include "runtime/edge/forward_auth.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "edge/access_line.h"
#include "http/edit_head.h"
#include "runtime/edge/inner_client.h"
#include "runtime/edge/inner_sink.h"

namespace moln::edge_loop {
namespace {

constexpr http::HeadLimits k_limits{.head_bytes_max = edge::k_head_bytes_max};

bool parse(Heads& heads, const Buffer& in) {
    heads.request_cursor = {};
    const auto parsed =
        http::parse_request_head(in.view(), k_limits, heads.request_cursor, heads.request);
    heads.request.rebase(in.bytes + in.begin);
    return parsed.progress == http::Progress::done;
}

// How many of the received bytes are of the body, as far as its coding can be told by them: not the
// begin of a line behind the last chunk, nor the next request. Nothing was passed on before.
struct BodyBytes {
    std::size_t count = 0;
    bool whole = true;  // no more is to come
};
BodyBytes body_bytes_in(const BodyReader& body, std::string_view received) {
    switch (body.framing.kind) {
        case http::BodyKind::length:
            return {std::min<std::uint64_t>(received.size(), body.left),
                    received.size() >= body.left};
        case http::BodyKind::until_close: return {received.size(), false};
        case http::BodyKind::chunked: break;
        default: return {};
    }
    auto chunks = body.chunks;
    for (std::size_t used = 0;;) {
        const http::ChunkStep step = chunks.next(received.substr(used));
        used += step.consumed;
        const bool more =
            step.kind == http::ChunkStep::Kind::data || step.kind == http::ChunkStep::Kind::trailer;
        if (!more) return {used, step.kind == http::ChunkStep::Kind::done};
    }
}

// What has come of the body stands behind the new head, or past memory if there is no room. What
// came behind the body stays in memory, where it is looked for; if there is no room either, it is
// of further requests, and the client is told to send those again.
bool bring_body(Core& core, Exchange& exchange, Buffer& fresh) {
    const Buffer& in = *exchange.client->in;
    const std::string_view rest(in.bytes + exchange.head_end, in.end - exchange.head_end);
    if (rest.size() <= fresh.room()) {
        fresh.append(rest);
        return true;
    }
    const auto body = body_bytes_in(exchange.request_body, rest);
    if (body.count != 0) {
        exchange.replay = ReplayFile::make(*core.replays, core.buffers);
        if (exchange.replay == nullptr || !exchange.replay->append(rest.substr(0, body.count))) {
            exchange.replay.reset();
            return false;
        }
        exchange.replay->rewind();
    }
    const auto behind = rest.substr(body.count);
    if (behind.size() <= fresh.room()) {
        fresh.append(behind);
        return true;
    }
    // Of a body that is not all here it may be the beginning of a chunk's line.
    if (!body.whole) {
        exchange.replay.reset();
        return false;
    }
    exchange.keep_client = false;
    return true;
}

// The request goes on with another head. False, and all is as it was: there is no room for it.
bool edit_head(Core& core, Exchange& exchange, const http::HeadEdit& edit) {
    Client& client = *exchange.client;
    Buffer* fresh = core.buffers.lend();
    if (fresh == nullptr) return false;
    const auto size = http::edit_request_head(exchange.heads->request, edit,
                                              {fresh->bytes, edge::k_head_bytes_max});
    fresh->end = size.value_or(0);
    if (!size || !parse(*exchange.heads, *fresh) || !bring_body(core, exchange, *fresh)) {
        parse(*exchange.heads, *client.in);
        core.buffers.take_back(&fresh);
        return false;
    }
    std::swap(client.in, fresh);
    core.buffers.take_back(&fresh);
    exchange.head_end = exchange.body_at = *size;
    exchange.upgrade = http::upgrade_wish(exchange.heads->request);
    return true;
}

}  // namespace

class AuthQuestion final : public InnerSink {
public:
    AuthQuestion(Exchange& asker, std::vector<std::string> copy)
        : asker_(&asker), copy_(std::move(copy)) {}

    void forget_asker() { asker_ = nullptr; }

    Flow take_head(Core& core, Exchange& exchange, const http::BodyFraming&) override {
        if (asker_ == nullptr) return Flow::gone;
        if (exchange.heads->response.status / 100 == 2) {
            let_in(core, exchange.heads->response.fields);
            return Flow::progress;
        }
        pass_answer(core, exchange);
        return Flow::gone;
    }

    bool take_body(Core&, std::string_view data) override {
        body_bytes_ += data.size();
        return body_bytes_ <= edge::k_auth_body_max;
    }

    void take_refusal(Core& core, Exchange&, const LocalAnswer& answer) override {
        if (asker_ == nullptr) return;
        AuthWait& wait = *asker_->auth;
        wait.status = answer.status;
        wait.text = answer.text;
        wait.retry_after_s = answer.retry_after_s;
        wait.error = answer.error;
        settle(core, AuthWait::Verdict::refused);
    }

    void end(Core& core) override {
        if (asker_ != nullptr) {
            AuthWait& wait = *asker_->auth;
            wait.status = 502;
            wait.text = "the process that lets requests in broke off before it answered";
            wait.error = edge::k_error_broken_off;
            settle(core, AuthWait::Verdict::refused);
        }
        delete this;
    }

    bool counts() const override { return !passed_on_; }

private:
    void settle(Core& core, AuthWait::Verdict verdict) {
        Exchange& asker = *std::exchange(asker_, nullptr);
        asker.auth->question = nullptr;
        asker.auth->verdict = verdict;
        drive_soon(core, *asker.client);
    }

    void let_in(Core& core, const http::FieldTable& fields) {
        std::vector<http::ExtraField> added;
        for (const http::Field field : fields) {
            for (const auto& name : copy_) {
                if (http::equals_ignoring_case(name, field.name)) {
                    added.push_back({.name = field.name, .value = field.value});
                }
            }
        }
        AuthWait& wait = *asker_->auth;
        if (!copy_.empty()) {
            if (!edit_head(core, *asker_, {.dropped = copy_, .added = added})) {
                wait.status = 431;
                wait.text = "there is no room for the fields that say who it is";
                settle(core, AuthWait::Verdict::refused);
                return;
            }
            asker_->vouched = true;
            const auto is_user = [](const std::string& name) {
                return http::field_id(name) == http::FieldId::x_forwarded_user;
            };
            asker_->vouched_user = std::ranges::any_of(copy_, is_user);
        }
        settle(core, AuthWait::Verdict::in);
    }

    // The client gets it from the instance that was asked, which counts and logs it.
    void pass_answer(Core& core, Exchange& exchange) {
        Exchange& asker = *std::exchange(asker_, nullptr);
        passed_on_ = true;
        asker.auth.reset();
        core.views.release(*asker.app);
        asker.app = exchange.app;
        ++asker.app->exchanges;
        asker.wish = {};
        asker.wish.affinity =
            exchange.endpoint->cell->affinity;  // its cookie is of another process
        hand_over(core, exchange, asker);
        asker.attempts = edge::k_attempts_max;  // what it asked for is not for that process
    }

    Exchange* asker_;
    std::vector<std::string> copy_;
    std::uint64_t body_bytes_ = 0;
    bool passed_on_ = false;
};

namespace {

// The question's head: the client's, for another path and without a body.
Buffer* write_question(Core& core, const Exchange& exchange, const edge::ForwardAuth& auth) {
    Buffer* in = core.buffers.lend();
    if (in == nullptr) return nullptr;
    const http::RequestHead& head = exchange.heads->request;
    std::string uri(head.path());
    if (head.has_query) uri.append("?").append(head.query());
    const std::string line = "GET " + auth.path + " HTTP/1.1";
    const std::array<http::ExtraField, 2> said = {
        {{.name = "X-Forwarded-Method", .value = head.method_name()},
         {.name = "X-Forwarded-Uri", .value = uri}}};
    const auto size = http::edit_request_head(
        head, {.start_line = line, .dropped = auth.not_asked, .added = said, .bare = true},
        {in->bytes, edge::k_head_bytes_max});
    in->end = size.value_or(0);
    Heads* heads = core.heads.make();
    const bool good = size && parse(*heads, *in);
    core.heads.drop(heads);
    if (!good) core.buffers.take_back(&in);
    return in;
}

}  // namespace

Admission ask_first(Core& core, Exchange& exchange, const edge::RouteTarget& target) {
    const edge::ForwardAuth& auth = *target.forward_auth;
    if (!auth.app) {
        answer_locally(core, exchange,
                       {.status = 503,
                        .text = "the process that lets requests in is not part of the app",
                        .retry_after_s = edge::k_retry_after_s});
        return Admission::answered;
    }
    Buffer* in = write_question(core, exchange, auth);
    if (in == nullptr) {
        answer_locally(core, exchange,
                       {.status = 431, .text = "there is no room to ask whether it may come in"});
        return Admission::answered;
    }
    exchange.auth = std::make_unique<AuthWait>();
    exchange.auth->cache = target.cache;
    exchange.stage = ResponseStage::auth;
    auto* question = new AuthQuestion(exchange, auth.copy);
    exchange.auth->question = question;
    start_inner(
        core, exchange, *question,
        {.in = in, .app = &core.views.app(*auth.app), .wish = {.kind = InnerKind::question}});
    return Admission::waits;
}

Flow pump_auth(Core& core, Exchange& exchange) {
    if (exchange.auth->verdict == AuthWait::Verdict::pending) return Flow::wait;
    const auto wait = std::move(exchange.auth);
    exchange.stage = ResponseStage::head;
    if (wait->verdict == AuthWait::Verdict::in) {
        enter(core, exchange, wait->cache);
    } else {
        answer_locally(core, exchange,
                       {.status = wait->status,
                        .text = wait->text,
                        .retry_after_s = wait->retry_after_s,
                        .error = wait->error});
    }
    return Flow::progress;
}

void leave_auth(Core& core, Exchange& exchange) {
    const auto wait = std::move(exchange.auth);
    if (wait == nullptr || wait->question == nullptr) return;
    wait->question->forget_asker();
    close_client(core, *wait->question->client);
}

}  // namespace moln::edge_loop
