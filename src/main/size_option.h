// An option of a size as people write it, "512M".
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "base/units.h"

namespace moln {

// `size` keeps its value unless the option is given; 0, or at least `least`.
void add_size_option(CLI::App& app, const std::string& name, Bytes& size, Bytes least,
                     const std::string& help);

}  // namespace moln
