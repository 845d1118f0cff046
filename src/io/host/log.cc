#include "io/host/log.h"

#include <atomic>
#include <iterator>
#include <memory>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <time.h>

namespace moln {
namespace {

std::atomic<LogFormat> g_format = LogFormat::logfmt;

spdlog::logger& logger() {
    static const auto made = [] {
        auto fresh = std::make_shared<spdlog::logger>(
            "moln", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        fresh->set_pattern("%v");  // the whole line is ours, see line_of
        fresh->set_level(spdlog::level::info);
        return fresh;
    }();
    return *made;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warning: return spdlog::level::warn;
        case LogLevel::error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

std::string_view word_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return "debug";
        case LogLevel::info: return "info";
        case LogLevel::warning: return "warning";
        case LogLevel::error: return "error";
    }
    return "error";
}

bool is_plain(std::string_view text) {
    if (text.empty()) return false;
    for (const char c : text) {
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == '\x7f') return false;
    }
    return true;
}

// JSON's quoting serves both formats: no control character, so no second line, comes out of it.
std::string quoted(std::string_view text) {
    return boost::json::serialize(text);
}

std::string value_text(const LogValue& value, LogFormat format) {
    return std::visit(
        [format](const auto& v) {
            if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::string_view>) {
                if (format == LogFormat::logfmt && is_plain(v)) return std::string(v);
                return quoted(v);
            } else {
                return fmt::format("{}", v);
            }
        },
        value.get());
}

std::string time_text() {
    timespec now{};
    (void)::clock_gettime(CLOCK_REALTIME, &now);
    std::tm utc{};
    (void)::gmtime_r(&now.tv_sec, &utc);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                       utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                       now.tv_nsec / 1'000'000);
}

void append(std::string& line, LogFormat format, std::string_view event,
            std::initializer_list<LogFields> groups) {
    auto out = std::back_inserter(line);
    if (format == LogFormat::logfmt) {
        line += event;
    } else {
        fmt::format_to(out, "\"event\":{}", quoted(event));
    }
    for (const auto& fields : groups) {
        for (const auto& field : fields) {
            if (format == LogFormat::logfmt) {
                fmt::format_to(out, " {}={}", field.name, value_text(field.value, format));
            } else {
                fmt::format_to(out, ",\"{}\":{}", field.name, value_text(field.value, format));
            }
        }
    }
}

void write(LogLevel level, std::string_view event, std::initializer_list<LogFields> groups) {
    if (!logger().should_log(spdlog_level(level))) return;
    const auto format = g_format.load(std::memory_order_relaxed);
    std::string line;
    if (format == LogFormat::logfmt) {
        line = fmt::format("{} {} ", time_text(), word_of(level));
    } else {
        line = fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",", time_text(), word_of(level));
    }
    append(line, format, event, groups);
    if (format == LogFormat::json) line += '}';
    logger().log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

void set_log(LogLevel lowest, LogFormat format) {
    g_format.store(format, std::memory_order_relaxed);
    logger().set_level(spdlog_level(lowest));
}

void log_debug(std::string_view event, LogFields fields) {
    write(LogLevel::debug, event, {fields});
}
void log_info(std::string_view event, LogFields fields) {
    write(LogLevel::info, event, {fields});
}
void log_warning(std::string_view event, LogFields fields) {
    write(LogLevel::warning, event, {fields});
}
void log_error(std::string_view event, LogFields fields) {
    write(LogLevel::error, event, {fields});
}

void log_failure(std::string_view event, const Error& error, LogFields fields) {
    const LogFields of_error = {{"error_code", word(error.code)}, {"reason", error.reason}};
    write(LogLevel::error, event, {fields, of_error});
}

std::string log_text(LogFormat format, std::string_view event, LogFields fields) {
    std::string line;
    append(line, format, event, {fields});
    return line;
}

}  // namespace moln
