// Certificates from a public authority: turning it on, changing it, turning it off.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "model/acme.h"
#include "model/words.h"
#include "plan/acme.h"
#include "plan/decision.h"

namespace moln::plan {
namespace {

// What was refused by one authority is not known of another.
void forget_orders(Decision& d) {
    for (const auto& [host, order] : d.world().orders) {
        if (!d.world().attempts.contains(host)) d.draft.drop_order(host);
    }
}

bool is_routed(const World& world, const std::string& host) {
    return std::ranges::binary_search(world.edge.routes, host, {}, &EdgeRoute::host);
}

bool is_left_alone(const AcmeAccount& account, SteadyTime now) {
    return account.retry > now && is_rate_limit(account.reason);
}

Status refuse_to_ask(const AcmeAccount& account, SteadyTime now) {
    return fail(ErrorCode::refused, fmt::format("{} wants to be left alone: {}; try again in {}",
                                                acme_name(account.directory), account.reason,
                                                duration_words(account.retry - now)));
}

// One that could not be talked with, or not by our clock, is asked when a person says so.
Status ask_again(Decision& d, const AcmeAccount& account, const std::string& host) {
    const auto steady = d.draft.now().steady;
    if (is_left_alone(account, steady)) return refuse_to_ask(account, steady);
    const auto name = acme_name(account.directory);
    d.effects.push_back(fmt::format("ask {} for the certificate of {} now", name, host));
    d.reply.text = fmt::format("{} is asked for the certificate of {} now; see `moln cert show {}`",
                               name, host, host);
    if (account.retry <= steady) return {};
    AcmeAccount next = account;
    next.retry = steady;
    d.draft.put(std::move(next));
    return {};
}

}  // namespace

namespace {

// Those that failed by what the authority, or the way to it, is to be well of now.
void hurry_orders(Decision& d, const std::string& reason) {
    if (reason.empty()) return;
    std::vector<CertificateOrder> hurried;
    for (const auto& [host, order] : d.world().orders) {
        if (order.reason == reason) hurried.push_back(order);
    }
    for (auto& order : hurried) {
        order.retry = {};
        d.draft.put(std::move(order));
    }
}

}  // namespace

Status decide_on(Decision& d, const SetAcmeCommand& command) {
    const auto& before = d.world().acme;
    auto directory = acme_directory(command.directory);
    if (directory.empty()) directory = before ? before->directory : acme_directory(k_acme_default);
    if (auto good = validate_acme_url(directory); !good) return fail_in("directory", good.error());
    if (command.email) {
        if (auto good = validate_email(*command.email); !good)
            return fail_in("email", good.error());
    }
    const bool same = before && before->directory == directory;
    const auto name = acme_name(directory);
    if (!same && !command.agree_tos) {
        return fail(ErrorCode::invalid,
                    fmt::format("{} gives certificates under its terms of service: read them, then "
                                "say --agree-tos",
                                name));
    }
    AcmeAccount account;
    if (same) account = *before;
    if (!same) {
        account.directory = directory;
        account.sealed_key = command.sealed_key;
        account.agreed = d.now();
        forget_orders(d);
        if (before) account.email = before->email;
    }
    // What the authority does not know is no loss, and its key may be lost: then this is the way
    // out.
    if (same && !before->registered && before->failures > 0 && command.agree_tos) {
        account.sealed_key = command.sealed_key;
    }
    if (command.email && *command.email != account.email) {
        account.email = *command.email;
        account.registered = false;
    }
    if (command.ca_bundle) account.ca_bundle = *command.ca_bundle;
    account.enabled = true;
    // One that limits our rate is waited for: that is not ended by saying all once more.
    if (!same || !before->registered || !is_rate_limit(before->reason)) {
        account.failures = 0;
        account.retry = {};
        account.reason.clear();
        if (same) hurry_orders(d, before->reason);
    }
    d.reply.text = fmt::format(
        "hosts of routes get their certificates from {} by themselves; see "
        "`moln cert ls`",
        name);
    if (before == account) return {};
    d.effects.push_back(fmt::format("order certificates from {} for public hosts of routes", name));
    d.draft.tell(EventLevel::info, "acme.set", {}, name,
                 fmt::format("hosts of routes get their certificates from {} by themselves", name));
    d.draft.put(std::move(account));
    return {};
}

Status decide_on(Decision& d, const StopAcmeCommand&) {
    const auto& before = d.world().acme;
    if (!before || !before->enabled) {
        d.reply.text = "no certificates are ordered";
        return {};
    }
    AcmeAccount account = *before;
    account.enabled = false;
    const auto name = acme_name(account.directory);
    d.reply.text = fmt::format(
        "no certificates are ordered from {} any more, and none is renewed; "
        "those that are there serve until they end",
        name);
    d.effects.push_back(fmt::format("order and renew no certificates from {} any more", name));
    d.draft.tell(EventLevel::info, "acme.stopped", {}, name,
                 fmt::format("no certificates are ordered from {} any more", name));
    d.draft.put(std::move(account));
    return {};
}

// Without this the authority would be asked at order.retry: that is all that changes. How often it
// failed stays known, so that the next pause is the longer one.
Status decide_on(Decision& d, const RetryCertificateCommand& command) {
    const auto& account = d.world().acme;
    if (!account || !account->enabled) {
        return fail(ErrorCode::refused,
                    "no certificates are ordered: see `moln cert acme --agree-tos`");
    }
    const auto found = d.world().orders.find(command.host);
    if (found == d.world().orders.end()) {
        if (!account->registered && !account->reason.empty()) {
            return fail(ErrorCode::refused,
                        fmt::format("{} does not take this cloud, so that no host was tried: {}; "
                                    "see `moln cert acme`",
                                    acme_name(account->directory), account->reason));
        }
        if (account->retry > d.draft.now().steady && is_routed(d.world(), command.host)) {
            return ask_again(d, *account, command.host);
        }
        return fail(ErrorCode::not_found,
                    fmt::format("host {}: nothing was tried for it that could be tried again; see "
                                "`moln cert ls`",
                                command.host.substr(0, 260)));
    }
    const auto& order = found->second;
    if (d.world().attempts.contains(command.host) || order.reason.empty()) {
        d.reply.text =
            fmt::format("{} is being tried; see `moln cert show {}`", command.host, command.host);
        return {};
    }
    const auto steady = d.draft.now().steady;
    const auto name = acme_name(account->directory);
    if (is_left_alone(*account, steady)) return refuse_to_ask(*account, steady);
    // One that is longer was begun under a clock that was ahead: then nobody knows, and it is let
    // go.
    const auto wait = order.begun + k_order_retry_min - d.now();
    if (wait.count > 0 && wait <= k_order_retry_min && order.retry > steady) {
        return fail(ErrorCode::refused,
                    fmt::format("{} takes only a few attempts in an hour: try again in {}; it is "
                                "tried by itself in {}",
                                name, duration_words(wait), duration_words(order.retry - steady)));
    }
    CertificateOrder next = order;
    next.retry = steady;
    d.draft.put(std::move(next));
    return ask_again(d, *account, command.host);
}

}  // namespace moln::plan
