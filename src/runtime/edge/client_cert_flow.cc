#include "runtime/edge/client_cert_flow.h"

#include <array>

#include "http/write.h"
#include "runtime/edge/flow.h"

namespace moln::edge_loop {
namespace {

void refuse(Core& core, Exchange& exchange, std::string_view why) {
    answer_locally(core, exchange, {.status = 403, .text = why});
}

}  // namespace

bool admit_client_cert(Core& core, Exchange& exchange, const edge::RouteTarget& target) {
    const auto& rule = *target.client_cert;
    const Client& link = exchange.client->link();
    if (!link.tls) {
        refuse(core, exchange,
               "this asks for a client certificate, which is shown over TLS alone, and this edge "
               "listens for TLS nowhere");
        return false;
    }
    const auto* authorities = core.views.sites()->authorities(rule.authorities);
    if (authorities == nullptr) {
        refuse(core, exchange,
               "this asks for a client certificate of authorities that the edge cannot read; set "
               "the route's client_cert anew");
        return false;
    }
    if (!link.tls->asked_for(*authorities)) {
        // Another connection, with the host's name in its handshake, will be asked.
        exchange.keep_client = false;
        answer_locally(core, exchange,
                       {.status = 421,
                        .text = "this asks for a client certificate, which this connection was not "
                                "asked for; connect anew, by the host's name"});
        return false;
    }
    const auto& shown = link.tls->shown(*authorities, core.now_ms);
    if (shown.refusal.empty()) exchange.client_cert = shown.field;
    if (rule.need == ClientCertNeed::optional || !exchange.client_cert.empty()) return true;
    if (shown.refusal.empty()) {
        refuse(core, exchange, "this needs a client certificate, and none was shown");
        return false;
    }
    std::array<char, 256> room;
    http::ByteWriter text(room);
    text.text("the client certificate is not accepted: ");
    text.text(shown.refusal);
    refuse(core, exchange, text.fits() ? text.written() : "the client certificate is not accepted");
    return false;
}

}  // namespace moln::edge_loop
