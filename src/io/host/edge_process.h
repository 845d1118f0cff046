// The edge as a process of its own that outlives the daemon: finds the one that runs, or starts
// one, and tells when it died. What it does is none of its business here.
//
// The edge inherits a lock on `lock_path`, whose file holds its pid; while the lock is held an edge
// lives, and no pid that was given to another process is mistaken for it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "io/host/host_loop.h"

namespace moln {

// Of what the edge printed; at the next start past this it is set aside as `log_path`.1.
inline constexpr std::int64_t k_edge_output_bytes_max = 1 << 20;

struct EdgeProcessOptions {
    std::vector<std::string> argv;  // argv[0] is a path
    std::string log_path;           // its standard output and error
    std::string lock_path;
};

enum class EdgeFound { running, started };

class EdgeProcess {
public:
    // All calls on the loop thread. Destroy before the loop; the edge lives on.
    EdgeProcess(HostLoop& loop, EdgeProcessOptions options);
    ~EdgeProcess();
    EdgeProcess(const EdgeProcess&) = delete;
    EdgeProcess& operator=(const EdgeProcess&) = delete;

    // Called once for every death of a process that ensure() found or started. Call ensure() again
    // to have another.
    void on_death(std::function<void(pid_t)> callback);

    // Whether one runs; it is watched then.
    Result<bool> find();

    // Returns when the process is there and watched, a few milliseconds. Started means that its
    // program was executed, not that it serves yet. An Error names the file that is in the way.
    Result<EdgeFound> ensure();

    pid_t pid() const;  // 0 without one

    // `not_found` without one.
    Status send_signal(int number);

private:
    class Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace moln
