#include "runtime/edge/site_flow.h"

#include <algorithm>
#include <array>
#include <utility>

#include "edge/site/site_answer.h"
#include "http/status.h"
#include "http/url.h"
#include "http/write.h"
#include "runtime/edge/flow.h"
#include "runtime/edge/framed_buffer.h"
#include "runtime/edge/socket_io.h"

namespace moln::edge_loop {
namespace {

constexpr std::size_t k_target_max = http::HeadLimits{}.target_bytes_max;
// Below it one write of head and body is cheaper than two calls.
constexpr std::uint64_t k_sendfile_min = 32u << 10;
// At a time: others have their turn.
constexpr std::uint64_t k_sendfile_max = 1u << 20;
// What lies between two looks at what is in memory: the kernel reads ahead about so much at once.
constexpr std::uint64_t k_look_step = 256u << 10;

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

// The path as it was asked for, so that what the client takes for the same stays the same.
void send_on(Core& core, Exchange& exchange) {
    const http::RequestHead& head = exchange.heads->request;
    std::array<char, k_target_max + 1> room;
    http::ByteWriter place(room);
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
    if (core.stopping) exchange.keep_client = false;
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
    exchange.stage = ResponseStage::site;
    if (!put_site_head(core, exchange, answer, *site)) {
        answer_locally(core, exchange,
                       {.status = 503,
                        .text = "the edge is out of memory",
                        .retry_after_s = edge::k_retry_after_s});
        return;
    }
    SiteVisit& visit = *core.site_visits.make();
    exchange.site_visit = &visit;
    visit.exchange = &exchange;
    const bool body = exchange.client_body != http::BodyKind::none;
    visit.at = answer.form->at + answer.begin;
    visit.end = body ? answer.form->at + answer.end : visit.at;
    visit.site = std::move(site);
}

bool sends_files(const Client& client) {
    return client.stream == nullptr && client.tls == nullptr;
}

bool is_in_memory(const OpenSite& site, std::uint64_t at, std::uint64_t bytes) {
    char one = 0;
    const auto look = [&](std::uint64_t place) {
        return read_site_bytes(site, place, {&one, 1}, SitePatience::none) == 1;
    };
    for (std::uint64_t place = at; place < at + bytes; place += k_look_step) {
        if (!look(place)) return false;
    }
    return look(at + bytes - 1);
}

// The disk is asked for as much as a buffer takes.
Flow wait_for_disk(Core& core, SiteVisit& visit) {
    auto read = std::make_shared<SiteRead>();
    read->site = visit.site;
    read->at = visit.at;
    read->wanted = static_cast<std::size_t>(
        std::min<std::uint64_t>(visit.end - visit.at, Buffer::capacity() / 2));
    read->asker = &core.port;
    visit.read = read;
    core.site_visits_waiting.push_back(&visit);
    core.site_reader->read(std::move(read));
    return Flow::wait;
}

// What was taken from the content stands in to_client.
void note_taken(Exchange& exchange, SiteVisit& visit, std::size_t bytes) {
    visit.at += bytes;
    visit.filled = true;
    exchange.body_bytes_sent += bytes;
}

Flow take_read(Core& core, Exchange& exchange, SiteVisit& visit) {
    switch (visit.read->state.load()) {
        case SiteRead::State::pending: return Flow::wait;
        case SiteRead::State::failed: return Flow::gone;
        case SiteRead::State::done: break;
    }
    if (exchange.to_client == nullptr) exchange.to_client = core.buffers.lend();
    if (exchange.to_client == nullptr) return Flow::gone;
    exchange.to_client->append(visit.read->bytes);
    note_taken(exchange, visit, visit.read->bytes.size());
    visit.read.reset();
    visit.unlink();  // another event may find it done before the news of it come
    return Flow::progress;
}

// Fills to_client as far as memory has it.
Flow fill(Core& core, Exchange& exchange, SiteVisit& visit) {
    if (exchange.to_client == nullptr) exchange.to_client = core.buffers.lend();
    if (exchange.to_client == nullptr) return Flow::gone;
    Buffer& out = *exchange.to_client;
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(out.room(), visit.end - visit.at));
    const auto got =
        read_site_bytes(*visit.site, visit.at, {out.tail(), wanted}, SitePatience::none);
    if (got < 0) return Flow::gone;
    if (got == 0) {
        if (out.empty()) core.buffers.take_back(&exchange.to_client);
        return wait_for_disk(core, visit);
    }
    out.end += static_cast<std::size_t>(got);
    note_taken(exchange, visit, static_cast<std::size_t>(got));
    return Flow::progress;
}

Flow flush(Core& core, Exchange& exchange, SiteVisit& visit) {
    Client& client = *exchange.client;
    if (!client.ready.writable) return Flow::wait;
    const bool last = visit.at == visit.end;
    const auto bytes = exchange.to_client->view();
    const IoResult put = sends_files(client)
                             ? transmit_raw(client.fd.get(), client.ready, bytes, {},
                                            last ? Following::nothing : Following::more)
                             : transmit(client, bytes, {}, last ? h2::End::stream : h2::End::open);
    if (put.end == IoEnd::would_block) return Flow::wait;
    if (put.end == IoEnd::broken) return Flow::gone;
    (void)consume_ahead(core.buffers, &exchange.to_client, put.bytes);
    if (exchange.to_client != nullptr) return Flow::progress;
    visit.filled = false;
    return last ? Flow::done : Flow::progress;
}

Flow send_file(Core& core, Exchange& exchange, SiteVisit& visit) {
    Client& client = *exchange.client;
    if (!client.ready.writable) return Flow::wait;
    const auto bytes = std::min(visit.end - visit.at, k_sendfile_max);
    if (!is_in_memory(*visit.site, visit.at, bytes)) return wait_for_disk(core, visit);
    const IoResult put = send_file_raw(client.fd.get(), client.ready, visit.site->content.get(),
                                       visit.at, static_cast<std::size_t>(bytes));
    if (put.end == IoEnd::would_block) return Flow::wait;
    if (put.end != IoEnd::some) return Flow::gone;
    visit.at += put.bytes;
    exchange.body_bytes_sent += put.bytes;
    return visit.at == visit.end ? Flow::done : Flow::progress;
}

}  // namespace

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

Flow pump_site(Core& core, Exchange& exchange) {
    SiteVisit& visit = *exchange.site_visit;
    if (visit.read) return take_read(core, exchange, visit);
    const auto left = visit.end - visit.at;
    const bool by_file = left >= k_sendfile_min && sends_files(*exchange.client);
    const bool waiting = exchange.to_client != nullptr && !exchange.to_client->empty();
    // A head waits for what follows it, to go out with it.
    if (waiting && (visit.filled || by_file || left == 0)) return flush(core, exchange, visit);
    if (left == 0) return Flow::done;
    return by_file ? send_file(core, exchange, visit) : fill(core, exchange, visit);
}

void serve_site_news(Core& core) {
    if (!std::exchange(core.site_news, false)) return;
    edge::List<SiteVisit, BySite> batch;
    while (SiteVisit* visit = core.site_visits_waiting.pop_front()) batch.push_back(visit);
    while (SiteVisit* visit = batch.pop_front()) {
        if (visit->read && visit->read->state.load() == SiteRead::State::pending) {
            core.site_visits_waiting.push_back(visit);
            continue;
        }
        drive(core, *visit->exchange->client);
    }
}

void leave_site(Core& core, Exchange& exchange) {
    SiteVisit* visit = std::exchange(exchange.site_visit, nullptr);
    if (visit != nullptr) core.site_visits.drop(visit);
}

}  // namespace moln::edge_loop
