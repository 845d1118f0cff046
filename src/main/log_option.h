// The option that says how the edge writes its access log.
#pragma once

#include <CLI/CLI.hpp>

#include "model/access_log.h"

namespace moln {

// `format` keeps its value unless the option is given.
void add_access_log_format(CLI::App& app, AccessLogFormat& format);

}  // namespace moln
