#include "runtime/edge/acme_challenge.h"

#include <array>

#include "http/url.h"

namespace moln::edge_loop {

bool answer_challenge(Core& core, Exchange& exchange) {
    const http::RequestHead& head = exchange.heads->request;
    const Tables* tables = core.views.tables();
    if (tables == nullptr || !head.path().starts_with(edge::k_challenge_path)) return false;
    if (head.method != http::Method::get && head.method != http::Method::head) return false;
    std::array<char, http::k_host_bytes_max> room;
    const auto host = http::normalise_host(head.host(), room);
    const auto text = tables->compiled.challenges->find(host, head.path());
    if (text.empty()) return false;
    answer_locally(core, exchange, {.status = 200, .text = text});
    return true;
}

}  // namespace moln::edge_loop
