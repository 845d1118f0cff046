#include "main/log_option.h"

#include <string>

#include "model/codec.h"

namespace moln {

void add_access_log_format(CLI::App& app, AccessLogFormat& format) {
    app.add_option_function<std::string>(
           "--access-log-format",
           [&format](const std::string& word) { format = *enum_from_word<AccessLogFormat>(word); },
           "lines of DATA/edge/access.log: json, or Apache's combined format and the time taken\n"
           "in microseconds behind it")
        ->check(CLI::IsMember({"json", "combined"}))
        ->type_name("FORMAT")
        ->default_str(std::string(enum_word(format)));
}

}  // namespace moln
