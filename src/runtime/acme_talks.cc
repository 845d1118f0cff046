#include "runtime/acme_talks.h"

#include <utility>

namespace moln {
namespace {

// So that calls about one host come one after the other.
std::string lane(const std::string& host) {
    return "acme " + host;
}

AcmeOutcome outcome_of(const Error& error) {
    const bool of_host = error.code == ErrorCode::failed || error.code == ErrorCode::invalid;
    return {std::nullopt, error.reason, of_host ? AcmeFault::host : AcmeFault::authority};
}

}  // namespace

void AcmeTalks::take(const std::vector<plan::AcmeStep>& steps) {
    for (const auto& step : steps) {
        switch (step.verb) {
            case plan::AcmeVerb::register_account: register_account(); break;
            case plan::AcmeVerb::begin: begin(step); break;
            case plan::AcmeVerb::answer: finish(step, AcmeAnswer::look); break;
            case plan::AcmeVerb::decline: finish(step, AcmeAnswer::decline); break;
            case plan::AcmeVerb::forget: world_.attempts.erase(step.host); break;
            case plan::AcmeVerb::forget_registration:
                world_.registering = false;
                world_.registration.reset();
                break;
        }
    }
}

void AcmeTalks::register_account() {
    if (!world_.acme || world_.registering) return;
    world_.registering = true;
    run_blocking<Status>(
        loop_, lane(""),
        [&acme = acme_, account = *world_.acme] { return acme.register_account(account); },
        [this, asked = *world_.acme](const Status& done) {
            const auto& now = world_.acme;
            const bool same = now && now->directory == asked.directory &&
                              now->email == asked.email && now->ca_bundle == asked.ca_bundle;
            // Of another account than is wanted by now this says nothing.
            if (same) {
                world_.registration = done ? AcmeOutcome{{}, "", {}} : outcome_of(done.error());
            }
            if (!same) world_.registering = false;
            changed_();
        });
}

void AcmeTalks::begin(const plan::AcmeStep& step) {
    if (!world_.acme) return;
    world_.attempts[step.host] = {.id = step.id,
                                  .directory = world_.acme->directory,
                                  .kind = step.challenge,
                                  .since = loop_.now().mono};
    const AcmeOrder order{.host = step.host, .id = step.id, .challenge = step.challenge};
    run_blocking<Result<AcmeBegun>>(
        loop_, lane(step.host),
        [&acme = acme_, order, account = *world_.acme] { return acme.begin(account, order); },
        [this, step](Result<AcmeBegun> result) { begun(step, std::move(result)); });
}

void AcmeTalks::finish(const plan::AcmeStep& step, AcmeAnswer answer) {
    auto* attempt = attempt_of(step);
    if (attempt == nullptr || attempt->answered) return;
    attempt->answered = true;
    run_blocking<Result<Certificate>>(
        loop_, lane(step.host),
        [&acme = acme_, host = step.host, answer] { return acme.finish(host, answer); },
        [this, step](Result<Certificate> result) { finished(step, std::move(result)); });
}

void AcmeTalks::begun(const plan::AcmeStep& step, Result<AcmeBegun> begun) {
    auto* attempt = attempt_of(step);
    if (attempt == nullptr) return;
    attempt->since = loop_.now().mono;
    if (!begun) {
        attempt->outcome = outcome_of(begun.error());
    } else if (begun->certificate) {
        attempt->outcome = AcmeOutcome{std::move(begun->certificate), "", {}};
    } else {
        attempt->challenge = std::move(begun->challenge);
    }
    changed_();
}

void AcmeTalks::finished(const plan::AcmeStep& step, Result<Certificate> certificate) {
    auto* attempt = attempt_of(step);
    if (attempt == nullptr) return;
    attempt->since = loop_.now().mono;
    attempt->outcome = certificate ? AcmeOutcome{std::move(*certificate), "", {}}
                                   : outcome_of(certificate.error());
    changed_();
}

AcmeAttempt* AcmeTalks::attempt_of(const plan::AcmeStep& step) {
    const auto found = world_.attempts.find(step.host);
    return found == world_.attempts.end() || found->second.id != step.id ? nullptr : &found->second;
}

}  // namespace moln
