// Reads the logs of an app's instances from their files: what was written, and what comes. Not the
// writing, bounding or rotating, which is conmon's and the sandbox driver's.
//
// Files are DataDir::logs()/<project>/<app>/<instance>.log and those beside it
// (drivers/data_dir.h). They outlive their instances. Blocking; each object used by one thread at a
// time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "drivers/data_dir.h"
#include "drivers/log/line.h"
#include "io/file/fd.h"
#include "ports/control.h"

namespace moln {

inline constexpr std::int64_t k_log_lines_max = 10'000;        // of the past, in one query
inline constexpr std::size_t k_log_poll_bytes_max = 4u << 20;  // of one file in one poll
inline constexpr std::size_t k_ended_logs_kept = 50;           // per app

class LogReader {
public:
    LogReader(const DataDir& data, LogQuery query);

    // The last `query.lines` lines in order of time, without those that `query.after` and
    // `query.since` leave out. Files that are not there have no lines.
    std::vector<LogLine> past();

    // What was written since past() or the poll before, in order of time; notices rotation and new
    // instances. Of one file at most k_log_poll_bytes_max; a file that grows faster loses lines,
    // and a line says how many bytes were passed over.
    std::vector<LogLine> poll();

private:
    struct Tail {
        LogFileId id;
        // Kept while it grows: what is written to it before another takes its place can yet be
        // read. Those that are quiet, ended ones above all, are too many to be kept.
        Fd file;
        std::int64_t offset = 0;
        std::string torn;  // the bytes after the last newline
        LogAssembler assembler;
    };

    std::vector<std::string> instances() const;  // that have a log and match the query
    // Those of an instance that the query asks for.
    std::vector<LogLine> read_past(const std::string& instance);
    std::vector<LogLine> read_new(const std::string& instance, Tail& tail);
    // The file that follows, from its beginning.
    void go_to(Fd file, Tail& tail, const std::string& instance, std::vector<LogLine>& lines);
    void read_rest(const std::string& instance, Tail& tail, std::size_t bytes_max,
                   std::vector<LogLine>& lines);
    static LogPosition position_of(const std::string& instance, const Tail& tail, std::int64_t end);

    std::string directory_;
    LogQuery query_;
    std::map<std::string, Tail> tails_;
};

// The process of an instance id: "web" of "web-7f3k2m".
std::string process_of(const std::string& instance);

// Removes the oldest logs of ended instances of every app, all but k_ended_logs_kept.
// `is_live` says which instance ids still have an owner; their logs are never touched.
Status prune_logs(const DataDir& data, const std::function<bool(const std::string&)>& is_live);

}  // namespace moln
