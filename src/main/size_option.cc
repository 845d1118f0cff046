#include "main/size_option.h"

#include <fmt/format.h>

#include "model/quantity.h"

namespace moln {

void add_size_option(CLI::App& app, const std::string& name, Bytes& size, Bytes least,
                     const std::string& help) {
    app.add_option_function<std::string>(
           name,
           [&size, least, name](const std::string& text) {
               const auto parsed = parse_size(text);
               if (!parsed) throw CLI::ValidationError(name, parsed.error().reason);
               if (parsed->count != 0 && *parsed < least) {
                   throw CLI::ValidationError(
                       name, fmt::format("expected 0 or at least {}", format_size(least)));
               }
               size = *parsed;
           },
           help)
        ->type_name("SIZE")
        ->default_str(format_size(size));
}

}  // namespace moln
