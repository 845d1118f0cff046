// The real service and server over a FakeControl, on a loop thread of their own, with clients on
// the test's thread.
#pragma once

#include <future>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "api/service.h"
#include "io/api/server.h"
#include "io/host/asio_context.h"
#include "io/host/host_loop.h"
#include "tests/api/fake_control.h"
#include "tests/api/raw_client.h"

namespace moln {

class ApiTest : public ::testing::Test {
protected:
    void SetUp() override { start({}); }
    void TearDown() override;

    void start(io::ApiServerOptions options);
    void restart(io::ApiServerOptions options);

    // Runs on the loop thread and waits for it.
    template <typename F>
    auto on_loop(F f) {
        std::promise<decltype(f())> done;
        auto result = done.get_future();
        loop_->post([&] {
            if constexpr (std::is_void_v<decltype(f())>) {
                f();
                done.set_value();
            } else {
                done.set_value(f());
            }
        });
        return result.get();
    }
    // Looks on the loop thread again and again until it is so; false after ten seconds.
    bool becomes(const std::function<bool()>& so);

    std::string socket() const { return folder_ + "/api.sock"; }
    RawAnswer call(const std::string& method, const std::string& target,
                   const std::string& body = "",
                   const std::map<std::string, std::string>& headers = {});

    std::string folder_;
    std::unique_ptr<HostLoop> loop_;
    std::unique_ptr<FakeControl> control_;
    std::unique_ptr<ApiService> service_;
    std::unique_ptr<io::ApiServer> server_;
    std::optional<Error> start_error_;
    std::thread thread_;
};

}  // namespace moln
