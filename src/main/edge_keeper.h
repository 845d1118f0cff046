// Keeps the node's edge running: finds or starts it, starts it again within a second when it dies,
// and ends it on `moln down`. What it is told is EdgeSocketLink's.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/host/edge_process.h"
#include "io/host/edge_socket_link.h"
#include "main/node_options.h"
#include "model/edge.h"
#include "ports/host_services.h"

namespace moln {

inline constexpr Milliseconds k_edge_restart_first{20};
inline constexpr Milliseconds k_edge_restart_max = seconds(1);

class EdgeKeeper {
public:
    EdgeKeeper(HostLoop& loop, const NodeOptions& options);

    // `failed` is called if the edge cannot even start: its last words.
    Status start(std::function<void(Error)> failed);
    // Its report says what it is bound to: a restart takes the same ports.
    void heard(const EdgeReport& report);
    // After the file was moved away.
    void reopen_access_log();
    // See HostServices::close_edge.
    void close(Ending ending, std::function<void()> done);

private:
    EdgeProcessOptions process_options() const;
    void died();
    Status ensure();
    std::string last_words() const;

    HostLoop& loop_;
    NodeOptions options_;
    std::unique_ptr<EdgeProcess> process_;
    std::function<void(Error)> failed_;
    bool has_served_ = false;
    pid_t heard_pid_ = 0;
    bool closing_ = false;
    std::function<void()> closed_;
    Milliseconds delay_ = k_edge_restart_first;
    MonoTime started_;
};

}  // namespace moln
