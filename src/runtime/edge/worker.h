// One worker: a thread that accepts, proxies and answers until it is told to stop and has finished
// what it began.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "io/file/fd.h"
#include "runtime/edge/core.h"

namespace moln::edge_loop {

struct WorkerListener {
    Fd fd;
    bool tls = false;
};

struct WorkerSetup {
    std::size_t index = 0;
    EdgeClientLimits limits;
    std::vector<WorkerListener> listeners;
    const std::vector<std::unique_ptr<WorkerPort>>* workers = nullptr;  // all; outlive this one
    CacheStore* cache = nullptr;  // of all workers; outlives them
    CacheCoder* coder = nullptr;
    ReplayStore* replays = nullptr;
    RateTable* rates = nullptr;
    PasswordChecker* passwords = nullptr;
    FileReader* site_reader = nullptr;
    FileReader* cache_reader = nullptr;
    const tls::Server* tls = nullptr;  // needed by a listener with TLS; outlives the worker
};

// Runs on the calling thread until port.stop says so and everything is finished. Everything that
// can fail does so in prepare_worker, before the edge says that it is ready.
Result<std::unique_ptr<Core>> prepare_worker(WorkerPort& port, WorkerSetup setup);
void run_worker(Core& core);

}  // namespace moln::edge_loop
