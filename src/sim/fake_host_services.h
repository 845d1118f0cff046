// The simulated machine's other services: sealed texts are their own secrets, nobody opens a
// terminal, nothing is logged.
#pragma once

#include <optional>
#include <utility>

#include "ports/host_services.h"
#include "sim/fake_acme.h"
#include "sim/fake_certificates.h"

namespace moln::sim {

class FakeHostServices final : public HostServices {
public:
    std::optional<Error> lost;  // why the daemon gave up leading
    FakeCertificates works;
    FakeAcme authority;

    NodeFacts facts() override { return {gib(8), 4'000, gib(100), gib(200)}; }
    Result<std::string> seal(const AppId&, const std::string&, const Secret& value) override {
        return value.reveal();
    }
    Result<Secret> unseal(const AppId&, const std::string&, const std::string& sealed) override {
        return Secret(sealed);
    }
    Certificates& certificates() override { return works; }
    Acme& acme() override { return authority; }
    Result<std::unique_ptr<Terminal>> open_terminal(const Instance&,
                                                    const TerminalRequest&) override {
        return fail(ErrorCode::refused, "a simulated instance has no terminal");
    }
    std::shared_ptr<void> logs(const World&, const LogQuery&, std::function<void(LogLine)>,
                               std::function<void(Status)> end) override {
        end({});
        return nullptr;
    }
    void edge_metrics(std::function<void(Result<std::string>)> done) override { done(""); }
    std::vector<EdgeProcessView> edge_processes() const override { return {}; }
    Result<EdgeUpgrade> upgrade_edge(std::function<void(Status)>) override {
        return fail(ErrorCode::unavailable, "a simulated edge is no process");
    }
    void edge_routes(std::function<void(Result<std::vector<EdgeProcessRoutes>>)> done) override {
        done({});
    }
    void purge_cache(CachePurge, std::function<void(Status)> done) override { done({}); }
    Result<std::string> new_upload() override {
        return fail(ErrorCode::refused, "nothing is uploaded here");
    }
    void close_edge(Ending, std::function<void()> done) override { done(); }
    void shut_down_done() override {}
    void leadership_lost(const Error& error) override { lost = error; }
};

}  // namespace moln::sim
