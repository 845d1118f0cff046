#include "plan/canary.h"

#include <fmt/format.h>

namespace moln::plan {

std::string canary_words(const CanarySpec& canary) {
    std::string words;
    const auto add = [&](const std::string& word) { words += (words.empty() ? "" : ", ") + word; };
    if (canary.share != 0) add(fmt::format("{} % of the clients", canary.share));
    if (!canary.header.empty()) add("requests with the header " + canary.header);
    if (!canary.cookie.empty()) add("requests with the cookie " + canary.cookie);
    if (canary.mirror != 0) add(fmt::format("a copy of {} % of the others", canary.mirror));
    return words.empty() ? "no requests" : words;
}

void drop_canary(App& app) {
    if (has_canary(app)) app.release = app.release_served;
    app.canary.reset();
}

}  // namespace moln::plan
