#include "model/unknown.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/nearest.h"

namespace moln {

std::string unknown_app(const World& world, const AppId& app) {
    const std::string_view text = app.text;
    const auto slash = text.find('/');
    const auto project = text.substr(0, slash);
    const auto name = slash == std::string_view::npos ? text : text.substr(slash + 1);
    std::vector<std::string_view> known;
    for (const auto& [id, other] : world.apps) {
        const std::string_view one = id.text;
        if (one.starts_with(text.substr(0, slash + 1))) known.push_back(one.substr(slash + 1));
    }
    const auto meant = nearest(name, known);
    const auto option = project == "default" ? "" : fmt::format(" --project {}", project);
    return fmt::format("app {}: there is none of that name in project {}; {}", name, project,
                       meant.empty() ? fmt::format("see `moln apps{}`", option)
                                     : fmt::format("did you mean {}?", meant));
}

bool is_remembered(const World& world, const AppId& app) {
    const auto of_app = [&](const auto& entry) { return entry.second.app == app; };
    return std::ranges::any_of(world.volumes, of_app) || std::ranges::any_of(world.trash, of_app) ||
           std::ranges::any_of(world.events, of_app);
}

}  // namespace moln
