// moln.toml: what its author says about an app, and nothing that was not said, so that detection
// and defaults can fill the rest. docs/moln.toml.md is the reference for users. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/app_config.h"

namespace moln {

struct ProcessPart {
    std::optional<std::vector<std::string>> command;
    std::optional<std::string> schedule;
    std::optional<std::int64_t> instances;
    std::optional<Bytes> memory;
    std::optional<std::int64_t> cpu_millis;
    std::optional<std::int64_t> pids;
    std::optional<std::uint16_t> port;
    std::optional<std::int64_t> concurrency;
    std::optional<std::int64_t> queue;
    std::optional<Milliseconds> queue_time;
    std::optional<WebProtocol> protocol;
    std::optional<BalanceSpec> balance;
    std::optional<bool> affinity;
    std::optional<Milliseconds> slow_start;
    std::optional<Bytes> replay;
    std::optional<RetryMode> retry;
    std::optional<Milliseconds> answer_timeout;
};

// Where a field of the configuration was written: "process.web.memory", line 12.
struct FieldPlace {
    std::string name;
    int line = 0;
};

struct AppFile {
    std::string file = "moln.toml";          // for messages
    std::string name;                        // of the app; "": the folder's
    std::string platform;                    // "": the default one
    std::vector<std::string> build_command;  // empty: what detection finds
    std::map<std::string, std::string> build_env;
    std::map<std::string, ProcessPart> processes;
    std::optional<SiteSpec> site;
    std::optional<HealthSpec> health;
    std::vector<RouteSpec> routes;
    std::map<std::string, std::string> env;
    std::vector<VolumeSpec> volumes;
    DrainSpec drain;
    std::optional<std::string> stop_signal;
    // By the field's path in the JSON form of AppConfig: "processes.web.memory".
    std::map<std::string, FieldPlace> places;
};

// ErrorCode::invalid tells everything wrong that can be told from the file alone (at most
// k_problems_max), a line each: "moln.toml:12: process.web.memory: expected a size such as
// "512M", found "lots"". `beside` has the files of named_files() by name, whose text is put in
// place of their names; without it the names stay, and nothing is told of them.
Result<AppFile> parse_app_file(std::string_view text,
                               const std::map<std::string, std::string>* beside = nullptr,
                               std::string_view file = "moln.toml");

// The files beside moln.toml whose text belongs into it and is not yet: of client_cert.ca. Sorted,
// each once.
std::vector<std::string> named_files(const AppFile& file);

// What `file` says laid over `base` (detection's finding), with defaults, validated as a whole.
// Errors name the line where there is one. Processes without a command anywhere are an error.
Result<AppConfig> apply_app_file(const AppFile& file, AppConfig base);

}  // namespace moln
