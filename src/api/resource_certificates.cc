#include <algorithm>

#include <fmt/format.h>

#include "api/call.h"
#include "api/table.h"
#include "api/view.h"
#include "model/certificate.h"
#include "model/limits.h"

namespace moln::api {
namespace {

void certificate_list(std::shared_ptr<Call> call) {
    call->reply(Items<CertificateView>{certificate_views(call->world(), call->now())});
}

// By its id, or by a host that it serves: what the edges show for that name.
const Certificate* find_certificate(const World& world, const std::string& said) {
    const auto& all = world.certificates;
    if (const auto found = all.find(CertificateId(said)); found != all.end()) return &found->second;
    const auto* serving = serving_certificate(world.edge, said);
    const auto found = serving == nullptr ? all.end() : all.find(serving->id);
    return found == all.end() ? nullptr : &found->second;
}

// The same; or by the host of one that is still to come; or of one that no route needs.
void certificate_get(std::shared_ptr<Call> call) {
    const auto& all = call->world().certificates;
    const auto said = call->text("certificate");
    const auto show = [&](const Certificate& certificate) {
        auto view = certificate_view(call->world(), certificate, call->now());
        view.chain = certificate.chain;
        call->reply(view);
    };
    if (const auto* found = find_certificate(call->world(), said)) return show(*found);
    for (const auto& view : certificate_views(call->world(), call->now())) {
        const bool is_it = view.id.text == said || view.hosts == std::vector<std::string>{said};
        if (is_it && !all.contains(view.id)) return call->reply(view);
    }
    for (const auto& [id, certificate] : all) {
        const auto covers = [&](const std::string& name) { return name_covers(name, said); };
        if (std::ranges::any_of(certificate.hosts, covers)) return show(certificate);
    }
    call->fail({ErrorCode::not_found,
                fmt::format("certificate {}: there is none of this id or for this host; see "
                            "`moln cert ls`",
                            said)});
}

void acme_get(std::shared_ptr<Call> call) {
    call->reply(acme_view(call->world(), call->now()));
}

void acme_set(std::shared_ptr<Call> call) {
    auto body = call->body_as<AcmeBody>();
    auto command = call->control().take_acme({.directory = std::move(body.directory),
                                              .email = std::move(body.email),
                                              .ca_bundle = std::move(body.ca_bundle),
                                              .agree_tos = body.agree_tos,
                                              .sealed_key = {}});
    if (!command) return call->fail(command.error());
    call->execute(std::move(*command));
}

void acme_stop(std::shared_ptr<Call> call) {
    call->execute(StopAcmeCommand{});
}

// The key is sealed before it becomes a command: no command, log or store sees it open.
void certificate_add(std::shared_ptr<Call> call) {
    const Secret pem(std::exchange(call->request.body, {}));
    if (pem.empty()) {
        return call->fail({ErrorCode::invalid,
                           "expected the certificate chain, leaf first, and its private key as "
                           "the body, both PEM"});
    }
    auto certificate = call->control().take_certificate(pem);
    if (!certificate) return call->fail(certificate.error());
    call->execute(AddCertificateCommand{std::move(*certificate)});
}

void certificate_remove(std::shared_ptr<Call> call) {
    call->execute(RemoveCertificateCommand{CertificateId(call->text("certificate"))});
}

void certificate_retry(std::shared_ptr<Call> call) {
    call->execute(RetryCertificateCommand{call->text("certificate")});
}

void authority_get(std::shared_ptr<Call> call) {
    const auto& authority = call->world().authority;
    if (!authority) {
        return call->fail({ErrorCode::not_found,
                           "there is no local authority yet: it is made with the first route to a "
                           "local host, such as shop.localhost"});
    }
    call->reply(AuthorityView{authority->certificate, authority->fingerprint, authority->not_before,
                              authority->not_after});
}

}  // namespace

std::vector<Endpoint> certificate_endpoints() {
    const auto change = json_reply<ChangeView>();
    constexpr Bytes k_body_max{static_cast<std::int64_t>(k_certificate_bytes_max)};
    return {
        {.path = "/v1/certificates",
         .summary = "Certificates: hosts, where they come from, when they end, which routes use "
                    "them",
         .cli = "cert ls",
         .reply = json_reply<Items<CertificateView>>(),
         .handle = certificate_list},
        {.method = Method::post,
         .path = "/v1/certificates",
         .summary = "Add a certificate, or renew the one of the same hosts; the body is the chain, "
                    "leaf first, and its private key, PEM, in one text",
         .cli = "cert add",
         .body = {BodyKind::bytes, {}, k_body_max},
         .reply = change,
         .errors = {ErrorCode::refused},
         .handle = certificate_add},
        {.path = "/v1/certificates/{certificate}",
         .summary = "One certificate with its chain, by id, or by a host that it serves or is to "
                    "serve; never its key",
         .cli = "cert show",
         .reply = json_reply<CertificateView>(),
         .errors = {ErrorCode::not_found},
         .handle = certificate_get},
        {.method = Method::delete_,
         .path = "/v1/certificates/{certificate}",
         .summary = "Remove a certificate and its key, for ever",
         .cli = "cert rm",
         .reply = change,
         .errors = {ErrorCode::not_found},
         .handle = certificate_remove},
        {.method = Method::post,
         .path = "/v1/certificates/{certificate}/retry",
         .summary = "Ask the public authority for the certificate of this host now, whose last "
                    "attempt failed; refused while it would be asked too often",
         .cli = "cert retry",
         .reply = change,
         .errors = {ErrorCode::not_found, ErrorCode::refused},
         .handle = certificate_retry},
        {.path = "/v1/acme",
         .summary = "The public authority that hosts of routes get their certificates from",
         .cli = "cert acme",
         .reply = json_reply<AcmeView>(),
         .handle = acme_get},
        {.method = Method::put,
         .path = "/v1/acme",
         .summary = "Let public hosts of routes get their certificates from an authority (ACME) by "
                    "themselves; its terms of service must be agreed to",
         .cli = "cert acme --agree-tos",
         .body = json_body<AcmeBody>(),
         .reply = change,
         .handle = acme_set},
        {.method = Method::delete_,
         .path = "/v1/acme",
         .summary = "Order and renew no certificates any more; those that are there serve on",
         .cli = "cert acme --off",
         .reply = change,
         .handle = acme_stop},
        {.path = "/v1/authority",
         .summary = "The local authority's certificate, for clients to trust",
         .cli = "trust --print",
         .reply = json_reply<AuthorityView>(),
         .errors = {ErrorCode::not_found},
         .handle = authority_get},
    };
}

}  // namespace moln::api
