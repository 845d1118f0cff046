// A Control that keeps a World and does what commands say in the simplest way: enough of a cloud to
// speak to. Tests change the World and say so; every verb leaves a trace that they can look at.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ports/control.h"
#include "ports/pool.h"
#include "sim/fake_certificates.h"

namespace moln {

// What a test holds of a terminal that was opened.
struct FakeTerminalState {
    TerminalRequest request;
    std::string input;
    bool input_ended = false;
    std::vector<std::pair<int, int>> sizes;
    std::function<void(std::string)> output;
    std::function<void(std::string)> errors;
    std::size_t input_waiting = 0;
    std::function<void()> input_taken;
    bool output_paused = false;
    std::function<void(std::optional<int>)> end;
    bool closed = false;
};

class FakeControl final : public Control {
public:
    FakeControl(Loop& loop, std::string upload_folder);

    // ---- for tests, on the loop thread ----
    World state;
    void changed();  // tells all who watch; a plan has come into force, too
    void changed_without_plan();
    bool plan_later = false;  // a command is not planned upon until changed() is called
    // An app with one web process, release 1 settled, one healthy instance, an edge that listens.
    void add_app(const std::string& name);
    InstanceId add_instance(const std::string& app, const std::string& id, std::int64_t release);
    void make_ready(const InstanceId& id);
    std::vector<Command> commands;  // executed, in order
    std::vector<std::string> seals;
    std::optional<Error> next_error;           // of the next execute
    std::vector<std::string> build_lines;      // progress of the next build
    Result<BuildResult> build_result;          // of the next build
    std::optional<std::string> built_archive;  // content of the last build's archive
    bool hold_builds = false;                  // until the client goes away
    bool build_cancelled = false;
    bool settle_deploys = true;  // else the test does
    std::vector<LogLine> log_lines;
    std::function<void(LogLine)> follow_log;
    LogQuery log_query;  // the last
    std::size_t log_followers = 0;
    std::vector<CachePurge> purges;
    std::map<InstanceId, std::shared_ptr<FakeTerminalState>> terminals;
    int refuse_terminals = 0;  // so many next ones
    std::optional<bool> shut_down_now;
    std::vector<EdgeProcessView> edge_processes_seen;
    std::function<void(Status)> edge_served;  // set by an upgrade, which is under way then
    std::optional<Error> edge_upgrade_error;  // one that cannot begin
    std::optional<Error> edge_routes_error;

    // ---- Control ----
    Now now() const override { return loop_.now(); }
    const World& world() const override { return state; }
    std::int64_t plans() const override { return plans_; }
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
    std::string acme_takes;  // why the authority refuses the account; "" it does not
    Result<SetAcmeCommand> take_acme(SetAcmeCommand command) override;
    Status check_client_ca(const std::string& pem) override;
    Result<std::unique_ptr<Terminal>> open_terminal(const TerminalRequest& request) override;
    std::shared_ptr<void> logs(const LogQuery& query, std::function<void(LogLine)> line,
                               std::function<void(Status)> end) override;
    void extract_trash(const TrashId& trash, const std::string& target,
                       std::function<void(Status)> done) override;
    void edge_metrics(std::function<void(Result<std::string>)> done) override;
    std::vector<EdgeProcessView> edge_processes() const override { return edge_processes_seen; }
    Result<EdgeUpgrade> upgrade_edge(std::function<void(Status)> served) override;
    void edge_routes(std::function<void(Result<std::vector<EdgeProcessRoutes>>)> done) override;
    void purge_cache(CachePurge purge, std::function<void(Status)> done) override;
    Result<std::string> new_upload() override;
    void shut_down(bool now) override { shut_down_now = now; }

private:
    Result<CommandReply> decide(const Command& command, const Expected& expected);
    void wait_for_cancel(std::shared_ptr<std::atomic<bool>> cancelled,
                         std::function<void(Result<BuildResult>)> done);

    Loop& loop_;
    std::string upload_folder_;
    std::int64_t uploads_ = 0;
    std::int64_t plans_ = 0;
    std::int64_t route_looks_ = 0;
    std::map<std::string, CommandReply> replies_;  // by idempotency key
    std::map<int, std::function<void()>> watchers_;
    int watchers_made_ = 0;
};

}  // namespace moln
