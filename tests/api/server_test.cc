// The server as a server: who may connect, where it listens, how many, how long, and what it does
// with connections that are kept, crowded, cut or silent.
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "cli/wire.h"
#include "io/file/temp_dir_for_test.h"
#include "tests/api/api_fixture.h"

namespace moln {
namespace {

using testing::HasSubstr;

class Server : public ApiTest {
protected:
    std::string token_file(const std::string& text, mode_t mode) {
        const auto path = tokens_ / "token";
        std::ofstream(path) << text;
        ::chmod(path.c_str(), mode);
        return path;
    }
    std::uint16_t port() {
        const auto address = on_loop([this] { return server_->tcp_address(); });
        return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    }

private:
    TempDir tokens_;  // beside the server's own folder, which a restart makes anew
};

constexpr const char* k_token = "0123456789abcdef";

TEST_F(Server, the_socket_is_its_owners_alone) {
    struct stat info = {};
    ASSERT_EQ(::stat(socket().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(Server, what_a_dead_daemon_left_is_replaced_and_nothing_else) {
    io::ApiServerOptions options;
    options.unix_socket = folder_ + "/second.sock";
    const auto begin = [&] {
        return on_loop(
            [&] { return io::start_api_server(asio_context(*loop_), *loop_, *service_, options); });
    };
    std::ofstream(options.unix_socket) << "precious";
    const auto refused = begin();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::exists);
    std::string kept;
    std::ifstream(options.unix_socket) >> kept;
    EXPECT_EQ(kept, "precious");
    options.unix_socket = folder_ + "/" + std::string(120, 'x');
    EXPECT_EQ(begin().error().code, ErrorCode::invalid);
}

TEST_F(Server, a_connection_serves_one_request_after_the_other) {
    RawClient client(socket());
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.call("GET", "/v1/status").status, 200);
    // Sent ahead, answered in order.
    client.send(
        "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/none HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(client.read_answer().status, 200);
    EXPECT_EQ(client.read_answer().status, 404);
    EXPECT_EQ(client.call("GET", "/v1/apps").status, 200);
}

TEST_F(Server, other_addresses_than_loopback_are_refused_at_the_start) {
    for (const auto* address : {"0.0.0.0:0", "192.0.2.1:0", "[::]:0", "localhost:80", "127.0.0.1",
                                "127.0.0.1:99999", ""}) {
        io::ApiServerOptions options;
        options.tcp_listen = address;
        options.token_file = token_file(k_token, 0600);
        restart(options);
        EXPECT_EQ(start_error_.has_value(), *address != '\0') << address;
        if (start_error_) {
            EXPECT_EQ(start_error_->code, ErrorCode::invalid);
        }
    }
    io::ApiServerOptions options;
    options.tcp_listen = "0.0.0.0:0";
    restart(options);
    EXPECT_THAT(start_error_->reason, HasSubstr("TLS"));
}

TEST_F(Server, a_token_file_must_be_private_and_long_enough) {
    const auto refused = [&](const std::string& path) {
        io::ApiServerOptions options;
        options.tcp_listen = "127.0.0.1:0";
        options.token_file = path;
        restart(options);
        return start_error_ ? start_error_->reason : "";
    };
    EXPECT_THAT(refused(token_file(k_token, 0640)), HasSubstr("chmod 0600"));
    EXPECT_THAT(refused(token_file("short", 0600)), HasSubstr("16 to 1024"));
    EXPECT_THAT(refused(token_file(std::string(1025, 'x'), 0600)), HasSubstr("16 to 1024"));
    EXPECT_THAT(refused("/nonexistent/token"), HasSubstr("/nonexistent/token"));
    EXPECT_EQ(refused(token_file(std::string(1024, 'x'), 0600)), "");
}

TEST_F(Server, tcp_asks_for_the_token) {
    io::ApiServerOptions options;
    options.tcp_listen = "127.0.0.1:0";
    options.token_file = token_file(std::string(k_token) + "\n", 0600);
    restart(options);
    ASSERT_FALSE(start_error_);
    const auto with = [&](const std::string& authorization) {
        return RawClient("127.0.0.1", port())
            .call("GET", "/v1/status", "", {{"Authorization", authorization}})
            .status;
    };
    EXPECT_EQ(RawClient("127.0.0.1", port()).call("GET", "/v1/status").status, 401);
    EXPECT_EQ(with("Bearer wrong"), 401);
    EXPECT_EQ(with(std::string("Bearer ") + k_token + "x"), 401);
    EXPECT_EQ(with(std::string("Basic ") + k_token), 401);
    EXPECT_EQ(with(std::string("Bearer ") + k_token), 200);
}

TEST_F(Server, one_connection_past_the_limit_is_told_so) {
    io::ApiServerOptions options;
    options.limits.connections_max = 2;
    restart(options);
    RawClient first(socket());
    EXPECT_EQ(first.call("GET", "/v1/status").status, 200);
    {
        RawClient second(socket());
        EXPECT_EQ(second.call("GET", "/v1/status").status, 200);
        RawClient third(socket());
        EXPECT_EQ(third.read_answer().status, 503);
    }
    EXPECT_TRUE(becomes([this] { return server_->connections() < 2; }));
    EXPECT_EQ(RawClient(socket()).call("GET", "/v1/status").status, 200);
}

TEST_F(Server, silent_connections_are_closed) {
    io::ApiServerOptions options;
    options.limits.head_time = {50};
    options.limits.idle_time = {50};
    options.limits.stall_time = {50};
    restart(options);
    RawClient idle(socket());
    EXPECT_EQ(idle.read_some(), "");
    RawClient half_head(socket());
    half_head.send("GET /v1/sta");
    EXPECT_EQ(half_head.read_some(), "");
    RawClient half_body(socket());
    half_body.send("PUT /v1/apps/x/scale HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{");
    EXPECT_EQ(half_body.read_some(), "");
}

TEST_F(Server, http_1_0_gets_its_stream_until_the_close) {
    on_loop([this] {
        control_->add_app("shop");
        control_->log_lines = {{.process = "web", .text = "old times"}};
    });
    RawClient client(socket());
    client.send("GET /v1/apps/shop/logs HTTP/1.0\r\n\r\n");
    const auto all = client.read_until("\x01 never");
    EXPECT_THAT(all, HasSubstr("Connection: close"));
    EXPECT_THAT(all, testing::Not(HasSubstr("chunked")));
    EXPECT_THAT(all, HasSubstr("old times"));
}

TEST_F(Server, ending_the_server_cuts_its_connections) {
    RawClient client(socket());
    client.send("GET /v1/watch HTTP/1.1\r\nHost: x\r\n\r\n");
    client.read_until("synced");
    on_loop([this] { server_ = nullptr; });
    EXPECT_EQ(client.read_some(), "");
    EXPECT_FALSE(RawClient(socket()).connected());
}

// ---- terminals ----------------------------------------------------------------------------------

class TerminalLine : public Server {
protected:
    void SetUp() override {
        ApiTest::SetUp();
        on_loop([this] { control_->add_app("shop"); });
    }
    // A client after its handshake.
    std::unique_ptr<RawClient> open(const std::string& target) {
        auto client = std::make_unique<RawClient>(socket());
        client->send("GET " + target +
                     " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
                     base64("0123456789abcdef") + "\r\n\r\n");
        head_ = client->read_until("\r\n\r\n");
        rest_ = head_.substr(head_.find("\r\n\r\n") + 4);
        return client;
    }
    // Frames until one of the kind; the payloads of that kind joined.
    std::string frames(RawClient& client, cli::FrameKind kind, const std::string& until) {
        std::string all;
        cli::FrameReader& reader = reader_;
        while (all.find(until) == std::string::npos) {
            const auto more = rest_.empty() ? client.read_some() : std::exchange(rest_, "");
            if (more.empty()) break;
            const auto got = reader.feed(more);
            EXPECT_TRUE(got);
            for (const auto& frame : *got) {
                if (frame.kind == kind) all += frame.payload;
            }
        }
        return all;
    }
    std::shared_ptr<FakeTerminalState> terminal(const std::string& id) {
        return on_loop([&] { return control_->terminals[InstanceId(id)]; });
    }
    // On the loop.
    void end_one_off(const std::string& id, int code) {
        auto& seen = control_->state.nodes[control_->state.self].instances[InstanceId(id)];
        seen.phase = InstancePhase::ended;
        seen.last_exit = InstanceExit{.code = code};
        control_->changed();
    }
    std::string head_;
    std::string rest_;
    cli::FrameReader reader_;
};

TEST_F(TerminalLine, carries_bytes_sizes_and_the_exit_code) {
    auto client = open("/v1/instances/web-shop/terminal?arg=ls&arg=-l&columns=100&rows=30");
    ASSERT_THAT(head_, HasSubstr("101"));
    const auto shell = terminal("web-shop");
    EXPECT_THAT(shell->request.command, testing::ElementsAre("ls", "-l"));
    EXPECT_EQ(shell->request.columns, 100);
    client->send(cli::frame_bytes(cli::FrameKind::bytes, "typed", 0x12345678));
    client->send(cli::frame_bytes(cli::FrameKind::text, R"({"resize":[90,20]})", 1));
    EXPECT_TRUE(becomes([&] { return shell->input == "typed" && shell->sizes.size() == 1; }));
    on_loop([&] { shell->output(std::string("out\0put", 7)); });
    EXPECT_EQ(frames(*client, cli::FrameKind::bytes, "put"), std::string("out\0put", 7));
    on_loop([&] { shell->end(3); });
    EXPECT_EQ(frames(*client, cli::FrameKind::text, "}"), R"({"exit":3})");
    EXPECT_TRUE(becomes([&] { return shell->closed; }));
}

TEST_F(TerminalLine, without_a_terminal_each_frame_says_which_stream_it_is_of) {
    auto client = open("/v1/instances/web-shop/terminal?arg=ls&tty=0");
    const auto shell = terminal("web-shop");
    on_loop([&] {
        shell->output("said");
        shell->errors("lamented");
    });
    EXPECT_EQ(frames(*client, cli::FrameKind::bytes, "lamented"), "\1said\2lamented");
}

TEST_F(TerminalLine, a_client_waits_while_the_process_takes_no_input) {
    auto client = open("/v1/instances/web-shop/terminal?arg=cat&tty=0");
    const auto shell = terminal("web-shop");
    const auto heard = [&](const std::string& all) {
        return becomes([&] { return shell->input == all; });
    };
    on_loop([&] { shell->input_waiting = k_terminal_input_bytes_pause; });
    client->send(cli::frame_bytes(cli::FrameKind::bytes, "at the bound,", 1));
    EXPECT_TRUE(heard("at the bound,"));
    on_loop([&] { shell->input_waiting = k_terminal_input_bytes_pause + 1; });
    client->send(cli::frame_bytes(cli::FrameKind::bytes, "past it,", 1));
    EXPECT_TRUE(heard("at the bound,past it,"));
    client->send(cli::frame_bytes(cli::FrameKind::bytes, "waits", 1));
    on_loop([&] {
        shell->input_waiting = k_terminal_input_bytes_pause / 2 + 1;
        shell->input_taken();
    });
    EXPECT_TRUE(heard("at the bound,past it,"));
    on_loop([&] {
        shell->input_waiting = k_terminal_input_bytes_pause / 2;
        shell->input_taken();
    });
    EXPECT_TRUE(heard("at the bound,past it,waits"));
}

TEST_F(TerminalLine, a_client_that_leaves_while_it_waits_closes_the_terminal) {
    auto client = open("/v1/instances/web-shop/terminal?arg=cat&tty=0");
    const auto shell = terminal("web-shop");
    on_loop([&] { shell->input_waiting = k_terminal_input_bytes_pause + 1; });
    client->send(cli::frame_bytes(cli::FrameKind::bytes, "too much", 1));
    EXPECT_TRUE(becomes([&] { return !shell->input.empty(); }));
    client->send(cli::frame_bytes(cli::FrameKind::bytes, "unread", 1));
    client = nullptr;
    EXPECT_TRUE(becomes([&] { return shell->closed; }));
}

TEST_F(TerminalLine, a_process_waits_while_the_client_takes_no_output) {
    auto client = open("/v1/instances/web-shop/terminal?arg=cat&tty=0");
    const auto shell = terminal("web-shop");
    std::size_t said = 0;
    while (!on_loop([&] { return shell->output_paused; }) && said < 2 * k_api_queue_bytes_max) {
        on_loop([&] { shell->output(std::string(1u << 20, 'x')); });
        said += 1u << 20;
    }
    EXPECT_LT(said, k_api_queue_bytes_max);
    on_loop([&] { shell->errors("last"); });
    frames(*client, cli::FrameKind::bytes, "last");
    EXPECT_TRUE(becomes([&] { return !shell->output_paused; }));
}

TEST_F(TerminalLine, a_client_that_leaves_closes_the_terminal) {
    auto client = open("/v1/instances/web-shop/terminal");
    const auto shell = terminal("web-shop");
    client = nullptr;
    EXPECT_TRUE(becomes([&] { return shell->closed; }));
}

TEST_F(TerminalLine, an_instance_that_does_not_run_is_refused) {
    on_loop([this] { control_->add_instance("shop", "web-new", 1); });
    open("/v1/instances/web-new/terminal");
    EXPECT_THAT(head_, HasSubstr("422"));
    open("/v1/instances/web-none/terminal");
    EXPECT_THAT(head_, HasSubstr("404"));
}

TEST_F(TerminalLine, bad_text_frames_end_it_with_an_error) {
    auto client = open("/v1/instances/web-shop/terminal");
    client->send(cli::frame_bytes(cli::FrameKind::text, R"({"resize":[0,20]})", 1));
    EXPECT_THAT(frames(*client, cli::FrameKind::text, "}}"), HasSubstr("expected {\\\"resize"));
}

TEST_F(TerminalLine, attaching_waits_for_a_one_off_to_start) {
    on_loop([this] { control_->add_instance("shop", "run-1", 1); });
    auto client = open("/v1/instances/run-1/terminal?attach=1");
    ASSERT_THAT(head_, HasSubstr("101"));
    client->send(cli::frame_bytes(cli::FrameKind::bytes, "early", 1));
    EXPECT_EQ(terminal("run-1"), nullptr);
    on_loop([this] {
        control_->make_ready(InstanceId("run-1"));
        control_->changed();
    });
    EXPECT_TRUE(becomes([this] {
        const auto shell = control_->terminals[InstanceId("run-1")];
        return shell != nullptr && shell->input == "early";
    }));
}

TEST_F(TerminalLine, attaching_is_tried_again_until_the_line_is_there) {
    on_loop([this] {
        control_->add_instance("shop", "run-1", 1);
        control_->make_ready(InstanceId("run-1"));
        control_->refuse_terminals = 3;
    });
    const auto client = open("/v1/instances/run-1/terminal?attach=1");
    EXPECT_TRUE(becomes([this] { return control_->terminals.contains(InstanceId("run-1")); }));
}

TEST_F(TerminalLine, a_one_off_that_had_said_all_before_the_line_was_open_is_heard_from_its_log) {
    on_loop([this] {
        control_->add_instance("shop", "run-1", 1);
        control_->make_ready(InstanceId("run-1"));
        control_->log_lines = {{.instance = InstanceId("run-1"), .text = "so fast"}};
    });
    auto client = open("/v1/instances/run-1/terminal?attach=1");
    ASSERT_TRUE(becomes([this] { return control_->terminals.contains(InstanceId("run-1")); }));
    on_loop([this] { end_one_off("run-1", 5); });
    on_loop([this] { control_->terminals[InstanceId("run-1")]->end(std::nullopt); });
    EXPECT_EQ(frames(*client, cli::FrameKind::bytes, "\n"), "so fast\r\n");
    EXPECT_EQ(frames(*client, cli::FrameKind::text, "}"), R"({"exit":5})");
}

// Its record goes as soon as its end was seen, its line may close before or after that.
TEST_F(TerminalLine, a_one_off_whose_line_closes_first_ends_with_the_code_seen_later) {
    on_loop([this] {
        control_->add_instance("shop", "run-1", 1);
        control_->make_ready(InstanceId("run-1"));
    });
    auto client = open("/v1/instances/run-1/terminal?attach=1&tty=0");
    ASSERT_TRUE(becomes([this] { return control_->terminals.contains(InstanceId("run-1")); }));
    on_loop([this] {
        const auto line = control_->terminals[InstanceId("run-1")];
        line->output("said\n");
        line->end(std::nullopt);
    });
    on_loop([this] { end_one_off("run-1", 6); });
    on_loop([this] {
        control_->state.instances.erase(InstanceId("run-1"));
        control_->changed();
    });
    EXPECT_EQ(frames(*client, cli::FrameKind::text, "}"), R"({"exit":6})");
}

TEST_F(TerminalLine, a_one_off_without_terminal_says_all_that_it_said_and_its_code) {
    on_loop([this] {
        control_->add_instance("shop", "run-1", 1);
        end_one_off("run-1", 7);
        control_->log_lines = {{.instance = InstanceId("run-1"), .text = "first and last"}};
    });
    auto client = open("/v1/instances/run-1/terminal?attach=1&tty=0");
    EXPECT_EQ(frames(*client, cli::FrameKind::bytes, "\n"), "\1first and last\n");
    EXPECT_EQ(frames(*client, cli::FrameKind::text, "}"), R"({"exit":7})");
}

}  // namespace
}  // namespace moln
