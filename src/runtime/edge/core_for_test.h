// A worker's core and ports for tests of flows: no thread runs it, the test drives it.
#pragma once

#include <memory>
#include <utility>

#include "base/check.h"
#include "runtime/edge/core.h"

namespace moln::edge_loop {

class CoreForTest {
public:
    CoreForTest() {
        auto wake = net::Wake::create();
        auto control_wake = net::Wake::create();
        auto epoll = net::Epoll::create();
        CHECK(wake && control_wake && epoll);
        control_ = std::make_unique<ControlPort>(std::move(*control_wake));
        port_ = std::make_unique<WorkerPort>(std::move(*wake), *control_, LogWish::none);
        core_ = std::make_unique<Core>(0, *port_, std::move(*epoll), EdgeClientLimits{});
    }
    Core& operator*() { return *core_; }
    Core* operator->() { return core_.get(); }

private:
    std::unique_ptr<ControlPort> control_;
    std::unique_ptr<WorkerPort> port_;
    std::unique_ptr<Core> core_;
};

}  // namespace moln::edge_loop
