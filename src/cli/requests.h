// Verbs as requests: an Invocation becomes the call of the API that it stands for. Pure; a test
// holds every call against the API's table.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/follow_place.h"
#include "cli/invocation.h"
#include "cli/wire.h"

namespace moln::cli {

// Of every verb that is one request. `app` is the name, already found. Errors: invalid for
// arguments that cannot be, with what was expected.
Result<ApiCall> request_for(const Invocation& invocation, const std::string& app);

// What logs, events or top ask for to go on after another connection: of the past what was not
// shown.
Result<ApiCall> request_to_go_on(const Invocation& said, const std::string& app,
                                 const FollowPlace& place);

// `cert acme` without a word of what to change.
bool shows_acme(const Invocation& said);

// "web=3" -> {"web", 3}.
Result<std::pair<std::string, std::int64_t>> parse_scale(const std::string& word);
// "shop.example.org/api" -> {"shop.example.org", "/api"}.
std::pair<std::string, std::string> split_route(const std::string& word);

Result<ApiCall> deploy_call(const Invocation& invocation, const std::string& app,
                            const std::string& folder);
ApiCall terminal_call(const std::string& instance, const std::vector<std::string>& query);

}  // namespace moln::cli
