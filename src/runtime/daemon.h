// One node's daemon: a leader and an agent on one loop, and what the API may ask of both. Built
// over ports alone: src/main gives it real parts, the simulator fakes.
//
// Loop thread only. The loop must not run on after this is destroyed.
#pragma once

#include <map>

#include "ports/control.h"
#include "ports/edge_link.h"
#include "ports/host_services.h"
#include "runtime/agent_loop.h"
#include "runtime/edge_reports.h"
#include "runtime/leader_loop.h"

namespace moln {

struct DaemonParts {
    Loop& loop;
    Store& store;
    Sandboxes& sandboxes;
    Volumes& volumes;
    Images& images;
    EdgeLink& edge;
    Entropy& entropy;
    HostServices& host;
};

// Images that are built, imported or made at once; one more is refused.
inline constexpr int k_image_jobs_max = 4;

class Daemon final : public Control {
public:
    Daemon(DaemonParts parts, const NodeId& self, LeaderLoop::Planner planner = plan::plan);

    void start();
    // Something of the host that users should read, as an event.
    void tell(EventLevel level, const std::string& name, const std::string& text);
    // Everything wanted is done, as far as anybody knows: for the simulator and `moln up`.
    bool settled() const { return leader_.settled() && agent_.settled(); }

    Now now() const override { return leader_.now(); }
    const World& world() const override { return leader_.world(); }
    std::int64_t plans() const override { return leader_.plans(); }
    std::shared_ptr<void> on_change(std::function<void()> callback) override;
    void execute(const Command& command, const Expected& expected,
                 const std::string& idempotency_key,
                 std::function<void(Result<CommandReply>)> done) override;
    Result<std::vector<std::string>> preview(const Command& command) override;
    void build(BuildRequest request, std::shared_ptr<std::atomic<bool>> cancelled,
               std::function<void(std::string)> line,
               std::function<void(Result<BuildResult>)> done) override;
    void import_image(ImportRequest request, std::shared_ptr<std::atomic<bool>> cancelled,
                      std::function<void(std::string)> line,
                      std::function<void(Result<BuildResult>)> done) override;
    void build_platform(std::string recipe, std::shared_ptr<std::atomic<bool>> cancelled,
                        std::function<void(std::string)> line,
                        std::function<void(Result<PlatformInfo>)> done) override;
    void platforms(std::function<void(Result<std::vector<PlatformInfo>>)> done) override;
    Result<std::string> seal(const AppId& app, const std::string& name,
                             const Secret& value) override;
    Result<Certificate> take_certificate(const Secret& pem) override;
    Result<SetAcmeCommand> take_acme(SetAcmeCommand command) override;
    Status check_client_ca(const std::string& pem) override;
    Result<std::unique_ptr<Terminal>> open_terminal(const TerminalRequest& request) override;
    std::shared_ptr<void> logs(const LogQuery& query, std::function<void(LogLine)> line,
                               std::function<void(Status)> end) override;
    void extract_trash(const TrashId& trash, const std::string& target,
                       std::function<void(Status)> done) override;
    std::vector<StreamPath> stream_paths() const override { return parts_.host.stream_paths(); }
    void edge_metrics(std::function<void(Result<std::string>)> done) override;
    std::vector<EdgeProcessView> edge_processes() const override {
        return parts_.host.edge_processes();
    }
    Result<EdgeUpgrade> upgrade_edge(std::function<void(Status)> served) override;
    void edge_routes(std::function<void(Result<std::vector<EdgeProcessRoutes>>)> done) override;
    void purge_cache(CachePurge purge, std::function<void(Status)> done) override;
    Result<std::string> new_upload() override;
    void shut_down(bool now) override;

private:
    using ImageJob = std::function<void(const ImageProgress&)>;

    // Runs `make` in the pool with progress posted to the loop.
    template <typename T>
    void run_image_job(std::function<Result<T>(const ImageProgress&)> make,
                       std::shared_ptr<std::atomic<bool>> cancelled,
                       std::function<void(std::string)> line, std::function<void(Result<T>)> done);
    void tell_changed();

    DaemonParts parts_;
    LeaderLoop leader_;
    AgentLoop agent_;
    EdgeReports edge_reports_;
    std::map<std::int64_t, std::function<void()>> listeners_;
    std::int64_t listeners_made_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // handles may outlive this
    int image_jobs_ = 0;
    std::int64_t image_jobs_made_ = 0;
    std::optional<Ending> ending_;
};

}  // namespace moln
