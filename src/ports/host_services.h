// What the daemon needs of its host beside the sandboxes, volumes and images: keys, terminals,
// logs, places for uploads, facts about the machine, and its own end. Made by src/main from the
// drivers; a fake in the simulator. Loop thread only, unless a call says otherwise.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "model/edge.h"
#include "model/world.h"
#include "ports/acme.h"
#include "ports/certificates.h"
#include "ports/control.h"

namespace moln {

struct NodeFacts {
    Bytes memory;                 // of the machine
    std::int64_t cpu_millis = 0;  // 1000 a processor
    Bytes disk_free;              // under the data directory
    Bytes disk_total;
};

enum class Ending {
    drained,  // what was begun is finished first
    now,
};

class HostServices {
public:
    virtual ~HostServices() = default;

    // Any thread; may block for a moment.
    virtual NodeFacts facts() = 0;

    // A sealed text opens only for the app and name it was sealed for.
    virtual Result<std::string> seal(const AppId& app, const std::string& name,
                                     const Secret& value) = 0;
    virtual Result<Secret> unseal(const AppId& app, const std::string& name,
                                  const std::string& sealed) = 0;

    virtual Certificates& certificates() = 0;
    virtual Acme& acme() = 0;

    // `instance` is running on this node.
    virtual Result<std::unique_ptr<Terminal>> open_terminal(const Instance& instance,
                                                            const TerminalRequest& request) = 0;
    // As Control::logs. `world` is the daemon's own and outlives the handle: its instances say who
    // belongs to the app, also those that come later.
    virtual std::shared_ptr<void> logs(const World& world, const LogQuery& query,
                                       std::function<void(LogLine)> line,
                                       std::function<void(Status)> end) = 0;
    // As Control::stream_paths.
    virtual std::vector<StreamPath> stream_paths() const { return {}; }
    virtual void edge_metrics(std::function<void(Result<std::string>)> done) = 0;
    // These three as Control's.
    virtual std::vector<EdgeProcessView> edge_processes() const = 0;
    virtual Result<EdgeUpgrade> upgrade_edge(std::function<void(Status)> served) = 0;
    virtual void edge_routes(std::function<void(Result<std::vector<EdgeProcessRoutes>>)> done) = 0;
    // ok: no edge uses any more what it had stored. unavailable: an edge is not there.
    virtual void purge_cache(CachePurge purge, std::function<void(Status)> done) = 0;
    virtual Result<std::string> new_upload() = 0;

    // `moln down`, first step: the edge takes nothing new, and `done` comes when it has finished
    // what was begun (Ending::now: at once). A second call with Ending::now cuts the first short.
    virtual void close_edge(Ending ending, std::function<void()> done) = 0;
    // Last step: no instance runs any more. Ends the edge and the daemon.
    virtual void shut_down_done() = 0;
    // This daemon leads no more and never will: the store is damaged or another has taken over.
    // Instances and edge serve on; the process is to end with this error.
    virtual void leadership_lost(const Error& error) = 0;
};

}  // namespace moln
