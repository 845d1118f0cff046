// The daemon's log: one line an event on standard error, its name stable and greppable, its facts
// as fields. Not for users' instances, and not the events that users see (those are in the store).
//
//   log_info("instance.started", {{"instance", id.text}, {"took_ms", took.count}});
//   → 2026-11-22T11:16:35.120Z info instance.started instance=web-7f3k2m took_ms=212
//
// Any thread. A Secret does not convert to a field.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "base/id.h"
#include "base/result.h"

namespace moln {

enum class LogLevel { debug, info, warning, error };
enum class LogFormat { logfmt, json };

// Until this is called: info and above, logfmt.
void set_log(LogLevel lowest, LogFormat format);

class LogValue {
public:
    LogValue(std::string_view text) : value_(text) {}
    LogValue(const char* text) : value_(std::string_view(text)) {}
    LogValue(const std::string& text) : value_(std::string_view(text)) {}
    LogValue(bool value) : value_(value) {}
    LogValue(double value) : value_(value) {}
    LogValue(std::integral auto value) : value_(static_cast<std::int64_t>(value)) {}
    template <typename Tag>
    LogValue(const Id<Tag>& id) : value_(std::string_view(id.text)) {}

    const auto& get() const { return value_; }

private:
    std::variant<std::string_view, std::int64_t, double, bool> value_;
};

struct LogField {
    std::string_view name;  // snake_case; not time, level or event
    LogValue value;
};
using LogFields = std::initializer_list<LogField>;

void log_debug(std::string_view event, LogFields fields = {});
void log_info(std::string_view event, LogFields fields = {});
void log_warning(std::string_view event, LogFields fields = {});
void log_error(std::string_view event, LogFields fields = {});

// With fields error_code and reason.
void log_failure(std::string_view event, const Error& error, LogFields fields = {});

// The text of a line after its time, as it would be written: for tests.
std::string log_text(LogFormat format, std::string_view event, LogFields fields);

}  // namespace moln
