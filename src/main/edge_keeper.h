// Keeps the node's edge running: finds or starts it, starts it again within a second when it dies,
// puts a new process in its place when an update has brought another program, and ends it on `moln
// down`. What it is told is EdgeLinks'.
//
// A new process takes the sockets of the one that serves (edge/hand_over.h); until it serves the
// old one does, and if it does not come up nothing has happened. The old one goes on until all that
// it began is over. A daemon that dies in the middle of it finds both again.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/host/edge_links.h"
#include "io/host/edge_process.h"
#include "main/node_options.h"
#include "model/edge.h"
#include "model/edge_process.h"
#include "model/resources.h"
#include "ports/host_services.h"

namespace moln {

inline constexpr Milliseconds k_edge_restart_first{20};
inline constexpr Milliseconds k_edge_restart_max = seconds(1);
// A new process that does not serve by then is killed; the old one goes on.
inline constexpr Milliseconds k_edge_upgrade_limit = seconds(30);

// One that was found, or that is to hand its sockets over, and says nothing for so long is ended:
// it hangs, and no other can serve while it holds the ports. So is one that has handed them over
// and leaves: it would keep instances from their end. More than a link's silence.
inline constexpr Milliseconds k_edge_hang_limit = seconds(20);
static_assert(k_edge_hang_limit > k_edge_silence_max);
// Of a new one that has nobody's sockets to wait for: it may have much to read from a slow disk.
inline constexpr Milliseconds k_edge_start_limit = minutes(2);

// What users should read of it, as an event.
struct EdgeTold {
    EventLevel level = EventLevel::info;
    std::string name;
    std::string text;
};

class EdgeKeeper {
public:
    EdgeKeeper(HostLoop& loop, EdgeLinks& links, const NodeOptions& options,
               std::function<void(const EdgeTold&)> tell);

    // A line for every process, see EdgeSocketOptions; in the place of the one before.
    void set_cache_peers(std::string line);
    // `failed` is called if the edge cannot even start: its last words.
    Status start(std::function<void(Error)> failed);
    // What all its processes report, added up. Says what it is bound to: a restart takes the same
    // ports. The first brings an upgrade if it is of another program than this daemon.
    void heard(const EdgeReport& report);
    // A new process in the place of the one that serves; `why` goes to the log. As
    // Control::upgrade_edge.
    Result<EdgeUpgrade> upgrade(const std::string& why, std::function<void(Status)> served = {});
    // As Control::edge_processes.
    std::vector<EdgeProcessView> processes() const;
    // After the file was moved away.
    void reopen_access_log();
    // See HostServices::close_edge.
    void close(Ending ending, std::function<void()> done);

private:
    struct Process {
        std::unique_ptr<EdgeProcess> process;
        bool heard = false;
        MonoTime known;  // since then
    };
    using Number = std::int64_t;

    Status find_all();
    EdgeProcessOptions process_options(Number number, std::optional<Number> before) const;
    void add(Number number, std::unique_ptr<EdgeProcess> process);
    void remove_files(Number number) const;
    Result<Number> start_one(std::optional<Number> before);
    std::optional<Number> number_of(std::int64_t pid) const;
    void died(Number number);
    void upgrade_failed();
    void end_upgrade(Status status);
    void restart_later();
    void restart();
    void check_upgrade(Number number);
    bool is_silent(Number number) const;
    void watch_hang(Number number, Milliseconds limit = k_edge_hang_limit);
    void watch_leaving(Number number);
    void end_hung(Number number);
    std::int64_t log_size() const;
    std::string last_words() const;

    HostLoop& loop_;
    EdgeLinks& links_;
    const NodeOptions wanted_;
    NodeOptions options_;  // with the ports that it is bound to
    std::string cache_peers_;
    std::function<void(const EdgeTold&)> tell_;
    std::map<Number, Process> processes_;
    Number number_ = 0;                   // the highest ever given
    std::optional<Number> main_;          // the one that takes requests
    std::optional<Number> fresh_;         // the one that is to take its place
    std::function<void(Status)> served_;  // who waits for that; may be none
    bool fresh_late_ = false;             // it was ended for that
    std::int64_t words_begin_ = 0;        // in the log, of the process that was started last
    std::function<void(Error)> failed_;
    bool has_served_ = false;
    bool has_compared_ = false;
    bool alone_ = false;  // the next start takes nothing over: the last one could not
    bool closing_ = false;
    std::function<void()> closed_;
    Milliseconds delay_ = k_edge_restart_first;
    MonoTime started_;
};

}  // namespace moln
