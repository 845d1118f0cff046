#include "tests/api/api_fixture.h"

#include <filesystem>

#include <unistd.h>

namespace moln {

void ApiTest::start(io::ApiServerOptions options) {
    auto name = (std::filesystem::temp_directory_path() / "moln-api-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    if (options.unix_socket.empty()) options.unix_socket = socket();
    loop_ = std::make_unique<HostLoop>();
    control_ = std::make_unique<FakeControl>(*loop_, folder_);
    service_ = api::make_service(*control_, *loop_, {"0.1.0", loop_->now().mono});
    auto started = io::start_api_server(asio_context(*loop_), *loop_, *service_, options);
    if (started) {
        server_ = std::move(*started);
    } else {
        start_error_ = started.error();
    }
    thread_ = std::thread([this] { loop_->run(); });
}

void ApiTest::TearDown() {
    if (loop_ == nullptr) return;
    on_loop([this] {
        server_ = nullptr;
        service_ = nullptr;
    });
    loop_->stop();
    thread_.join();
    control_ = nullptr;
    loop_ = nullptr;
    std::filesystem::remove_all(folder_);
}

void ApiTest::restart(io::ApiServerOptions options) {
    TearDown();
    start_error_ = std::nullopt;
    start(std::move(options));
}

bool ApiTest::becomes(const std::function<bool()>& so) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < until) {
        if (on_loop(so)) return true;
        std::this_thread::yield();
    }
    return false;
}

RawAnswer ApiTest::call(const std::string& method, const std::string& target,
                        const std::string& body,
                        const std::map<std::string, std::string>& headers) {
    return RawClient(socket()).call(method, target, body, headers);
}

}  // namespace moln
