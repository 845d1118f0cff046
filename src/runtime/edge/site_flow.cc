#include "runtime/edge/site_flow.h"

#include <algorithm>
#include <array>
#include <utility>

#include "edge/site/site_answer.h"
#include "http/status.h"
#include "http/url.h"
#include "http/write.h"
#include "runtime/edge/file_flow.h"
#include "runtime/edge/flow.h"
#include "runtime/edge/say.h"

namespace moln::edge_loop {
namespace {

constexpr std::size_t k_target_max = http::HeadLimits{}.target_bytes_max;

struct Asked {
    std::array<char, k_target_max> normal;
    std::array<char, k_target_max> decoded;

    // Nothing: no file is called like this.
    std::optional<std::string_view> path_of(const http::RequestHead& head) {
        std::optional<std::string_view> path = head.path();
        if (!head.path_is_plain) path = http::normalise_path(head.path(), normal);
        return path ? edge::site_path(*path, decoded) : std::nullopt;
    }
};

void answer_not_allowed(Core& core, Exchange& exchange) {
    answer_locally(core, exchange,
                   {.status = 405,
                    .text = "these are files: they can be read with GET and HEAD alone",
                    .extra = {.name = "Allow", .value = "GET, HEAD"}});
}

void answer_not_found(Core& core, Exchange& exchange) {
    answer_locally(core, exchange, {.status = 404, .text = "there is nothing of that name here"});
}

// The path as it was asked for, so that what the client takes for the same stays the same. Two
// slashes at its begin, or what a client may take for one, would lead to another host.
void send_on(Core& core, Exchange& exchange) {
    const http::RequestHead& head = exchange.heads->request;
    std::array<char, k_target_max + 3> room;
    http::ByteWriter place(room);
    if (head.path().starts_with("//") || head.path().starts_with("/\\")) place.text("/.");
    place.text(head.path());
    place.text("/");
    if (head.has_query) {
        place.text("?");
        place.text(head.query());
    }
    answer_locally(core, exchange,
                   {.status = 308,
                    .text = "this is a folder",
                    .extra = {.name = "Location", .value = place.written()}});
}

http::BodyFraming framing_of(const edge::SiteAnswer& answer, const http::RequestHead& request) {
    if (answer.end == answer.begin || request.method == http::Method::head) return {};
    return {http::BodyKind::length, answer.end - answer.begin};
}

// False: there is no memory.
bool put_site_head(Core& core, Exchange& exchange, const edge::SiteAnswer& answer,
                   const OpenSite& site) {
    const http::RequestHead& request = exchange.heads->request;
    http::ResponseHead& head = exchange.heads->response;
    head.reset();
    head.status = answer.status;
    if (request.method == http::Method::head) head.facts.content_length = answer.end - answer.begin;
    std::array<char, k_hsts_room> hsts_room;
    const auto hsts = hsts_field(exchange, hsts_room);
    edge::SiteFields fields(answer, site.index);
    fields.add(hsts.name, hsts.value);
    // Whoever was not told to continue may send the body or not: only closing tells which.
    const bool unsure = request.expect_continue && !exchange.request_body.complete;
    if (unsure || core.stopping) exchange.keep_client = false;
    if (exchange.to_client == nullptr) exchange.to_client = core.buffers.lend();
    if (exchange.to_client == nullptr) return false;
    Buffer& out = *exchange.to_client;
    const auto framing = framing_of(answer, request);
    const auto size = http::write_response_head(
        head,
        {.request_method = request.method,
         .client_version = exchange.version,
         .body = framing,
         .persistence =
             exchange.keep_client ? http::Persistence::keep_alive : http::Persistence::close,
         .date = core.date_text(),
         .phrase = http::reason_phrase(answer.status),
         .extra = fields.view()},
        {out.tail(), out.room()});
    const bool none = framing.kind == http::BodyKind::none;
    if (!size || !put_head(exchange, *size, none ? h2::End::stream : h2::End::open)) return false;
    exchange.client_body = framing.kind;
    exchange.client_begun = true;
    exchange.status = answer.status;
    return true;
}

void serve_file(Core& core, Exchange& exchange, const edge::SiteFound& found,
                std::shared_ptr<const OpenSite> site) {
    const auto answer =
        edge::answer_with(found, site->index, exchange.heads->request, WallTime{core.wall_ms});
    if (answer.status == 412) {
        answer_locally(core, exchange,
                       {.status = 412, .text = "this file is another than the request expects"});
        return;
    }
    exchange.stage = ResponseStage::file;
    if (!put_site_head(core, exchange, answer, *site)) {
        answer_locally(core, exchange,
                       {.status = 503,
                        .text = "the edge is out of memory",
                        .retry_after_s = edge::k_retry_after_s});
        return;
    }
    const bool body = exchange.client_body != http::BodyKind::none;
    const std::uint64_t at = answer.form->at;
    const Fd& content = site->content;
    begin_file(core, exchange,
               {.file = {std::move(site), &content},
                .at = at + answer.begin,
                .end = body ? at + answer.end : at + answer.begin});
}

// A line in a while, however many ask.
void say_unreadable(Core& core, const Exchange& exchange) {
    if (core.now_ms < core.site_untold_until_ms) return;
    core.site_untold_until_ms = core.now_ms + edge::k_site_unreadable_pause.count;
    say("site_file_unreadable", "app={} path={}", exchange.app->cell->app.text,
        exchange.heads->request.path());
}

}  // namespace

Flow pump_site(Core& core, Exchange& exchange) {
    const Flow flow = pump_file(core, exchange);
    if (flow != Flow::gone || !exchange.file_body->unreadable) return flow;
    say_unreadable(core, exchange);
    if (!withdraw_file(core, exchange)) return flow;
    answer_locally(core, exchange,
                   {.status = 503,
                    .text = "this file cannot be read; its edge's log says which",
                    .retry_after_s = edge::k_retry_after_s});
    return Flow::progress;
}

void enter_site(Core& core, Exchange& exchange) {
    const http::RequestHead& head = exchange.heads->request;
    if (head.method != http::Method::get && head.method != http::Method::head) {
        return answer_not_allowed(core, exchange);
    }
    auto site = exchange.app->site;
    if (!site) {
        return answer_locally(core, exchange,
                              {.status = 503,
                               .text = "the files of this app cannot be read; its edge's log says "
                                       "why",
                               .retry_after_s = edge::k_retry_after_s});
    }
    Asked asked;
    const auto path = asked.path_of(head);
    if (!path) return answer_not_found(core, exchange);
    const auto found = edge::find_file(site->index, exchange.app->spec->site->spec, *path);
    if (found.what == edge::SiteFind::slash) return send_on(core, exchange);
    if (found.entry == nullptr) return answer_not_found(core, exchange);
    serve_file(core, exchange, found, std::move(site));
}

}  // namespace moln::edge_loop
