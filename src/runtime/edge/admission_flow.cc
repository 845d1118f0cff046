#include "runtime/edge/admission_flow.h"

#include <algorithm>
#include <array>

#include "edge/basic_auth.h"
#include "edge/maintenance.h"
#include "http/write.h"
#include "runtime/edge/forward_auth.h"

namespace moln::edge_loop {
namespace {

constexpr std::int64_t k_ns_per_s = 1'000'000'000;
constexpr std::uint64_t k_auth_scope = 1;  // no route's

void answer_too_many(Core& core, Exchange& exchange, std::int64_t wait_ns) {
    const auto wait_s = static_cast<std::uint32_t>((wait_ns + k_ns_per_s - 1) / k_ns_per_s);
    answer_locally(core, exchange,
                   {.status = 429,
                    .text = "too many requests; Retry-After says when to come again",
                    .retry_after_s = wait_s});
}

// 0: within both limits. What the client's own limit refuses does not count for the route's.
std::int64_t rate_wait(Core& core, const Exchange& exchange, const edge::RouteTarget& target) {
    const std::int64_t now_ns = core.now_us * 1000;
    if (target.client_rate) {
        std::array<char, 8> room;
        const auto who = rate_client(exchange.client->link().address(), room);
        const auto wait = core.rates->admit(target.scope, who, *target.client_rate, now_ns);
        if (wait != 0) return wait;
    }
    if (!target.route_rate) return 0;
    return core.rates->admit(target.scope, {}, *target.route_rate, now_ns);
}

void answer_maintenance(Core& core, Exchange& exchange, const MaintenanceSpec& maintenance) {
    const auto retry = static_cast<std::uint32_t>(maintenance.retry_after_s);
    if (maintenance.page.empty()) {
        answer_locally(core, exchange,
                       {.status = 503,
                        .text = "this app is being maintained; please come back in a moment",
                        .retry_after_s = retry});
        return;
    }
    answer_locally(core, exchange,
                   {.status = 503,
                    .text = maintenance.page,
                    .content_type = "text/html; charset=utf-8",
                    .retry_after_s = retry});
}

void ask_for_password(Core& core, Exchange& exchange, std::string_view realm) {
    std::array<char, k_auth_realm_bytes_max + 64> room;
    http::ByteWriter value(room);
    value.text("Basic realm=\"");
    value.text(realm);
    value.text("\", charset=\"UTF-8\"");
    answer_locally(core, exchange,
                   {.status = 401,
                    .text = "this needs a name and a password",
                    .extra = {.name = "WWW-Authenticate", .value = value.written()}});
}

// Guessing is slow for everybody, and slower for one client.
std::int64_t guess_wait(Core& core, const Exchange& exchange) {
    static const auto k_guesses =
        edge::rate_rule({.requests = 20, .window = minutes(1), .burst = 20});
    std::array<char, 8> room;
    const auto who = rate_client(exchange.client->link().address(), room);
    return core.rates->admit(k_auth_scope, who, k_guesses, core.now_us * 1000);
}

Admission check_password(Core& core, Exchange& exchange, const edge::RouteTarget& target) {
    const AuthSpec& auth = *target.auth;
    std::array<char, edge::k_credentials_bytes_max> room;
    const auto said = edge::basic_credentials(exchange.heads->request.fields, room);
    if (!said) {
        ask_for_password(core, exchange, auth.realm);
        return Admission::answered;
    }
    // Of a name that is not there a hash is tried all the same: how long it takes tells nothing.
    const auto hash = edge::hash_of(auth.users, said->user);
    const std::string_view tried = hash.empty() ? edge::first_hash(auth.users) : hash;
    exchange.authenticated = true;
    if (!hash.empty() && core.passwords->known(hash, said->password)) return Admission::in;
    if (const auto wait = guess_wait(core, exchange); wait != 0) {
        answer_too_many(core, exchange, wait);
        return Admission::answered;
    }
    auto check = core.passwords->check(tried, said->password, core.port);
    if (!check) {
        answer_locally(core, exchange,
                       {.status = 503,
                        .text = "too many passwords are being checked; try again",
                        .retry_after_s = edge::k_retry_after_s});
        return Admission::answered;
    }
    exchange.password = std::make_unique<PasswordVisit>();
    exchange.password->check = std::move(check);
    exchange.password->exchange = &exchange;
    exchange.password->nobody = hash.empty();
    exchange.password->realm = auth.realm;
    exchange.stage = ResponseStage::password;
    core.password_visits.push_back(exchange.password.get());
    return Admission::waits;
}

}  // namespace

Admission admit(Core& core, Exchange& exchange, const edge::RouteTarget& target) {
    if (target.client_rate || target.route_rate) {
        if (const auto wait = rate_wait(core, exchange, target); wait != 0) {
            core.counts.rate_limited.add(1);
            answer_too_many(core, exchange, wait);
            return Admission::answered;
        }
    }
    const AppView& app = *exchange.app;
    if (is_in_maintenance(app) &&
        !edge::is_let_through(*app.spec->maintenance, app.allowed, exchange.heads->request,
                              exchange.client->link().address())) {
        answer_maintenance(core, exchange, *app.spec->maintenance);
        return Admission::answered;
    }
    if (target.auth) {
        const auto admission = check_password(core, exchange, target);
        if (admission != Admission::in) return admission;
    }
    return target.forward_auth ? ask_first(core, exchange, target) : Admission::in;
}

namespace {

// Its password was right: on to whatever else its route asks, as that is now.
void let_in(Core& core, Exchange& exchange) {
    const auto routed = route_of(core, exchange.heads->request);
    if (routed.app != exchange.app) {
        answer_locally(core, exchange,
                       {.status = 503,
                        .text = "the route was changed meanwhile; try again",
                        .retry_after_s = edge::k_retry_after_s});
        return;
    }
    const auto& target = *routed.target;
    const auto admission = target.forward_auth ? ask_first(core, exchange, target) : Admission::in;
    if (admission == Admission::in) enter(core, exchange, target.cache);
}

}  // namespace

void serve_password_news(Core& core) {
    if (!std::exchange(core.password_news, false)) return;
    edge::List<PasswordVisit, ByPassword> batch;
    while (PasswordVisit* visit = core.password_visits.pop_front()) batch.push_back(visit);
    while (PasswordVisit* visit = batch.pop_front()) {
        const auto verdict = visit->check->verdict.load();
        if (verdict == PasswordVerdict::pending) {
            core.password_visits.push_back(visit);
            continue;
        }
        Exchange& exchange = *visit->exchange;
        const auto done = std::move(exchange.password);
        exchange.stage = ResponseStage::head;
        if (verdict == PasswordVerdict::right && !done->nobody) {
            let_in(core, exchange);
        } else {
            ask_for_password(core, exchange, done->realm);
        }
        drive(core, *exchange.client);
    }
}

}  // namespace moln::edge_loop
