// The watch stream: all resources as views, then what changes, for those who keep a copy.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "api/call.h"
#include "api/view.h"
#include "model/views.h"

namespace moln::api {

inline constexpr Milliseconds k_watch_interval = {200};  // changes are gathered for so long

// Every resource under its kind and id.
using WatchPicture = std::map<std::pair<std::string, std::string>, WatchView>;
WatchPicture watch_picture(const World& world, const AppFilter& filter, const Now& now);

// What leads from one picture to the other, in the order of kinds and ids; revisions are not set.
std::vector<WatchView> watch_difference(const WatchPicture& before, const WatchPicture& after);

void watch(std::shared_ptr<Call> call);

}  // namespace moln::api
