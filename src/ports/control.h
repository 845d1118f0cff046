// What the API may ask of the daemon: read the World, execute a Command, run a long operation,
// reach into an instance. Implemented by runtime/; all calls and callbacks on the loop thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "model/change.h"
#include "model/command.h"
#include "model/edge.h"
#include "model/edge_process.h"
#include "model/kernel_path.h"
#include "model/log_position.h"
#include "model/top_routes.h"
#include "model/world.h"
#include "ports/images.h"

namespace moln {

// The numbers are those of the API's frames.
enum class OutputStream : char { out = 1, err = 2 };

inline constexpr std::size_t k_terminal_input_bytes_pause = 256u << 10;

// An interactive or piped process in an instance; destroying it closes the line. Not the first
// process of an instance: that one lives on when nobody looks.
class Terminal {
public:
    virtual ~Terminal() = default;
    virtual void write(std::string bytes) = 0;  // to its stdin; "" is end of file
    // Written and not yet taken by the process. Nothing is dropped: past
    // k_terminal_input_bytes_pause the caller writes no more until some was taken.
    virtual std::size_t input_waiting() const = 0;
    virtual void on_input_taken(std::function<void()> callback) = 0;
    virtual void resize(int columns, int rows) = 0;
    // With a terminal all is `out`.
    virtual void on_output(std::function<void(OutputStream, std::string)> callback) = 0;
    // While paused the process waits with its output, and its end is not told before it.
    virtual void pause_output() = 0;
    virtual void resume_output() = 0;
    // Without a code: as the instance itself ended, which its observation tells.
    virtual void on_end(std::function<void(std::optional<int> exit_code)> callback) = 0;
};

struct TerminalRequest {
    InstanceId instance;
    std::vector<std::string> command;  // empty: a login shell; for attach: ignored
    bool attach = false;               // to the one-off's own first process instead of a new one
    bool tty = true;
    int columns = 80;
    int rows = 24;
};

struct LogLine {
    WallTime at;
    InstanceId instance;
    std::string process;
    bool is_error = false;  // from stderr
    std::string text;
    LogPosition position;  // of its end
};

struct LogQuery {
    AppId app;
    std::string process;       // "" any
    std::string instance;      // "" any
    std::int64_t lines = 100;  // of the past, at most 10,000
    bool follow = false;
    // Goes on for a reader of before: of these instances only what stands behind, of the others
    // only lines from `since` on. Where more than 10,000 are left, or some are gone, a line says
    // so.
    std::map<InstanceId, LogPosition> after;
    WallTime since;
};

class Control {
public:
    virtual ~Control() = default;

    virtual Now now() const = 0;
    virtual const World& world() const = 0;
    // How many plans have come into force. What a command changed is in the World's edge snapshot
    // once this has grown since its `done` was called.
    virtual std::int64_t plans() const = 0;
    // Called after every change of the World, and every plan, until the returned handle is dropped.
    virtual std::shared_ptr<void> on_change(std::function<void()> callback) = 0;

    // Durable when `done` is called with a reply. `idempotency_key`, if not empty, makes a repeat
    // within a day return the first reply.
    virtual void execute(const Command& command, const Expected& expected,
                         const std::string& idempotency_key,
                         std::function<void(Result<CommandReply>)> done) = 0;
    // What the command would change, without doing it: sentences for people.
    virtual Result<std::vector<std::string>> preview(const Command& command) = 0;

    // Builds, imports or makes a platform in the pool; `line` gives progress on the loop thread.
    // Setting *cancelled ends it soon; `done` is always called once.
    virtual void build(BuildRequest request, std::shared_ptr<std::atomic<bool>> cancelled,
                       std::function<void(std::string)> line,
                       std::function<void(Result<BuildResult>)> done) = 0;
    virtual void import_image(ImportRequest request, std::shared_ptr<std::atomic<bool>> cancelled,
                              std::function<void(std::string)> line,
                              std::function<void(Result<BuildResult>)> done) = 0;
    virtual void build_platform(std::string recipe, std::shared_ptr<std::atomic<bool>> cancelled,
                                std::function<void(std::string)> line,
                                std::function<void(Result<PlatformInfo>)> done) = 0;
    virtual void platforms(std::function<void(Result<std::vector<PlatformInfo>>)> done) = 0;

    virtual Result<std::string> seal(const AppId& app, const std::string& name,
                                     const Secret& value) = 0;
    // Looks at a certificate chain with its key (ports/certificates.h says what is refused) and
    // seals the key: what the command to add it is made of. Of hosts that a certificate was added
    // for already it gets that one's id.
    virtual Result<Certificate> take_certificate(const Secret& pem) = 0;
    // Completes what a person said of a public authority: a key for a new account, and `invalid`
    // for a bundle that is none.
    virtual Result<SetAcmeCommand> take_acme(SetAcmeCommand command) = 0;
    // `invalid` for authorities of clients' certificates (RouteSpec::client_cert) that cannot be
    // read; what validate_client_cert() finds is found before. From any thread.
    virtual Status check_client_ca(const std::string& pem) = 0;
    virtual Result<std::unique_ptr<Terminal>> open_terminal(const TerminalRequest& request) = 0;
    // Lines of the past in order of time, then (follow) new ones as they come; ends when the handle
    // is dropped, or for a query without follow after `end` was called.
    virtual std::shared_ptr<void> logs(const LogQuery& query, std::function<void(LogLine)> line,
                                       std::function<void(Status)> end) = 0;
    // Copies a trashed writable layer out to a new folder on the node.
    virtual void extract_trash(const TrashId& trash, const std::string& target,
                               std::function<void(Status)> done) = 0;
    // One for each listen of a TCP or UDP route that the node knows, sorted.
    virtual std::vector<StreamPath> stream_paths() const { return {}; }
    virtual void edge_metrics(std::function<void(Result<std::string>)> done) = 0;
    // The processes of this node's edge, the newest first, as far as the daemon knows by itself: no
    // node, no versions wanted, no words.
    virtual std::vector<EdgeProcessView> edge_processes() const = 0;
    // Starts a process that is to take the place of the one that serves. `served` is called once,
    // later, when it has, or with why the old one serves on. Without a start it is never called:
    // refused when one is under way, unavailable when none serves, else why it could not be
    // started.
    virtual Result<EdgeUpgrade> upgrade_edge(std::function<void(Status)> served) = 0;
    // Of each process of the edge that can be asked; unavailable when none can.
    virtual void edge_routes(std::function<void(Result<std::vector<EdgeProcessRoutes>>)> done) = 0;
    // ok: no edge uses any more what it had stored. unavailable: an edge is not there.
    virtual void purge_cache(CachePurge purge, std::function<void(Status)> done) = 0;
    // Path of a fresh, empty file for an upload, on the data directory's file system.
    virtual Result<std::string> new_upload() = 0;
    // Stops accepting at the edge, stops instances (drain first, then stop signal), then the edge
    // and the daemon: `moln down`. now: without draining.
    virtual void shut_down(bool now) = 0;
};

}  // namespace moln
