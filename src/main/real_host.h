// HostServices on this machine. See ports/host_services.h.
#pragma once

#include <functional>
#include <memory>

#include "drivers/acme/real_acme.h"
#include "drivers/certificate/real_certificates.h"
#include "drivers/sandbox/host.h"
#include "io/host/host_loop.h"
#include "io/host/seal.h"
#include "main/edge_keeper.h"
#include "ports/entropy.h"
#include "ports/host_services.h"
#include "runtime/kernel_paths.h"

namespace moln {

struct RealHostParts {
    HostLoop& loop;
    DataDir data;
    SealBox& seals;
    SandboxHost& sandboxes;
    EdgeLinks& edge_link;
    EdgeKeeper& edge_keeper;
    KernelPaths& paths;
    Entropy& entropy;
    std::function<void(int exit_code)> end;  // of the process, once
};

class RealHost final : public HostServices {
public:
    explicit RealHost(RealHostParts parts)
        : parts_(std::move(parts)),
          certificates_(parts_.seals),
          acme_(parts_.seals, parts_.data.run() + "/acme") {}

    NodeFacts facts() override;
    Result<std::string> seal(const AppId& app, const std::string& name,
                             const Secret& value) override;
    Result<Secret> unseal(const AppId& app, const std::string& name,
                          const std::string& sealed) override;
    Certificates& certificates() override { return certificates_; }
    Acme& acme() override { return acme_; }
    Result<std::unique_ptr<Terminal>> open_terminal(const Instance& instance,
                                                    const TerminalRequest& request) override;
    std::shared_ptr<void> logs(const World& world, const LogQuery& query,
                               std::function<void(LogLine)> line,
                               std::function<void(Status)> end) override;
    std::vector<StreamPath> stream_paths() const override { return parts_.paths.told(); }
    void edge_metrics(std::function<void(Result<std::string>)> done) override;
    std::vector<EdgeProcessView> edge_processes() const override {
        return parts_.edge_keeper.processes();
    }
    Result<EdgeUpgrade> upgrade_edge(std::function<void(Status)> served) override {
        return parts_.edge_keeper.upgrade("by request", std::move(served));
    }
    void edge_routes(std::function<void(Result<std::vector<EdgeProcessRoutes>>)> done) override;
    void purge_cache(CachePurge purge, std::function<void(Status)> done) override;
    Result<std::string> new_upload() override;
    void close_edge(Ending ending, std::function<void()> done) override;
    void shut_down_done() override;
    void leadership_lost(const Error& error) override;

private:
    void unmount_all();

    RealHostParts parts_;
    RealCertificates certificates_;
    RealAcme acme_;
};

}  // namespace moln
