#include "drivers/acme/real_acme.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "drivers/certificate/inspect.h"
#include "drivers/certificate/request.h"
#include "drivers/certificate/x509.h"
#include "io/file/files.h"
#include "io/file/tree.h"
#include "model/limits.h"

namespace moln {
namespace {

constexpr const char* k_request = "request.pem";
constexpr const char* k_issued = "request-cert.pem";  // where uacme writes it

WallTime wall_now() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
}

// Now, or the time within the leaf's life that is nearest to it: whether it is valid by our clock
// is the plan's to judge, which knows what a wrong clock is.
WallTime time_to_look_at(const std::string& chain) {
    const auto now = wall_now();
    const auto read = openssl::read_certificates(chain);
    if (!read || read->empty()) return now;
    const auto& leaf = *read->front();
    const auto begins = openssl::time_of(X509_get0_notBefore(&leaf));
    const auto ends = openssl::time_of(X509_get0_notAfter(&leaf));
    return std::max(begins, std::min(now, ends + Milliseconds{-1}));
}

Error uacme_error(const Uacme& uacme) {
    const auto& output = uacme.output();
    return {is_away(output) ? ErrorCode::unavailable : ErrorCode::failed, failure_reason(output)};
}

// A run that nothing is offered in.
Status run_whole(Uacme& uacme, const std::vector<std::string>& words) {
    MOLN_TRY(uacme.start(words));
    MOLN_ASSIGN(const auto offer, uacme.run(k_acme_step_limit));
    if (!offer && uacme.succeeded()) return {};
    return std::unexpected(uacme_error(uacme));
}

std::vector<std::string> with_email(std::string verb, const std::string& email) {
    std::vector<std::string> words = {std::move(verb)};
    if (!email.empty()) words.push_back(email);
    return words;
}

}  // namespace

RealAcme::RealAcme(const SealBox& seals, std::string folder)
    : seals_(seals),
      edge_seals_(seals.for_purpose(k_seal_certificates)),
      folder_(std::move(folder)) {
    (void)remove_tree(folder_);  // each attempt clears its own, too
}

RealAcme::Busy::Busy(RealAcme& acme) : acme_(acme) {
    const std::lock_guard lock(acme_.mutex_);
    ++acme_.busy_;
}

// Under the lock: once it is given back the driver may be gone.
RealAcme::Busy::~Busy() {
    const std::lock_guard lock(acme_.mutex_);
    --acme_.busy_;
    acme_.idle_.notify_all();
}

RealAcme::~RealAcme() {
    cancelled_ = true;
    {
        std::unique_lock lock(mutex_);
        idle_.wait(lock, [this] { return busy_ == 0; });
    }
    attempts_.clear();
    (void)remove_tree(folder_);
}

Result<std::unique_ptr<Uacme>> RealAcme::prepare(const AcmeAccount& account,
                                                 const std::string& name,
                                                 ChallengeKind challenge) const {
    auto key = seals_.unseal(account.sealed_key, k_acme_key);
    // Without its key it is as good as none: in the authority's own word (RFC 8555, 6.7).
    if (!key) {
        return fail(ErrorCode::failed,
                    "accountDoesNotExist: its key is lost, `moln cert acme "
                    "--agree-tos` makes a new one: " +
                        key.error().reason);
    }
    return Uacme::prepare({.folder = folder_ + "/" + name,
                           .directory = account.directory,
                           .ca_bundle = account.ca_bundle,
                           .account_key = std::move(*key),
                           .challenge = challenge,
                           .cancelled = &cancelled_});
}

Status RealAcme::register_account(const AcmeAccount& account) {
    const Busy busy(*this);
    MOLN_ASSIGN(const auto uacme, prepare(account, "account", ChallengeKind::http_01));
    const auto made = run_whole(*uacme, with_email("new", account.email));
    if (made || !account_exists(uacme->output())) return made;
    return run_whole(*uacme, with_email("update", account.email));
}

Result<EdgeChallenge> RealAcme::challenge_of(const AcmeOrder& order,
                                             const OfferedChallenge& offer) const {
    EdgeChallenge challenge;
    challenge.host = order.host;
    challenge.kind = order.challenge;
    if (order.challenge == ChallengeKind::http_01) {
        challenge.token = offer.token;
        challenge.authorization = offer.authorization;
        return challenge;
    }
    MOLN_ASSIGN(const auto made,
                make_challenge_certificate(order.host, offer.authorization, wall_now()));
    challenge.id = CertificateId("challenge-" + order.id.text);
    challenge.chain = made.certificate;
    challenge.sealed_key = edge_seals_.seal(made.key, seal_context(challenge.id));
    return challenge;
}

Result<AcmeBegun> RealAcme::begin(const AcmeAccount& account, const AcmeOrder& order) {
    const Busy busy(*this);
    {
        const std::lock_guard lock(mutex_);
        attempts_.erase(order.host);
    }
    auto attempt = std::make_unique<Attempt>();
    attempt->order = order;
    MOLN_ASSIGN(attempt->uacme, prepare(account, order.id.text, order.challenge));
    MOLN_ASSIGN(auto request, make_request(order.host));
    attempt->key = std::move(request.key);
    const auto path = attempt->uacme->path(k_request);
    MOLN_TRY(write_file(path, request.request, 0600, Durability::unsynced));
    MOLN_TRY(attempt->uacme->start({"issue", path}));
    MOLN_ASSIGN(const auto offer, attempt->uacme->run(k_acme_step_limit));
    AcmeBegun begun;
    if (!offer) {
        MOLN_ASSIGN(begun.certificate, take(*attempt));
        return begun;
    }
    MOLN_ASSIGN(begun.challenge, challenge_of(order, *offer));
    const std::lock_guard lock(mutex_);
    attempts_[order.host] = std::move(attempt);
    return begun;
}

Result<Certificate> RealAcme::finish(const std::string& host, AcmeAnswer answer) {
    const Busy busy(*this);
    std::unique_ptr<Attempt> attempt;
    {
        const std::lock_guard lock(mutex_);
        if (auto found = attempts_.extract(host)) attempt = std::move(found.mapped());
    }
    if (!attempt) return fail(ErrorCode::not_found, "no attempt for " + host + " is under way");
    if (answer == AcmeAnswer::decline) {
        return fail(ErrorCode::failed, "the edges did not take the challenge in time");
    }
    attempt->uacme->answer(true);
    const auto offer = attempt->uacme->run(k_acme_step_limit);
    // It was there to offer a challenge: what it is not done with is this order.
    if (!offer) {
        const auto& error = offer.error();
        const bool late = error.code == ErrorCode::timeout;
        return fail(late ? ErrorCode::failed : error.code, error.reason);
    }
    // It was looked at once; uacme asks again only about another name.
    if (*offer) return fail(ErrorCode::failed, "the authority asks for another challenge");
    return take(*attempt);
}

Result<Certificate> RealAcme::take(Attempt& attempt) const {
    if (!attempt.uacme->succeeded()) return std::unexpected(uacme_error(*attempt.uacme));
    MOLN_ASSIGN(const auto chain,
                read_file(attempt.uacme->path(k_issued), k_certificate_bytes_max));
    auto found =
        inspect_certificate(Secret(chain + "\n" + attempt.key.reveal()), time_to_look_at(chain));
    if (!found) return fail(ErrorCode::failed, found.error().reason);
    auto certificate = std::move(found->certificate);
    certificate.id = attempt.order.id;
    certificate.source = CertificateSource::acme;
    certificate.sealed_key = edge_seals_.seal(found->key, seal_context(certificate.id));
    return certificate;
}

}  // namespace moln
