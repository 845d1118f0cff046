// `moln cert acme`: whom public hosts get their certificates from. After a change it waits for the
// authority's word, so that a wrong address or name is seen at once.
#include <fmt/format.h>
#include <poll.h>

#include "cli/exit_code.h"
#include "cli/requests.h"
#include "cli/shell.h"
#include "cli/socket.h"
#include "model/acme.h"
#include "model/codec.h"
#include "model/views.h"
#include "model/words.h"

namespace moln::cli {
namespace {

constexpr int k_look_ms = 200;
constexpr int k_looks_max = 150;  // half a minute: uacme repeats a transfer that failed

Result<AcmeView> look(const Shell& shell) {
    MOLN_ASSIGN(const auto body, shell.client.call({.method = "GET", .target = "/v1/acme"}));
    MOLN_ASSIGN(const auto value, parse_json(body));
    return from_json<AcmeView>(value, UnknownFields::ignore);
}

Status wait_for_the_authority(const Shell& shell) {
    for (int i = 0; i < k_looks_max; ++i) {
        MOLN_ASSIGN(const auto view, look(shell));
        if (!view.enabled) return {};
        if (view.registered) {
            shell.progress(fmt::format("{} knows this cloud.{}", view.authority,
                                       view.waiting == 0
                                           ? ""
                                           : fmt::format(" It is asked for certificates of {} now.",
                                                         count_words(view.waiting, "host"))));
            return {};
        }
        if (!view.trouble.empty()) {
            return fail(ErrorCode::unavailable,
                        fmt::format("{} does not take this cloud: {}; it is tried again by itself, "
                                    "see `moln cert acme`",
                                    view.authority, view.trouble));
        }
        ::poll(nullptr, 0, k_look_ms);
        if (interrupted()) return fail(ErrorCode::unavailable, "interrupted");
    }
    shell.progress("The authority has not answered yet; see `moln cert acme`.");
    return {};
}

Status add_bundle(const Shell& shell, ApiCall& call) {
    if (shell.said.ca_file.empty()) return {};
    constexpr ReadLimit k_limit{k_acme_ca_bundle_bytes_max, "a bundle of certificates has"};
    MOLN_ASSIGN(auto bundle, read_file_or_input(shell.said.ca_file, k_limit));
    MOLN_ASSIGN(auto body, parse_json(call.body));
    body.as_object()["ca_bundle"] = std::move(bundle);
    call.body = json::serialize(body);
    return {};
}

}  // namespace

Verdict run_acme(const Shell& shell) {
    const auto& said = shell.said;
    if (shows_acme(said)) return run_list(shell);
    MOLN_ASSIGN(auto call, request_for(said, ""));
    MOLN_TRY(add_bundle(shell, call));
    MOLN_ASSIGN(const auto body, shell.client.call(call));
    MOLN_ASSIGN(const auto value, parse_json(body));
    MOLN_ASSIGN(const auto view, from_json<ChangeView>(value, UnknownFields::ignore));
    if (said.json) {
        shell.print(body);
    } else {
        shell.progress(view.reply.text);
    }
    if (!said.off && !said.no_wait) MOLN_TRY(wait_for_the_authority(shell));
    return k_exit_ok;
}

}  // namespace moln::cli
