#include "runtime/edge/inner_client.h"

#include <utility>

#include "runtime/edge/span_flow.h"

namespace moln::edge_loop {

void drive_soon(Core& core, Client& client) {
    auto& again = static_cast<edge::ListLink<ByAgain>&>(client);
    if (client.state != ClientState::closed && !again.linked()) core.again.push_back(&client);
}

void start_inner(Core& core, const Exchange& asker, InnerSink& sink, const InnerRequest& request) {
    const Client& link = asker.client->link();
    Client* client = core.clients.make();
    client->sink = &sink;
    sink.client = client;
    client->in = request.in;
    client->state = ClientState::exchange;
    client->ready.writable = true;
    client->edge_port = link.edge_port;
    client->address_size = link.address_size;
    client->address_text = link.address_text;
    core.all_clients.push_back(client);
    sink.scheme = scheme_of(asker);
    sink.client_cert = asker.client_cert;
    if (client->in == nullptr) {
        close_client(core, *client);
        return;
    }
    begin_inner_exchange(core, *client, asker, *request.app, request.wish);
    drive_soon(core, *client);
}

void hand_over(Core& core, Exchange& inner, Exchange& asker) {
    end_try(core, inner, {});  // its answer is here, and what it was asked is known there alone
    asker.upstream = std::exchange(inner.upstream, nullptr);
    asker.upstream->exchange = &asker;
    // To HEAD the answer is over with its head, but what was asked may have been another method.
    const bool other = asker.heads->request.method == http::Method::head &&
                       inner.heads->request.method != http::Method::head;
    if (H2Stream* stream = asker.upstream->stream; other && stream != nullptr) {
        stream->end_is_late = true;
    }
    core.views.hand_over(inner, asker);
    asker.request_sent = true;
    asker.attempts = inner.attempts;
    asker.retries = inner.retries;
    asker.queue_us = inner.queue_us;
    asker.stage = ResponseStage::head;
    asker.heads->response_cursor = {};
    drive_soon(core, *asker.client);
}

}  // namespace moln::edge_loop
