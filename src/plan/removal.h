// An app that the user stops or removes: everything of it finishes and ends; a removed one then
// goes to the trash whole.
#pragma once

#include "plan/scope.h"

namespace moln::plan {

// `moln stop`: services leave; cron runs and one-offs that have begun finish.
void stop_services(Draft& draft, AppScope& scope);

// Instances of an app being removed, or of one that is gone, leave. Once none is left the app, its
// releases and its volumes of lifetime app go to the trash in one change; independent volumes stay.
void remove_app(Draft& draft, AppScope& scope);

}  // namespace moln::plan
