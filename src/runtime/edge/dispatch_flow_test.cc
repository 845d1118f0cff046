// What becomes of a request for which there is no memory.
#include <memory>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "edge/compiler.h"
#include "runtime/edge/core_for_test.h"
#include "runtime/edge/flow.h"

namespace moln::edge_loop {
namespace {

// While it lives the kernel maps no more memory for this process. What was mapped is still used, so
// what a test needs is to be had before.
class NoMoreMemory {
public:
    NoMoreMemory() {
        EXPECT_EQ(getrlimit(RLIMIT_AS, &before_), 0);
        const rlimit none{.rlim_cur = 1, .rlim_max = before_.rlim_max};
        EXPECT_EQ(setrlimit(RLIMIT_AS, &none), 0);
    }
    NoMoreMemory(const NoMoreMemory&) = delete;
    NoMoreMemory& operator=(const NoMoreMemory&) = delete;
    ~NoMoreMemory() { (void)setrlimit(RLIMIT_AS, &before_); }

private:
    rlimit before_{};
};

class OutOfMemory : public ::testing::Test {
protected:
    void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        GTEST_SKIP() << "a sanitizer cannot be without memory";
#endif
        swap_in_an_app();
        receive_a_request();
        // The slab has room from here on.
        core_->upstreams.drop(core_->upstreams.make());
    }
    void TearDown() override {
        if (exchange_.app == nullptr) return;
        core_->views.release(*exchange_.app);
        core_->buffers.take_back(&exchange_.to_client);
        core_->buffers.take_back(&exchange_.to_upstream);
        core_->buffers.take_back(&client_.in);
        for (Upstream* one : core_->dead_upstreams) core_->upstreams.drop(one);
    }

    // The kernel's choice of a port, where nobody accepts.
    std::uint16_t listen() {
        instance_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* generic = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(instance_.get(), generic, length), 0);
        EXPECT_EQ(::listen(instance_.get(), 1), 0);
        EXPECT_EQ(::getsockname(instance_.get(), generic, &length), 0);
        return ntohs(address.sin_port);
    }

    void swap_in_an_app() {
        EdgeApp app;
        app.app = AppId("default/shop");
        app.process = "web";
        app.endpoints = {{InstanceId("web-1"), "127.0.0.1", listen(), EndpointState::active, 1}};
        EdgeSnapshot snapshot;
        snapshot.version = 1;
        snapshot.routes = {{"*", "/", app.app, app.process}};
        snapshot.apps = {std::move(app)};
        auto touched = compiler_.take(std::move(snapshot));
        ASSERT_TRUE(touched);
        auto tables = registry_.join(compiler_.compiled(), touched->apps,
                                     {.sites = std::make_shared<const tls::Sites>(),
                                      .route_index = ledger_.assign(compiler_.snapshot().routes)},
                                     1);
        core_->views.begin_swap(std::move(tables), std::move(touched->apps));
        edge::List<Upstream, ByPool> orphans;
        while (core_->views.is_swapping()) core_->views.swap_some(1, orphans, 0);
    }

    void receive_a_request() {
        client_.state = ClientState::exchange;
        client_.in = core_->buffers.lend();
        client_.in->append("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n");
        exchange_.client = &client_;
        exchange_.heads = &heads_;
        const auto parsed =
            http::parse_request_head(client_.in->view(), {}, heads_.request_cursor, heads_.request);
        ASSERT_EQ(parsed.progress, http::Progress::done);
        heads_.request.rebase(client_.in->bytes);
        exchange_.head_end = exchange_.body_at = parsed.consumed;
        exchange_.app = core_->views.route("shop.test", "/").app;
        ASSERT_NE(exchange_.app, nullptr);
        ++exchange_.app->exchanges;
    }

    edge::Compiler compiler_;
    CellRegistry registry_{1};
    RouteCounts counts_;
    RouteLedger ledger_{std::vector<const RouteCounts*>{&counts_}};
    Fd instance_;
    Client client_;
    Heads heads_;
    Exchange exchange_;
    CoreForTest core_;
};

// Its client may be slow to take the answer: what the connection comes to until then must not be
// looked up at an endpoint that the request has left.
TEST_F(OutOfMemory,
       a_request_whose_head_cannot_be_written_leaves_its_connection_with_its_endpoint) {
    exchange_.to_client = core_->buffers.lend();
    const EndpointView& endpoint = *exchange_.app->endpoints[0];
    {
        const NoMoreMemory limit;
        ASSERT_EQ(core_->buffers.lend(), nullptr);
        dispatch(*core_, exchange_);
    }
    EXPECT_EQ(exchange_.status, 503);
    EXPECT_EQ(exchange_.endpoint, nullptr);
    EXPECT_EQ(exchange_.upstream, nullptr);
    EXPECT_EQ(endpoint.open, 0U);
    ASSERT_EQ(core_->dead_upstreams.size(), 1U);
    EXPECT_EQ(core_->dead_upstreams[0]->state, UpstreamState::closed);
}

// It is looked for once there is memory, by a timer: nothing else would end its wait.
TEST_F(OutOfMemory, a_client_that_may_have_left_is_not_looked_for_in_a_circle) {
    client_.ready.hung_up = true;
    {
        const NoMoreMemory limit;
        ASSERT_EQ(core_->buffers.lend(), nullptr);
        EXPECT_EQ(pump_response(*core_, exchange_), Flow::wait);
        EXPECT_TRUE(may_have_left(exchange_));
    }
    EXPECT_EQ(pump_response(*core_, exchange_), Flow::progress);
    ASSERT_NE(exchange_.to_client, nullptr);
    EXPECT_EQ(exchange_.to_client->view(), "HTTP/1.1 100 Continue\r\n\r\n");
}

}  // namespace
}  // namespace moln::edge_loop
