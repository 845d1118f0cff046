// The edge of the simulated machine: one process, or several while a new one takes the place of
// another, as the real keeper of an edge would have it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "ports/edge_link.h"
#include "sim/checkers.h"
#include "sim/fake_edge_process.h"
#include "sim/host.h"

namespace moln::sim {

class FakeEdge final : public EdgeLink {
public:
    explicit FakeEdge(Host& host);

    FakeEdgeWorld world;

    void publish(const EdgeSnapshot& snapshot) override;
    void on_news(std::function<void(const EdgeNews&)> callback) override;

    void daemon_started();
    void daemon_died();
    void crash();
    // A new process takes the place of the one that serves, or dies before it does.
    void upgrade();

    std::int64_t open_on(const InstanceId& instance) const;
    std::int64_t serving(const AppId& app, const std::string& process) const;
    bool is_idle() const;
    std::int64_t requests_begun() const { return world.requests_made; }
    const EdgeSnapshot& applied() const { return main().applied(); }

private:
    FakeEdgeProcess& main() const { return *processes_.at(main_); }
    void end(std::int64_t number);
    void end_when_done(std::int64_t number);
    void switch_to(std::int64_t number);
    void tell_checkers();

    Host& host_;
    std::map<std::int64_t, std::unique_ptr<FakeEdgeProcess>> processes_;
    std::int64_t main_ = 1;
    std::int64_t number_ = 1;  // the highest ever given
    bool upgrading_ = false;
};

}  // namespace moln::sim
