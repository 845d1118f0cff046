// What a user is told who named what is not there: the same words wherever that is found.
#pragma once

#include <string>

#include "model/world.h"

namespace moln {

// "app sohp: there is none of that name in project default; did you mean shop?", or where the names
// are to be seen.
std::string unknown_app(const World& world, const AppId& app);

// Something of an app that is gone may be left, and be asked for by its name: volumes, what is in
// the trash, events.
bool is_remembered(const World& world, const AppId& app);

}  // namespace moln
